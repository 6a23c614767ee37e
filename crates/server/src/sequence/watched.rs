//! A master that is listened to while orders are given to it.

use std::{
    error::Error,
    rc::Rc,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{Done, fail, say, turn::Turn};
use crate::{
    control::{ControlError, Master},
    signal,
    status::Status,
};

/// A master that was asked answers at once.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// How often a long wait says what it waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A master, and what it said last.
pub(super) struct Watched {
    pub(super) master: Master,
    pub(super) last: Status,
    /// Answers that came before the first order.
    pub(super) known: u64,
    /// What others may want while we wait.
    turn: Option<Rc<Turn>>,
}

impl Watched {
    pub(super) fn call(pid: u32) -> Result<Watched, ControlError> {
        let master = Master::call(pid)?;
        let last = master.first(Instant::now() + ANSWER_DEADLINE)?;
        let known = last.answered;
        Ok(Watched { master, last, known, turn: None })
    }

    /// The same, for whoever has the turn.
    pub(super) fn call_in_turn(pid: u32, turn: &Rc<Turn>) -> Result<Watched, ControlError> {
        Ok(Watched { turn: Some(Rc::clone(turn)), ..Watched::call(pid)? })
    }

    /// Sends a signal and waits for the receipt, so that what is seen from here on is seen after it. A master that leaves
    /// needs none.
    pub(super) fn send(&mut self, signal: Signal) -> Result<(), Box<dyn Error>> {
        let received = format!("signal {} received", signal.as_str().trim_start_matches("SIG"));
        let before = self.last.answered;
        if let Some(turn) = &self.turn {
            turn.check()?;
        }
        signal::send(signal, self.master.pid)?;
        let is_there = |status: &Status| {
            status.answers_since(before).iter().any(|answer| answer.says == received).then_some(())
        };
        self.until("the master to take the signal", is_there)?;
        Ok(())
    }

    /// Waits until a fact can be told of the master; `None` if it ends before.
    pub(super) fn until<T>(
        &mut self,
        what: &str,
        fact: impl Fn(&Status) -> Option<T>,
    ) -> Result<Option<T>, ControlError> {
        loop {
            if let Some(told) = fact(&self.last) {
                return Ok(Some(told));
            }
            let deadline = Instant::now() + PATIENCE;
            if let Some(turn) = &self.turn {
                turn.wait(&self.master, deadline)?;
            }
            match self.master.next(deadline) {
                Ok(Some(status)) => self.last = status,
                Ok(None) => return Ok(None),
                Err(ControlError::Silent { .. }) => say(&format!("still waiting for {what}\n{}", self.last)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The same, but not longer than until a deadline.
    pub(super) fn until_by<T>(
        &mut self,
        deadline: Instant,
        fact: impl Fn(&Status) -> Option<T>,
    ) -> Result<Awaited<T>, ControlError> {
        loop {
            if let Some(told) = fact(&self.last) {
                return Ok(Awaited::Fact(told));
            }
            match self.master.next(deadline) {
                Ok(Some(status)) => self.last = status,
                Ok(None) => return Ok(Awaited::Ended),
                Err(ControlError::Silent { .. }) => return Ok(Awaited::Late),
                Err(error) => return Err(error),
            }
        }
    }

    /// Fails, with what the master said since the first order.
    pub(super) fn fail(&self, line: &str) -> Done {
        for answer in self.last.answers_since(self.known) {
            eprintln!("changeoverd: {} {}", answer.at, answer.says);
        }
        fail(line)
    }
}

/// What became of a wait.
pub(super) enum Awaited<T> {
    /// It came true.
    Fact(T),
    /// The master ended before.
    Ended,
    /// It did not come true in time.
    Late,
}
