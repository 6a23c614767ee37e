//! One signal, and what the master says to it. Whoever is told nothing of that (nginx, an older version, a master that hangs) gets
//! the signal all the same.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal as Raised;
use protocol::{master::Remark, signals::Signal};

use super::{
    Done, fail, say,
    watched::{ANSWER_DEADLINE, Awaited, Watched},
};
use crate::{
    control::ControlError,
    signal,
    status::{Answer, Stage, Status},
};

/// What a reload may take beside its workers.
const RELOAD_SLACK: Duration = Duration::from_secs(10);

/// Sends a signal, and tells what the master says to it.
pub(super) fn tell(signal: Signal, pid: u32) -> Done {
    let Some(mut master) = hear(signal, pid)? else { return Ok(0) };
    let before = master.last.answered;
    match receipt(&mut master, signal, before)? {
        Receipt::Unsaid(code) => Ok(code),
        Receipt::Said => match fate(&master.last, signal, before) {
            Some(Fate::Carried) => Ok(0),
            Some(Fate::Deferred(says)) => {
                say(&says);
                Ok(0)
            }
            Some(Fate::Refused(says)) => fail(&says),
            None => Ok(0),
        },
    }
}

/// Sends HUP, and waits for what becomes of it.
pub(super) fn reload(pid: u32, ready: Duration) -> Done {
    let Some(mut master) = hear(Signal::Hup, pid)? else { return Ok(0) };
    let mut before = master.last.answered;
    if let Receipt::Unsaid(code) = receipt(&mut master, Signal::Hup, before)? {
        return Ok(code);
    }
    let deadline = Instant::now() + ready + RELOAD_SLACK;
    match fate(&master.last, Signal::Hup, before) {
        Some(Fate::Refused(says)) => return fail(&says),
        Some(Fate::Deferred(says)) => {
            say(&says);
            // What is said before its time has come is about something else.
            let begun = |status: &Status| is_begun(status, before);
            match master.until_by(deadline, begun)? {
                Awaited::Fact(true) => before = master.last.answered,
                Awaited::Fact(false) => return master.fail("no reload"),
                Awaited::Ended => return fail("no reload: the master ended before its time had come"),
                Awaited::Late => return late(&master),
            }
        }
        _ => {}
    }
    match master.until_by(deadline, |status| outcome(status, before))? {
        Awaited::Fact(Ok(says)) => {
            say(&says);
            Ok(0)
        }
        Awaited::Fact(Err(why)) => master.fail(&why),
        Awaited::Ended => fail("the master ended before the reload was over"),
        Awaited::Late => late(&master),
    }
}

fn late(master: &Watched) -> Done {
    master.fail(&format!("the reload is not over; the master says\n{}", master.last))
}

/// Calls a master that a signal is for. One that cannot be called gets it now.
fn hear(signal: Signal, pid: u32) -> Result<Option<Watched>, Box<dyn Error>> {
    match Watched::call(pid) {
        Ok(master) => Ok(Some(master)),
        Err(error) => {
            signal::send(raised(signal), pid)?;
            if !matches!(error, ControlError::Unreachable { .. }) {
                say(&format!("{} was sent, and what becomes of it is not known: {error}", signal.name()));
            }
            Ok(None)
        }
    }
}

enum Receipt {
    Said,
    /// It ended, or said nothing in time: the code to exit with.
    Unsaid(u8),
}

fn receipt(master: &mut Watched, signal: Signal, before: u64) -> Result<Receipt, Box<dyn Error>> {
    signal::send(raised(signal), master.master.pid)?;
    let received = Remark::Received(signal).to_string();
    let is_there = |status: &Status| said(status, before).any(|answer| answer.says == received).then_some(());
    match master.until_by(Instant::now() + ANSWER_DEADLINE, is_there)? {
        Awaited::Fact(()) => Ok(Receipt::Said),
        Awaited::Ended if signal == Signal::Hup => {
            fail("the master ended before it took the signal").map(Receipt::Unsaid)
        }
        Awaited::Ended => Ok(Receipt::Unsaid(0)),
        Awaited::Late => {
            let (name, pid, waited) = (signal.name(), master.master.pid, ANSWER_DEADLINE.as_secs());
            fail(&format!("{name} was sent, but master process {pid} said nothing to it within {waited} s"))
                .map(Receipt::Unsaid)
        }
    }
}

fn said(status: &Status, before: u64) -> impl Iterator<Item = &Answer> {
    status.answers_since(before).iter()
}

/// What is said to a signal in the turn that takes it.
enum Fate {
    Carried,
    Deferred(String),
    Refused(String),
}

/// `None` if nothing was said of it.
fn fate(status: &Status, signal: Signal, before: u64) -> Option<Fate> {
    let name = signal.name();
    let fates = said(status, before).filter_map(|answer| {
        let says = &answer.says;
        if says.starts_with(&format!("{name} is deferred ")) {
            Some(Fate::Deferred(says.clone()))
        } else if is_no(says, name) {
            Some(Fate::Refused(says.clone()))
        } else {
            (*says == Remark::Received(signal).to_string()).then_some(Fate::Carried)
        }
    });
    fates.last()
}

fn is_no(says: &str, name: &str) -> bool {
    says.starts_with(&format!("{name} is refused: "))
        || says.starts_with(&format!("deferred {name} is dropped: "))
}

/// Whether a HUP that waited has begun (true), or is dropped.
fn is_begun(status: &Status, before: u64) -> Option<bool> {
    let name = Signal::Hup.name();
    let waits = status.deferred.iter().any(|waiting| waiting == name);
    let dropped = said(status, before).any(|answer| is_no(&answer.says, name));
    (!waits).then_some(!dropped)
}

/// The end of a reload that has begun.
fn outcome(status: &Status, before: u64) -> Option<Result<String, String>> {
    let ended = said(status, before).find_map(|answer| {
        let says = &answer.says;
        let is = |remark: Remark| *says == remark.to_string();
        if is(Remark::Reloaded(status.configuration)) || is(Remark::Resumed(status.generation)) {
            return Some(Ok(says.clone()));
        }
        let failed = is(Remark::ConfigurationRefused) || is(Remark::ReloadFailed);
        failed.then(|| Err(says.clone()))
    });
    let leaves = matches!(status.stage, Stage::Stopping | Stage::Terminating | Stage::Leaving);
    ended.or_else(|| leaves.then(|| Err("no reload: the master was told to leave meanwhile".to_owned())))
}

fn raised(signal: Signal) -> Raised {
    match signal {
        Signal::Hup => Raised::SIGHUP,
        Signal::Int => Raised::SIGINT,
        Signal::Quit => Raised::SIGQUIT,
        Signal::Term => Raised::SIGTERM,
        Signal::Usr1 => Raised::SIGUSR1,
        Signal::Usr2 => Raised::SIGUSR2,
        Signal::Winch => Raised::SIGWINCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(says: &[&str]) -> Status {
        let answer = |says: &&str| Answer { at: String::new(), says: (*says).to_owned() };
        let answers: Vec<Answer> = says.iter().map(answer).collect();
        Status {
            answered: answers.len() as u64,
            answers,
            configuration: 2,
            generation: 1,
            ..Status::default()
        }
    }

    fn told(fate: Option<Fate>) -> String {
        match fate {
            Some(Fate::Carried) => "carried out".to_owned(),
            Some(Fate::Deferred(says)) => says,
            Some(Fate::Refused(says)) => format!("no: {says}"),
            None => "nothing".to_owned(),
        }
    }

    #[test]
    fn what_is_said_to_a_signal_is_found_among_what_is_said_to_others() {
        let check = |says: &[&str], expected: &str| {
            assert_eq!(told(fate(&status(says), Signal::Quit, 1)), expected, "{says:?}");
        };
        let received = "signal QUIT received";
        check(&["signal QUIT received"], "nothing");
        check(&["", received], "carried out");
        check(&["", received, "HUP is refused: x"], "carried out");
        check(&["", received, "QUIT is deferred until y"], "QUIT is deferred until y");
        check(&["", received, "QUIT is refused: z"], "no: QUIT is refused: z");
        let dropped = "deferred QUIT is dropped: nobody else would serve";
        check(&["", received, "QUIT is deferred until y", dropped], &format!("no: {dropped}"));
    }

    #[test]
    fn a_reload_is_over_when_its_configuration_is_in_force_or_is_not_to_be() {
        let of = |says: &[&str]| outcome(&status(says), 0);
        assert_eq!(of(&["signal HUP received"]), None);
        assert_eq!(of(&["configuration 2 is in force"]), Some(Ok("configuration 2 is in force".into())));
        assert_eq!(of(&["generation 1 serves again"]), Some(Ok("generation 1 serves again".into())));
        assert!(
            of(&["failed to bind", "the new configuration is refused: the old one stays"])
                .is_some_and(|end| end.is_err())
        );
        assert!(
            outcome(&Status { stage: Stage::Stopping, ..status(&[]) }, 0).is_some_and(|end| end.is_err())
        );
    }

    #[test]
    fn a_reload_that_waited_begins_when_it_waits_no_more() {
        let waits = Status { deferred: vec!["HUP".into()], ..status(&["HUP is deferred until x"]) };
        assert_eq!(is_begun(&waits, 0), None);
        assert_eq!(is_begun(&status(&["HUP is deferred until x"]), 0), Some(true));
        assert_eq!(is_begun(&status(&["deferred HUP is dropped: x"]), 0), Some(false));
    }
}
