//! Processes, files and what can happen.

use protocol::signals::{Signal, Signals};

use super::{Quirk, Quirks};
use crate::{
    bounds::{Bounds, Budget},
    scene::{GENERATIONS, Name},
};

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub(super) quirks: Quirks,
    pub(super) masters: [Option<Master>; GENERATIONS],
    pub(super) born: u8,
    pub(super) workers: Vec<Worker>,
    pub(super) pid_file: Name,
    pub(super) old_bin: Name,
    /// Workers that the configuration file asks for.
    pub(super) file: u8,
    /// Workers that it will always ask for.
    pub(super) least: u8,
    pub(super) together: u8,
    pub(super) signals: Budget,
    pub(super) faults: u8,
    pub(super) served: bool,
    pub(super) stopped: bool,
    pub(super) faulted: bool,
    pub(super) bared: bool,
    pub(super) abandoned: bool,
    pub(super) came_back: bool,
    /// A queue was closed while others were open.
    pub(super) cut: bool,
    /// Quirks that made a difference.
    pub(super) fired: u32,
    pub(super) ready: [bool; GENERATIONS],
    pub(super) told: [bool; GENERATIONS],
}

/// A master process: its globals, under nginx's names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Master {
    pub(super) boot: Boot,
    pub(super) parent: Option<u8>,
    /// SIGCHLD is pending.
    pub(super) child: bool,
    /// Flags that were set and not looked at.
    pub(super) flags: Signals,
    /// Without the quirk: what waits for the new generation to be ready.
    pub(super) deferred: Signals,
    pub(super) new_binary: Option<u8>,
    /// Instead of that: it is -1.
    pub(super) invalid: bool,
    pub(super) noaccepting: bool,
    pub(super) live: bool,
    pub(super) quit: bool,
    pub(super) terminate: bool,
    pub(super) listens: bool,
    /// Its workers exit with 2: a directory that is not there, say.
    pub(super) crippled: bool,
    /// Workers that the configuration it has read asks for.
    pub(super) wanted: u8,
    /// Of this turn.
    pub(super) fork: Fork,
}

/// Whether a process can be started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Fork {
    Works,
    Fails,
}

/// How far a new process is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) enum Boot {
    /// Reads the configuration, binds.
    Configuring,
    /// Has opened, and truncated, the pid file.
    Opened,
    /// Has written it.
    Named,
    /// Has forked its workers.
    Running,
}

/// A worker process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) struct Worker {
    pub(super) owner: u8,
    pub(super) stage: Stage,
    /// Told to drain, and did not get round to it.
    pub(super) told: bool,
    /// Workers that its configuration asks for, itself among them.
    pub(super) siblings: u8,
}

/// How far a worker is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) enum Stage {
    Starting,
    Accepting,
    Draining,
}

/// One thing that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// A master's `sigsuspend` returns, with these signals.
    Turn(u8, Signals),
    /// A new master does the next step of its start.
    Boot(u8),
    /// A worker does what it was told, or begins to accept.
    Work(u8),
    /// A draining worker's last client leaves.
    Finish(u8),
    /// SIGKILL a master.
    Kill(u8),
    /// SIGKILL a master and all its workers.
    KillAll(u8),
    /// A new master cannot start: a port is busy, the binary is broken.
    Fail(u8),
    /// The workers of a new master cannot start: they exit with 2 and are not respawned.
    Cripple(u8),
    /// A signal to a master that cannot fork.
    CannotFork(u8, Signal),
    /// From now on the configuration file asks for one worker fewer.
    Fewer,
}

impl World {
    pub(super) fn new(bounds: &Bounds, quirks: Quirks, fewer: u8) -> World {
        let first = Master::child_of(None, bounds.workers);
        World {
            quirks,
            masters: [Some(first), None, None],
            born: 1,
            workers: Vec::new(),
            pid_file: Name::Absent,
            old_bin: Name::Absent,
            file: bounds.workers,
            least: bounds.workers - fewer,
            together: bounds.together,
            signals: bounds.signals,
            faults: bounds.faults,
            served: false,
            stopped: false,
            faulted: false,
            bared: false,
            abandoned: false,
            came_back: false,
            cut: false,
            fired: 0,
            ready: [false; GENERATIONS],
            told: [false; GENERATIONS],
        }
    }

    pub(super) fn master(&self, index: u8) -> Option<&Master> {
        self.masters[usize::from(index)].as_ref()
    }

    pub(super) fn change(&mut self, index: u8, change: impl FnOnce(&mut Master)) {
        if let Some(master) = &mut self.masters[usize::from(index)] {
            change(master);
        }
    }

    pub(super) fn living(&self) -> impl Iterator<Item = (u8, &Master)> {
        (0..GENERATIONS as u8).filter_map(|index| Some((index, self.master(index)?)))
    }

    /// A quirk makes a difference now.
    pub(super) fn fire(&mut self, quirk: Quirk) {
        if self.quirks.has(quirk) {
            self.fired |= quirk.bit();
        }
    }

    /// All its workers accept.
    pub(super) fn is_ready(&self, index: u8) -> bool {
        let accepting =
            self.workers.iter().filter(|w| w.owner == index && w.stage == Stage::Accepting).count();
        self.master(index).is_some_and(|master| accepting >= usize::from(master.wanted))
    }

    pub(super) fn own(&mut self, index: u8) -> impl Iterator<Item = &mut Worker> {
        self.workers.iter_mut().filter(move |worker| worker.owner == index)
    }
}

impl Master {
    pub(super) fn child_of(parent: Option<u8>, wanted: u8) -> Master {
        Master {
            boot: Boot::Configuring,
            parent,
            child: false,
            flags: Signals::NONE,
            deferred: Signals::NONE,
            new_binary: None,
            invalid: false,
            noaccepting: false,
            live: true,
            quit: false,
            terminate: false,
            listens: true,
            crippled: false,
            wanted,
            fork: Fork::Works,
        }
    }

    pub(super) fn take(&mut self, signal: Signal) -> bool {
        self.flags.take(signal)
    }
}
