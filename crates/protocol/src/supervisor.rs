//! What the process decides that was started in the foreground (`daemon off`): it is no master, and lives for as long as there
//! is one. Whoever started it, a service manager or a container, may know it by its pid through every upgrade.
//!
//! It passes signals on, takes in every process that loses its parent, starts a master where the last one was killed, and ends
//! as the last one did. A signal that ends a server ([`Signal::Term`], [`Signal::Int`], [`Signal::Quit`]) is meant for all
//! generations, every other one for the generation that leads.

use alloc::{collections::BTreeSet, vec::Vec};
use core::fmt;

use crate::signals::{Signal, Signals};

/// A process, by the number that the caller knows it by.
pub type Process = u32;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// With this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
    /// Its parent knows.
    Elsewhere,
}

/// What a master says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// It is one.
    Lives,
    /// The pid file names it.
    Leads,
}

/// The children that are not known to be masters, if there is no master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Others {
    /// There are none.
    Nobody,
    /// Workers, which serve on without a master.
    Workers,
    /// Among them may be a master that has not said so yet.
    #[default]
    Unknown,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Stage {
    /// Nothing was done yet.
    #[default]
    New,
    /// A master was started, and none leads.
    Starting,
    /// A master has led, and nobody said that it is over.
    Serving,
    /// These were said to all masters.
    Stopping(Signals),
}

/// The whole state of a supervisor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    stage: Stage,
    /// Who is named by the pid file, as far as is known.
    leader: Option<Process>,
    masters: BTreeSet<Process>,
    /// For the next leader.
    held: Signals,
    /// How the last leader ended, or the last master before any led.
    last: Option<Ending>,
}

impl State {
    /// Who gets the signals that are meant for one master.
    pub fn leader(&self) -> Option<Process> {
        self.leader
    }

    /// Whether a master is known that has not ended.
    pub fn has_master(&self) -> bool {
        !self.masters.is_empty()
    }
}

/// Everything that is known at one turn of its loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wakeup {
    /// How the last [`Effect::StartMaster`] went.
    pub started: Option<Option<Process>>,
    /// What masters said, in order.
    pub heard: Vec<(Process, Word)>,
    /// Masters that ended.
    pub ended: Vec<(Process, Ending)>,
    /// Signals since the last turn.
    pub signals: Signals,
    /// Who is left beside masters.
    pub others: Others,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Execute the program file; its process comes back in [`Wakeup::started`], at once.
    StartMaster,
    /// Pass a signal on.
    Send(Signal, Process),
    /// To every worker without a master.
    SendWorkers(Signal),
    /// For the log.
    Say(Remark),
    /// End with this code.
    Exit(i32),
}

/// What is said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A signal that is nobody's.
    Ignored(Signal),
    /// A signal waits until somebody leads.
    Held(Signal),
    /// The last master was killed, and its workers serve on.
    Replaces,
    /// The master that was to serve ended instead.
    GivesUp,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Ignored(signal) => write!(
                f,
                "supervisor: {} is ignored: a terminal sends it to everybody; send it to the old master, by its pid file",
                signal.name()
            ),
            Remark::Held(signal) => {
                write!(f, "supervisor: {} is deferred until a master leads", signal.name())
            }
            Remark::Replaces => f.write_str(
                "supervisor: the last master is gone and its workers serve on: starting another one",
            ),
            Remark::GivesUp => f.write_str("supervisor: the master ended before it served: giving up"),
        }
    }
}

/// One turn: what was said before who ended, and both before signals.
pub fn step(state: &State, wakeup: &Wakeup) -> (State, Vec<Effect>) {
    let mut turn = Turn { state: state.clone(), effects: Vec::new() };
    turn.started(wakeup.started);
    wakeup.heard.iter().for_each(|(process, word)| turn.hear(*process, *word));
    wakeup.ended.iter().for_each(|(process, ending)| turn.lose(*process, *ending));
    wakeup.signals.iter().for_each(|signal| turn.receive(signal));
    turn.redeem();
    if turn.state.masters.is_empty() {
        turn.without_master(wakeup.others);
    }
    (turn.state, turn.effects)
}

struct Turn {
    state: State,
    effects: Vec<Effect>,
}

impl Turn {
    fn started(&mut self, started: Option<Option<Process>>) {
        match started {
            Some(Some(process)) => self.know(process),
            Some(None) => self.state.last = Some(Ending::Exited(1)),
            None => {}
        }
    }

    fn hear(&mut self, process: Process, word: Word) {
        self.know(process);
        if word == Word::Leads {
            self.state.leader = Some(process);
            if self.state.stage == Stage::Starting {
                self.state.stage = Stage::Serving;
            }
        }
    }

    /// One that comes when all were told to leave is told so, too.
    fn know(&mut self, process: Process) {
        if self.state.masters.insert(process)
            && let Stage::Stopping(said) = self.state.stage
        {
            said.iter().for_each(|signal| self.effects.push(Effect::Send(signal, process)));
        }
    }

    fn lose(&mut self, process: Process, ending: Ending) {
        self.state.masters.remove(&process);
        if self.state.leader == Some(process) {
            self.state.leader = None;
            self.state.last = Some(ending);
        } else if self.state.stage == Stage::Starting {
            self.state.last = Some(ending);
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Term | Signal::Int | Signal::Quit => self.stop(signal),
            Signal::Winch => self.effects.push(Effect::Say(Remark::Ignored(signal))),
            Signal::Hup | Signal::Usr1 | Signal::Usr2 => {
                self.state.held.insert(signal);
                if self.state.leader.is_none() {
                    self.effects.push(Effect::Say(Remark::Held(signal)));
                }
            }
        }
    }

    fn stop(&mut self, signal: Signal) {
        let mut said = match self.state.stage {
            Stage::Stopping(said) => said,
            _ => Signals::NONE,
        };
        said.insert(signal);
        self.state.stage = Stage::Stopping(said);
        self.state.masters.iter().for_each(|process| self.effects.push(Effect::Send(signal, *process)));
        if self.state.masters.is_empty() {
            self.effects.push(Effect::SendWorkers(signal));
        }
    }

    fn redeem(&mut self) {
        let Some(leader) = self.state.leader else { return };
        let held = core::mem::take(&mut self.state.held);
        held.iter().for_each(|signal| self.effects.push(Effect::Send(signal, leader)));
    }

    fn without_master(&mut self, others: Others) {
        match (self.state.stage, others) {
            (Stage::New, _) => self.start(),
            (_, Others::Nobody) => self.exit(),
            (Stage::Serving, Others::Workers) => {
                self.effects.push(Effect::Say(Remark::Replaces));
                self.start();
            }
            // Its workers serve on; whoever starts the server again takes over from them.
            (Stage::Starting, Others::Workers) => {
                self.effects.push(Effect::Say(Remark::GivesUp));
                self.exit();
            }
            (Stage::Stopping(said), Others::Workers) => {
                said.iter().for_each(|signal| self.effects.push(Effect::SendWorkers(signal)));
            }
            (_, Others::Unknown) => {}
        }
    }

    fn start(&mut self) {
        self.state.stage = Stage::Starting;
        self.effects.push(Effect::StartMaster);
    }

    fn exit(&mut self) {
        let code = match self.state.last {
            Some(Ending::Exited(code)) => code,
            // As a shell says it.
            Some(Ending::Killed(signal)) => 128 + signal,
            Some(Ending::Elsewhere) | None => 1,
        };
        self.effects.push(Effect::Exit(code));
    }
}
