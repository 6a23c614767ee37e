//! What a worker decides. It accepts nothing before it is told to, never drops what it accepted, and when its
//! master dies it leaves at once only if it has nothing in its hands.

use alloc::vec::Vec;
use core::fmt;

use crate::signals::{Signal, Signals};

/// What a master tells a worker, over their channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Command {
    /// Register the listeners and begin to accept.
    Accept,
    /// Stop accepting, keep serving what was accepted.
    StopAccepting,
    /// Stop accepting, finish everything, exit.
    Drain,
    /// Exit now.
    Terminate,
    /// Reopen the logs.
    Reopen,
}

/// What a worker tells its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Report {
    /// Built, and a request passed through the whole stack was answered.
    Prepared,
    /// Every listener is registered.
    Accepting,
    /// No listener is registered any more.
    Stopped,
    /// An operator told it to drain, by signal: somebody else must take its place.
    Draining,
    /// The last connection is gone; the worker exits.
    Drained,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Command::Accept => "accept",
            Command::StopAccepting => "stop accepting",
            Command::Drain => "drain",
            Command::Terminate => "terminate",
            Command::Reopen => "reopen its logs",
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Report::Prepared => "prepared",
            Report::Accepting => "accepting",
            Report::Stopped => "stopped",
            Report::Draining => "draining",
            Report::Drained => "drained",
        })
    }
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Building itself.
    #[default]
    Preparing,
    /// Waits to be told to accept.
    Prepared,
    /// Accepts.
    Accepting,
    /// Serves what it accepted, accepts nothing new.
    Stopped,
    /// As `Stopped`, and every answer announces the end of its connection.
    Draining,
    /// Has decided to exit.
    Leaving,
}

/// As it stands in brackets after the name of a worker.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Preparing => "preparing",
            Stage::Prepared => "prepared",
            Stage::Accepting => "accepting",
            Stage::Stopped => "stopped accepting",
            Stage::Draining => "draining",
            Stage::Leaving => "leaving",
        })
    }
}

/// The whole state of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// How far it is.
    pub stage: Stage,
    /// Its master is gone; only another generation's master can still tell it something, by signal.
    pub orphaned: bool,
}

/// Everything a worker knows at one turn of its loop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wakeup {
    /// The self-test was answered.
    pub prepared: bool,
    /// Commands in the order they were sent.
    pub commands: Vec<Command>,
    /// Signals since the last turn.
    pub signals: Signals,
    /// The channel to the master ended.
    pub master_gone: bool,
    /// No connection is open.
    pub idle: bool,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Register every listener with the reactor.
    StartAccepting,
    /// Deregister them. The sockets are shared with the master, so their queues live on.
    StopAccepting,
    /// From now on every answer says `Connection: close`.
    AnnounceClose,
    /// Tell the master.
    Report(Report),
    /// Reopen the logs.
    Reopen,
    /// Say that this signal is for masters.
    Ignore(Signal),
    /// Say that the master died and that serving goes on.
    SayOrphaned,
    /// Exit with this code.
    Exit(i32),
}

/// One turn of a worker: commands first, then signals, then the end of the master.
pub fn step(worker: &Worker, wakeup: &Wakeup) -> (Worker, Vec<Effect>) {
    let mut turn = Turn { worker: *worker, effects: Vec::new() };
    if wakeup.prepared && turn.worker.stage == Stage::Preparing {
        turn.worker.stage = Stage::Prepared;
        turn.effects.push(Effect::Report(Report::Prepared));
    }
    wakeup.commands.iter().for_each(|command| turn.obey(*command));
    wakeup.signals.iter().for_each(|signal| turn.receive(signal));
    if wakeup.master_gone && !turn.worker.orphaned {
        turn.lose_master();
    }
    if wakeup.idle && turn.worker.stage == Stage::Draining {
        turn.effects.push(Effect::Report(Report::Drained));
        turn.exit();
    }
    (turn.worker, turn.effects)
}

struct Turn {
    worker: Worker,
    effects: Vec<Effect>,
}

impl Turn {
    fn obey(&mut self, command: Command) {
        match (command, self.worker.stage) {
            (Command::Accept, Stage::Prepared | Stage::Stopped) => {
                self.worker.stage = Stage::Accepting;
                self.effects.extend([Effect::StartAccepting, Effect::Report(Report::Accepting)]);
            }
            (Command::StopAccepting, Stage::Accepting) => {
                self.worker.stage = Stage::Stopped;
                self.effects.extend([Effect::StopAccepting, Effect::Report(Report::Stopped)]);
            }
            (Command::Drain, _) => self.drain(),
            (Command::Terminate, _) => self.exit(),
            (Command::Reopen, _) => self.effects.push(Effect::Reopen),
            // Told what it already does.
            (Command::Accept | Command::StopAccepting, _) => {}
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Quit => self.drain_for_operator(),
            Signal::Term | Signal::Int => self.exit(),
            Signal::Usr1 => self.effects.push(Effect::Reopen),
            Signal::Hup | Signal::Usr2 | Signal::Winch => self.effects.push(Effect::Ignore(signal)),
        }
    }

    fn drain(&mut self) {
        match self.worker.stage {
            Stage::Preparing | Stage::Prepared => self.exit(),
            Stage::Accepting => self.begin_drain(Some(Effect::StopAccepting)),
            Stage::Stopped => self.begin_drain(None),
            Stage::Draining | Stage::Leaving => {}
        }
    }

    fn drain_for_operator(&mut self) {
        let served = matches!(self.worker.stage, Stage::Accepting | Stage::Stopped);
        self.drain();
        if served && !self.worker.orphaned {
            self.effects.push(Effect::Report(Report::Draining));
        }
    }

    fn begin_drain(&mut self, stop: Option<Effect>) {
        self.worker.stage = Stage::Draining;
        self.effects.extend(stop);
        self.effects.push(Effect::AnnounceClose);
    }

    /// A worker that was never told to accept has nothing in its hands; any other serves on, because the surviving
    /// generation (if there is one) holds a pidfd of it and will tell it when to leave.
    fn lose_master(&mut self) {
        self.worker.orphaned = true;
        match self.worker.stage {
            Stage::Preparing | Stage::Prepared => self.exit(),
            // The master died in the middle of a reload: nobody is left to tell the new workers to accept.
            Stage::Stopped => {
                self.worker.stage = Stage::Accepting;
                self.effects.extend([Effect::SayOrphaned, Effect::StartAccepting]);
            }
            _ => self.effects.push(Effect::SayOrphaned),
        }
    }

    fn exit(&mut self) {
        if self.worker.stage != Stage::Leaving {
            self.worker.stage = Stage::Leaving;
            self.effects.push(Effect::Exit(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    fn check(turns: &[Wakeup], expected: &str) {
        let mut worker = Worker::default();
        let mut seen: Vec<Effect> = Vec::new();
        for wakeup in turns {
            let (next, effects) = step(&worker, wakeup);
            worker = next;
            seen.extend(effects);
        }
        let seen: Vec<String> = seen.iter().map(|effect| format!("{effect:?}")).collect();
        assert_eq!(seen.join(" "), expected);
    }

    fn prepared() -> Wakeup {
        Wakeup { prepared: true, ..Wakeup::default() }
    }

    fn told(commands: &[Command]) -> Wakeup {
        Wakeup { commands: commands.to_vec(), ..Wakeup::default() }
    }

    fn signalled(signal: Signal) -> Wakeup {
        Wakeup { signals: Signals::from_iter([signal]), ..Wakeup::default() }
    }

    fn gone() -> Wakeup {
        Wakeup { master_gone: true, ..Wakeup::default() }
    }

    #[test]
    fn accepts_only_when_told_and_drains_to_the_last_connection() {
        check(
            &[
                prepared(),
                told(&[Command::Accept]),
                told(&[Command::Drain]),
                Wakeup { idle: true, ..Wakeup::default() },
            ],
            "Report(Prepared) StartAccepting Report(Accepting) StopAccepting AnnounceClose Report(Drained) Exit(0)",
        );
    }

    #[test]
    fn an_orphan_that_never_accepted_leaves_and_one_that_did_serves_until_quit() {
        check(&[prepared(), gone()], "Report(Prepared) Exit(0)");
        check(
            &[prepared(), told(&[Command::Accept]), gone(), signalled(Signal::Quit)],
            "Report(Prepared) StartAccepting Report(Accepting) SayOrphaned StopAccepting AnnounceClose",
        );
    }

    #[test]
    fn an_orphan_that_had_stopped_for_a_reload_accepts_again() {
        check(
            &[prepared(), told(&[Command::Accept]), told(&[Command::StopAccepting]), gone()],
            "Report(Prepared) StartAccepting Report(Accepting) StopAccepting Report(Stopped) SayOrphaned StartAccepting",
        );
    }

    #[test]
    fn a_worker_told_by_signal_tells_its_master() {
        check(
            &[prepared(), told(&[Command::Accept]), signalled(Signal::Quit)],
            "Report(Prepared) StartAccepting Report(Accepting) StopAccepting AnnounceClose Report(Draining)",
        );
    }

    #[test]
    fn signals_for_masters_change_nothing() {
        for signal in [Signal::Hup, Signal::Usr2, Signal::Winch] {
            check(&[signalled(signal)], &format!("Ignore({signal:?})"));
        }
    }
}
