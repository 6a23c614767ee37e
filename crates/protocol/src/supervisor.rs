//! What the process decides that was started in the foreground (`daemon off`): it is no master, and lives for as long as there
//! is one. Whoever started it, a service manager or a container, may know it by its pid through every upgrade.
//!
//! It passes signals on, takes in every process that loses its parent, starts a master where the last one ended untold, tries
//! again and again if that one does not come to serve, and ends as the last one did that was told to. A signal that ends a server
//! ([`Signal::Term`], [`Signal::Int`], [`Signal::Quit`]) is meant for all generations, every other one for the generation that
//! leads. A master that exits with 0 was told to, by its own pid; what ended in any other way was not, once a master has led.

mod remark;

use alloc::{collections::BTreeSet, vec::Vec};

pub use self::remark::{Next, Remark};
use crate::signals::{Signal, Signals};

/// Before the second try in a row that starts from the file; twice as long before each later one.
const FIRST_PAUSE_MS: u32 = 250;

/// The longest pause is the first one doubled so many times: 8 s.
const DOUBLINGS_MAX: u8 = 5;

/// A master that led for so long ended for a reason of its own, and not for one that the next one will end for, too.
const CALM_MS: u32 = 5_000;

/// Masters in a row that led for less than that and are replaced without a pause.
const HASTY_MAX: u8 = 3;

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

/// The children of this server that are not known to be masters, if there is no master.
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

/// What a master that is started serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Configuration {
    /// The file, as it is now.
    OnDisk,
    /// What the last leader had in force, if that is known; else the file.
    LastInForce,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Stage {
    /// Nothing was done yet.
    #[default]
    New,
    /// The first master was started, and none has ever led.
    Starting,
    /// A master has led, for so long or longer, and nobody said that it is over.
    Serving { for_ms: u32 },
    /// The last master ended untold: another one was started in its place, and does not lead yet.
    Replacing(Configuration),
    /// None serves in its place: it is tried again after `remaining_ms`.
    Pausing { remaining_ms: u32 },
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
    /// How the last leader ended, and who ended while none led: whatever was not asked for outweighs what was.
    last: Option<Ending>,
    /// Pauses since a master led for long.
    pauses: u8,
    /// Masters since then that led.
    hasty: u8,
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

    /// Milliseconds until the next try, if it waits for one.
    pub fn deadline_ms(&self) -> Option<u32> {
        match self.stage {
            Stage::Pausing { remaining_ms } => Some(remaining_ms),
            _ => None,
        }
    }
}

impl Ending {
    /// Whether nobody can have wanted it.
    fn is_unasked(self) -> bool {
        !matches!(self, Ending::Exited(0) | Ending::Elsewhere)
    }
}

/// Everything that is known at one turn of its loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wakeup {
    /// Milliseconds since the last turn.
    pub elapsed_ms: u32,
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
    StartMaster(Configuration),
    /// Pass a signal on.
    Send(Signal, Process),
    /// To every worker without a master.
    SendWorkers(Signal),
    /// Whoever started it may know that the server is stopped.
    AnnounceStop,
    /// Open the supervisor's own log files anew.
    ReopenLogs,
    /// For the log.
    Say(Remark),
    /// End with this code.
    Exit(i32),
}

/// One turn: what was said before who ended, and both before signals.
pub fn step(state: &State, wakeup: &Wakeup) -> (State, Vec<Effect>) {
    let mut turn = Turn { state: state.clone(), effects: Vec::new() };
    turn.started(wakeup.started);
    wakeup.heard.iter().for_each(|(process, word)| turn.hear(*process, *word));
    turn.time(wakeup.elapsed_ms);
    turn.lose_all(&wakeup.ended);
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
        let is_known = self.state.masters.contains(&process);
        self.know(process);
        if word == Word::Leads {
            self.lead(process, is_known);
        }
    }

    fn lead(&mut self, process: Process, is_known: bool) {
        let is_back = is_known && self.state.leader != Some(process);
        self.state.leader = Some(process);
        self.state.last = None;
        match self.state.stage {
            // It may have taken the first one for a commit, and refused it because the new generation had just died. Who leaves
            // already refuses another one.
            Stage::Stopping(said) if is_back && said == Signals::from_iter([Signal::Quit]) => {
                return self.effects.push(Effect::Send(Signal::Quit, process));
            }
            Stage::Stopping(_) | Stage::Serving { .. } => return,
            Stage::Replacing(Configuration::LastInForce) => self.say(Remark::ServesLastInForce),
            _ => {}
        }
        self.state.stage = Stage::Serving { for_ms: 0 };
    }

    /// One that comes when all were told to leave is told so, too.
    fn know(&mut self, process: Process) {
        if self.state.masters.insert(process)
            && let Stage::Stopping(said) = self.state.stage
        {
            said.iter().for_each(|signal| self.effects.push(Effect::Send(signal, process)));
        }
    }

    /// The leader first: how the others ended counts only when none leads.
    fn lose_all(&mut self, ended: &[(Process, Ending)]) {
        let leader = self.state.leader;
        let (first, then): (Vec<_>, Vec<_>) =
            ended.iter().copied().partition(|(process, _)| Some(*process) == leader);
        first.into_iter().chain(then).for_each(|(process, ending)| self.lose(process, ending));
    }

    fn lose(&mut self, process: Process, ending: Ending) {
        self.state.masters.remove(&process);
        if self.state.leader == Some(process) {
            self.state.leader = None;
        }
        let is_known = self.state.last.is_some_and(|last| last != Ending::Elsewhere);
        if self.state.leader.is_none() && (!is_known || ending.is_unasked()) {
            self.state.last = Some(ending);
        }
    }

    fn time(&mut self, elapsed_ms: u32) {
        match &mut self.state.stage {
            Stage::Pausing { remaining_ms } => *remaining_ms = remaining_ms.saturating_sub(elapsed_ms),
            Stage::Serving { for_ms } => *for_ms = for_ms.saturating_add(elapsed_ms).min(CALM_MS),
            _ => {}
        }
    }

    fn receive(&mut self, signal: Signal) {
        match signal {
            Signal::Term | Signal::Int | Signal::Quit => self.stop(signal),
            Signal::Winch => self.say(Remark::Ignored(signal)),
            // Whoever starts reads the file, and is the program, as they are now.
            Signal::Hup | Signal::Usr2 if let Stage::Pausing { remaining_ms } = &mut self.state.stage => {
                *remaining_ms = 0;
                self.say(Remark::TriesNow(signal));
            }
            Signal::Hup | Signal::Usr1 | Signal::Usr2 => {
                if signal == Signal::Usr1 {
                    self.effects.push(Effect::ReopenLogs);
                }
                self.state.held.insert(signal);
                if self.state.leader.is_none() {
                    self.say(Remark::Held(signal));
                }
            }
        }
    }

    fn stop(&mut self, signal: Signal) {
        let mut said = match self.state.stage {
            Stage::Stopping(said) => said,
            _ => {
                self.effects.push(Effect::AnnounceStop);
                Signals::NONE
            }
        };
        said.insert(signal);
        self.state.stage = Stage::Stopping(said);
        self.state.masters.iter().for_each(|process| self.effects.push(Effect::Send(signal, *process)));
        if self.state.masters.is_empty() {
            // Whoever ended before was not told to; what is stopped now is.
            self.state.last = Some(Ending::Exited(0));
        }
    }

    fn redeem(&mut self) {
        let Some(leader) = self.state.leader else { return };
        let held = core::mem::take(&mut self.state.held);
        held.iter().for_each(|signal| self.effects.push(Effect::Send(signal, leader)));
    }

    fn without_master(&mut self, others: Others) {
        match (self.state.stage, others) {
            (Stage::New, _) => self.start(Stage::Starting, Configuration::OnDisk),
            (_, Others::Unknown) | (Stage::Pausing { remaining_ms: 1.. }, _) => {}
            (Stage::Pausing { .. }, _) => self.replace(Configuration::OnDisk),
            // It never served: whoever started it has to know.
            (Stage::Starting | Stage::Stopping(_), Others::Nobody) => self.exit(),
            (Stage::Stopping(_), Others::Workers) => self.tell_workers(),
            (Stage::Serving { .. }, Others::Nobody) if self.was_told() => self.exit(),
            // What a master that was told to stop has left is told so, too.
            (Stage::Serving { .. }, Others::Workers) if self.was_told() => {
                self.stop(Signal::Quit);
                self.tell_workers();
            }
            (Stage::Serving { for_ms }, _) => self.replace_leader(for_ms, others),
            (Stage::Starting, Others::Workers) => self.try_again(Configuration::OnDisk),
            (Stage::Replacing(tried), _) => self.try_again(tried),
        }
    }

    fn was_told(&self) -> bool {
        self.state.last == Some(Ending::Exited(0))
    }

    fn tell_workers(&mut self) {
        let Stage::Stopping(said) = self.state.stage else { return };
        said.iter().for_each(|signal| self.effects.push(Effect::SendWorkers(signal)));
    }

    fn replace_leader(&mut self, led_for_ms: u32, others: Others) {
        if led_for_ms >= CALM_MS {
            (self.state.pauses, self.state.hasty) = (0, 0);
        }
        self.state.hasty = (self.state.hasty + 1).min(HASTY_MAX + 1);
        if self.state.hasty <= HASTY_MAX {
            self.say(Remark::Replaces(others, Next::Now(Configuration::OnDisk)));
            return self.replace(Configuration::OnDisk);
        }
        let next = self.pause();
        self.say(Remark::Replaces(others, next));
    }

    /// A master that gave up by itself may have done so for want of a configuration.
    fn try_again(&mut self, tried: Configuration) {
        let ending = self.state.last.unwrap_or(Ending::Elsewhere);
        if let (Ending::Exited(_), Configuration::OnDisk) = (ending, tried) {
            self.say(Remark::NotReplaced(ending, Next::Now(Configuration::LastInForce)));
            return self.replace(Configuration::LastInForce);
        }
        let next = self.pause();
        self.say(Remark::NotReplaced(ending, next));
    }

    fn pause(&mut self) -> Next {
        let remaining_ms = FIRST_PAUSE_MS << self.state.pauses;
        self.state.pauses = (self.state.pauses + 1).min(DOUBLINGS_MAX);
        self.state.stage = Stage::Pausing { remaining_ms };
        Next::AfterMs(remaining_ms)
    }

    fn replace(&mut self, configuration: Configuration) {
        self.start(Stage::Replacing(configuration), configuration);
    }

    fn start(&mut self, stage: Stage, configuration: Configuration) {
        self.state.stage = stage;
        self.state.last = None;
        self.effects.push(Effect::StartMaster(configuration));
    }

    fn say(&mut self, remark: Remark) {
        self.effects.push(Effect::Say(remark));
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
