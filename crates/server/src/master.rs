//! The master: one thread, one loop. Gathers everything that happened into a wakeup, lets `protocol` decide, and
//! performs the effects in order. Decides nothing itself.

mod child;
mod control;
mod failures;
mod gather;
mod kin;
mod peer;
mod perform;
mod pid_files;
mod record;
mod start;
mod succession;

use std::{
    collections::BTreeMap,
    fmt, io,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use conf::Configuration;
use nix::sys::{
    epoll::{Epoll, EpollEvent, EpollFlags},
    signalfd::SignalFd,
};
use protocol::master::{Effect, Stage, State, Wakeup, WorkerId, step};

use self::{child::Child, control::Control, peer::Peer, record::Record};
use crate::{
    home::Home,
    instant::{self, Side},
    listeners::Listening,
    log::Log,
    notify::Notifier,
    numbering::Numbering,
    socket_path::SocketPath,
    start_right::StartRight,
    status::Failure,
    zone::Zones,
};

pub(crate) use self::{
    gather::SIGNALS,
    start::{Inherited, start},
};

/// Everything a master holds. The decisions live in `state`.
pub(crate) struct Master {
    state: State,
    home: Home,
    log: Log,
    epoll: Epoll,
    signals: SignalFd,
    /// The configuration in force, and the one being brought into force.
    settings: Settings,
    candidate: Option<Settings>,
    workers: BTreeMap<WorkerId, Child>,
    predecessor: Option<Peer>,
    successor: Option<Peer>,
    /// The predecessor's predecessor.
    elder: Option<Peer>,
    /// The successor's successor.
    heir: Option<Peer>,
    /// A successor that ended and was not reaped yet.
    unreaped: Option<OwnedFd>,
    /// Workers of dead generations, to be told to leave once ours serve.
    orphans: Vec<OwnedFd>,
    /// Pids of workers that a server without a master left to us.
    taken_over: Vec<u32>,
    /// Pids of generations that are gone, whose name in `.oldbin` is stale.
    dead: Vec<u32>,
    /// What the next generation is called.
    numbering: Numbering,
    /// Tells the launching process that the server serves.
    launcher: Option<OwnedFd>,
    control: Control,
    /// Whoever started us, or its supervisor.
    notifier: Notifier,
    /// What is written down of each turn, if somebody asked for it.
    record: Option<Record>,
    /// How the last worker ended that did, in words.
    last_exit: Option<String>,
    /// What the last successor that is gone said last.
    last_words: Option<String>,
    /// Why a successor is gone, or is about to be, as far as is known.
    obituary: Option<String>,
    /// The last upgrade that failed.
    failed_upgrade: Option<Failure>,
    /// The last successor that is gone exited as one that was told to.
    left_well: bool,
    /// That nobody else starts a server for our pid file, until ours serves.
    start_right: Option<StartRight>,
    /// What the predecessor was told last of how far we are.
    progress: String,
    /// Whether the other masters were told that we exit this moment.
    said_farewell: bool,
    /// Paths of sockets that older generations listen on and this one does not: they go with those.
    left_behind: Vec<SocketPath>,
}

/// A configuration with its sockets.
#[derive(Clone)]
struct Settings {
    configuration: Arc<Configuration>,
    /// What it was read from.
    text: Arc<str>,
    listeners: Vec<Listening>,
    /// What is known of the peers of each upstream.
    zones: Zones,
    pid_file: PathBuf,
}

/// Whose descriptor became readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Signals,
    WorkerExit(WorkerId),
    WorkerSaid(WorkerId),
    SuccessorExit,
    SuccessorSaid,
    PredecessorExit,
    PredecessorSaid,
    HeirSaid,
    ElderSaid,
    OrphanExit,
    Caller,
}

impl Master {
    /// Serves until the protocol says exit; the returned number is the exit code.
    pub(crate) fn run(mut self) -> io::Result<u8> {
        let mut wakeup = Wakeup::default();
        // Whoever started us may be dead already, and the pid file names him: that comes before anything else.
        self.gather_at_once(&mut wakeup)?;
        let mut last = Instant::now();
        loop {
            let (state, effects) = step(&self.state, &wakeup);
            if self.looks_once_more(state.stage, &mut wakeup)? {
                continue;
            }
            self.write_down(&wakeup, &effects);
            self.state = state;
            wakeup = Wakeup::default();
            for effect in effects {
                let generation = self.state.generation;
                instant::of_master(generation, Side::Before, &effect);
                let exit = self.perform(effect, &mut wakeup.results);
                instant::of_master(generation, Side::After, &effect);
                if let Some(code) = exit {
                    return Ok(code);
                }
            }
            self.meet_next_heir(&mut wakeup);
            self.tell_progress();
            self.tell_callers();
            self.gather(&mut wakeup)?;
            wakeup.elapsed_ms = u32::try_from(last.elapsed().as_millis()).unwrap_or(u32::MAX);
            last += std::time::Duration::from_millis(wakeup.elapsed_ms.into());
        }
    }

    fn write_down(&mut self, wakeup: &Wakeup, effects: &[Effect]) {
        let Some(record) = &mut self.record else { return };
        if let Err(error) = record.turn(wakeup, effects) {
            self.log.alert(&format!("failed to write down a turn, and no other will be: {error}"));
            // A gap would look like a turn that the protocol does not take.
            self.record = None;
        }
    }

    /// Before leaving: the last look, the farewell, and one more look, for whoever leaves in the same instant has said so by then.
    /// True if the turn is to be decided anew.
    fn looks_once_more(&mut self, stage: Stage, wakeup: &mut Wakeup) -> io::Result<bool> {
        if stage != Stage::Gone {
            self.say_farewell(false);
            return Ok(false);
        }
        Ok(self.hears_of_a_death(wakeup)? || self.say_farewell(true))
    }

    /// The last look before leaving: another generation may have died since this turn was gathered, and then there is nobody to
    /// leave the service to. The turn is decided anew with what is known now.
    fn hears_of_a_death(&mut self, wakeup: &mut Wakeup) -> io::Result<bool> {
        let mut late = Wakeup::default();
        self.gather_at_once(&mut late)?;
        late.farewells = self.farewells();
        let died = late.successor_died || late.predecessor_died || late.elder_died || late.heir_died;
        let left = late.farewells != wakeup.farewells;
        wakeup.absorb(late);
        Ok(died || left)
    }

    fn watch(&self, fd: impl AsFd, source: Source) {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, source.token());
        if let Err(errno) = self.epoll.add(fd, event) {
            self.log.alert(&format!("failed to watch {source}: {errno}"));
        }
    }

    fn unwatch(&self, fd: impl AsFd) {
        if let Err(errno) = self.epoll.delete(fd) {
            self.log.alert(&format!("failed to stop watching a descriptor: {errno}"));
        }
    }
}

/// What is watched, as it fits after "failed to watch".
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (end, channel) = ("for its end", "for what it says");
        match self {
            Source::Signals => f.write_str("for signals"),
            Source::WorkerExit(id) => write!(f, "worker {id} {end}"),
            Source::WorkerSaid(id) => write!(f, "worker {id} {channel}"),
            Source::SuccessorExit => write!(f, "the new master {end}"),
            Source::SuccessorSaid => write!(f, "the new master {channel}"),
            Source::PredecessorExit => write!(f, "the old master {end}"),
            Source::PredecessorSaid => write!(f, "the old master {channel}"),
            Source::HeirSaid => write!(f, "the newest master {channel}"),
            Source::ElderSaid => write!(f, "the oldest master {channel}"),
            Source::OrphanExit => write!(f, "a worker without a master {end}"),
            Source::Caller => f.write_str("for callers of the control socket"),
        }
    }
}

impl Source {
    fn token(self) -> u64 {
        let (kind, id) = match self {
            Source::Signals => (0, 0),
            Source::WorkerExit(id) => (1, id),
            Source::WorkerSaid(id) => (2, id),
            Source::SuccessorExit => (3, 0),
            Source::SuccessorSaid => (4, 0),
            Source::PredecessorExit => (5, 0),
            Source::PredecessorSaid => (6, 0),
            Source::OrphanExit => (7, 0),
            Source::Caller => (8, 0),
            Source::HeirSaid => (9, 0),
            Source::ElderSaid => (10, 0),
        };
        kind << 32 | u64::from(id)
    }

    fn from_token(token: u64) -> Source {
        let id = token as u32;
        match token >> 32 {
            0 => Source::Signals,
            1 => Source::WorkerExit(id),
            2 => Source::WorkerSaid(id),
            3 => Source::SuccessorExit,
            4 => Source::SuccessorSaid,
            5 => Source::PredecessorExit,
            6 => Source::PredecessorSaid,
            7 => Source::OrphanExit,
            9 => Source::HeirSaid,
            10 => Source::ElderSaid,
            _ => Source::Caller,
        }
    }
}
