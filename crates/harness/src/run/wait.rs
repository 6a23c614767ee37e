//! Waiting for facts, each wait with a deadline and with what it last saw.

use std::time::Duration;

use facts::{Event, Expression, Nanos, expression, plan::Condition};
use ledger::clock::now;

use super::{Halt, Run, TURN};
use crate::{
    Error,
    site::{self, Sight},
};

/// How a wait ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// The condition holds.
    Held,
    /// It did not in time; what was seen last.
    TimedOut(String),
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// The plan's own time is over.
    OutOfTime,
}

impl Run<'_> {
    /// Waits for a condition of the plan.
    pub(super) fn wait_for(&mut self, condition: &Condition) -> Result<(), Halt> {
        let within = Duration::from_millis(condition.within_ms);
        match self.wait_until(&condition.holds, within, |_| None)? {
            Waited::Held => Ok(()),
            Waited::Interrupted => Err(Halt::Interrupted),
            Waited::OutOfTime => Err(Halt::OutOfTime),
            Waited::TimedOut(saw) => {
                let Condition { text, .. } = condition;
                Err(Halt::Failed(format!("`{text}` did not come true within {within:?}; last seen: {saw}")))
            }
        }
    }

    /// Waits until it holds; `hopeless` may say early that it never will.
    pub(super) fn wait_until(
        &mut self,
        holds: &Expression,
        within: Duration,
        hopeless: impl Fn(&Run<'_>) -> Option<String>,
    ) -> Result<Waited, Error> {
        self.watcher.look_now()?;
        self.watcher.want_answers(site::asks(holds));
        let waited = self.turn_until(holds, within, hopeless);
        self.watcher.want_answers(Vec::new());
        waited
    }

    fn turn_until(
        &mut self,
        holds: &Expression,
        within: Duration,
        hopeless: impl Fn(&Run<'_>) -> Option<String>,
    ) -> Result<Waited, Error> {
        let since = self.watcher.wanted_since;
        let give_up = now() + within.as_nanos() as Nanos;
        loop {
            let unknown = match expression::truth(holds, &Sight { site: &self.watcher.site, since }) {
                Ok(true) => return Ok(Waited::Held),
                Ok(false) => None,
                Err(unknown) => Some(unknown),
            };
            if self.is_interrupted() {
                return Ok(Waited::Interrupted);
            }
            let hopeless = hopeless(self);
            if hopeless.is_none() && self.is_out_of_time() {
                return Ok(Waited::OutOfTime);
            }
            if hopeless.is_some() || now() > give_up {
                let seen = self.watcher.site.describe();
                let nameless = self.watcher.nameless_answers();
                let why: Vec<String> =
                    hopeless.into_iter().chain(unknown).chain(nameless).chain([seen]).collect();
                return Ok(Waited::TimedOut(why.join("; ")));
            }
            self.turn(TURN)?;
        }
    }

    /// Lets the load run.
    pub(super) fn sleep(&mut self, length: Duration) -> Result<(), Halt> {
        self.sleep_until(now() + length.as_nanos() as Nanos)
    }

    /// Lets the load run until an instant, which may have passed.
    pub(super) fn sleep_until(&mut self, until: Nanos) -> Result<(), Halt> {
        while now() < until {
            self.turn_or_halt(Duration::from_nanos(until.saturating_sub(now())))?;
        }
        Ok(())
    }

    /// A turn, unless the run is to end.
    pub(super) fn turn_or_halt(&mut self, at_most: Duration) -> Result<(), Halt> {
        if self.is_interrupted() {
            return Err(Halt::Interrupted);
        }
        self.check_deadline()?;
        Ok(self.turn(at_most)?)
    }

    pub(super) fn check_deadline(&self) -> Result<(), Halt> {
        if self.is_out_of_time() { Err(Halt::OutOfTime) } else { Ok(()) }
    }

    fn is_out_of_time(&self) -> bool {
        now() > self.deadline
    }

    /// Writes why the run ends before its own end, and what it was at.
    pub(super) fn tell_cut_off(&self, at: &str) -> Result<(), Error> {
        let (deadline_ms, saw) = (self.plan.deadline_ms, self.watcher.site.describe());
        let why = format!("its deadline of {deadline_ms} ms passed {at}; last seen: {saw}");
        self.watcher.write(Event::CutOff { why })
    }
}
