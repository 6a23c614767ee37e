//! A small make-believe kernel around `protocol`: processes, pending signals, channels, deaths, two pid files. Masters
//! and workers in it run the real `step` functions; everything else is bookkeeping.

use std::collections::BTreeSet;

use protocol::{
    master::{self, Effect, Limits, PeerMessage, Result as Outcome, Stage, State},
    signals::Signal,
    worker::{self, Command, Worker},
};

/// A master process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MasterProcess {
    pub(crate) state: State,
    pub(crate) alive: bool,
    pub(crate) started: bool,
    pub(crate) inbox: master::Wakeup,
    pub(crate) predecessor: Option<usize>,
    pub(crate) successor: Option<usize>,
    /// Workers the predecessor and the successor told us about.
    pub(crate) introduced: [BTreeSet<usize>; 2],
    pub(crate) orphans: BTreeSet<usize>,
}

/// A worker process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct WorkerProcess {
    pub(crate) owner: usize,
    pub(crate) id: master::WorkerId,
    pub(crate) revision: u32,
    pub(crate) worker: Worker,
    pub(crate) alive: bool,
    /// Never gets prepared.
    pub(crate) hangs: bool,
    pub(crate) inbox: worker::Wakeup,
}

/// What may still be done to the world.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Budget {
    pub(crate) signals: Vec<(Signal, u8)>,
    pub(crate) faults: u8,
    pub(crate) masters: usize,
    pub(crate) workers_each: u32,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) masters: Vec<MasterProcess>,
    pub(crate) workers: Vec<WorkerProcess>,
    pub(crate) pid_file: Option<usize>,
    pub(crate) old_bin: Option<usize>,
    pub(crate) budget: Budget,
    /// A fault was injected.
    pub(crate) faulted: bool,
    /// Somebody stopped the last generation, or any generation the hard way.
    pub(crate) stopped: bool,
    /// The first generation was ready once.
    pub(crate) served: bool,
}

/// One thing that can happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    /// An operator's signal becomes pending.
    Signal(usize, Signal),
    /// SIGKILL a master.
    KillMaster(usize),
    /// SIGKILL a worker.
    KillWorker(usize),
    /// A worker that is preparing will never be prepared.
    Hang(usize),
    /// A master takes a turn.
    Turn(usize),
    /// A master takes a turn and is killed after this many effects.
    TurnThenDie(usize, usize),
    /// A worker takes a turn.
    Work(usize),
    /// A draining worker's last connection ends.
    Finish(usize),
    /// Nothing else moves: a master's next deadline passes.
    TimePasses(usize),
}

impl World {
    pub(crate) fn new(budget: Budget) -> World {
        let mut world = World {
            masters: Vec::new(),
            workers: Vec::new(),
            pid_file: None,
            old_bin: None,
            budget,
            faulted: false,
            stopped: false,
            served: false,
        };
        world.create_master(1, None);
        world
    }

    fn create_master(&mut self, generation: u32, predecessor: Option<usize>) -> usize {
        let old = predecessor.map(|index| self.masters[index].state.generation);
        let known = predecessor.map(|index| self.living_workers_of(index).collect()).unwrap_or_default();
        self.masters.push(MasterProcess {
            state: State::new(generation, self.budget.workers_each, old, Limits::default()),
            alive: true,
            started: false,
            inbox: master::Wakeup::default(),
            predecessor,
            successor: None,
            introduced: [known, BTreeSet::new()],
            orphans: BTreeSet::new(),
        });
        self.masters.len() - 1
    }

    pub(crate) fn living_workers_of(&self, master: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.workers.len())
            .filter(move |index| self.workers[*index].owner == master && self.workers[*index].alive)
    }

    /// Things that happen by themselves.
    pub(crate) fn internal(&self) -> Vec<Action> {
        let masters =
            (0..self.masters.len()).filter(|index| self.masters[*index].can_turn()).map(Action::Turn);
        let workers =
            (0..self.workers.len()).filter(|index| self.workers[*index].can_work()).map(Action::Work);
        let draining = (0..self.workers.len())
            .filter(|index| {
                self.workers[*index].alive && self.workers[*index].worker.stage == worker::Stage::Draining
            })
            .map(Action::Finish);
        let mut all: Vec<Action> = masters.chain(workers).chain(draining).collect();
        if all.is_empty() {
            let waiting = |index: &usize| {
                self.masters[*index].alive && self.masters[*index].state.deadline_ms().is_some()
            };
            all.extend((0..self.masters.len()).filter(waiting).map(Action::TimePasses));
        }
        all
    }

    /// Things somebody does to the world.
    pub(crate) fn external(&self) -> Vec<Action> {
        let mut all = Vec::new();
        for (index, master) in self.masters.iter().enumerate().filter(|(_, master)| master.alive) {
            let pending = &master.inbox.signals;
            let possible = self.budget.signals.iter().filter(|(s, left)| *left > 0 && !pending.contains(*s));
            all.extend(possible.map(|(signal, _)| Action::Signal(index, *signal)));
        }
        if self.budget.faults > 0 {
            self.faults(&mut all);
        }
        all
    }

    fn faults(&self, all: &mut Vec<Action>) {
        for (index, master) in self.masters.iter().enumerate().filter(|(_, master)| master.alive) {
            all.push(Action::KillMaster(index));
            if master.can_turn() {
                let effects = master::step(&master.state, &master.inbox).1.len();
                all.extend((1..effects).map(|count| Action::TurnThenDie(index, count)));
            }
        }
        for (index, process) in self.workers.iter().enumerate().filter(|(_, process)| process.alive) {
            all.push(Action::KillWorker(index));
            if process.worker.stage == worker::Stage::Preparing && !process.hangs {
                all.push(Action::Hang(index));
            }
        }
    }

    pub(crate) fn apply(&self, action: Action) -> World {
        let mut world = self.clone();
        match action {
            Action::Signal(index, signal) => world.send(index, signal),
            Action::KillMaster(index) => world.fault(|world| world.end_master(index)),
            Action::KillWorker(index) => world.fault(|world| world.end_worker(index)),
            Action::Hang(index) => world.fault(|world| world.workers[index].hangs = true),
            Action::Turn(index) => world.turn(index, 0, usize::MAX),
            Action::TurnThenDie(index, count) => world.fault(|world| {
                world.turn(index, 0, count);
                world.end_master(index);
            }),
            Action::Work(index) => world.work(index, false),
            Action::Finish(index) => world.work(index, true),
            Action::TimePasses(index) => {
                let elapsed = world.masters[index].state.deadline_ms().unwrap_or(0);
                world.turn(index, elapsed, usize::MAX);
            }
        }
        world
    }

    fn send(&mut self, index: usize, signal: Signal) {
        if let Some((_, left)) = self.budget.signals.iter_mut().find(|(listed, _)| *listed == signal) {
            *left -= 1;
        }
        self.masters[index].inbox.signals.insert(signal);
    }

    fn fault(&mut self, act: impl FnOnce(&mut World)) {
        self.budget.faults -= 1;
        self.faulted = true;
        act(self);
    }

    fn turn(&mut self, index: usize, elapsed_ms: u32, limit: usize) {
        let mut wakeup = std::mem::take(&mut self.masters[index].inbox);
        wakeup.elapsed_ms = elapsed_ms;
        let before = self.masters[index].state.stage;
        let (state, effects) = master::step(&self.masters[index].state, &wakeup);
        self.note_stop(before, &state);
        self.masters[index].state = state;
        self.masters[index].started = true;
        for effect in effects.into_iter().take(limit) {
            self.perform(index, effect);
        }
    }

    /// A generation told to stop while no other could serve: nobody promised anything from here on. A fast stop beside
    /// another generation cuts what it serves, so the other one has to recover as from a fault.
    fn note_stop(&mut self, before: Stage, after: &State) {
        let relieved = matches!(before, Stage::Yielding { .. }) && after.predecessor.is_some();
        let alone =
            after.predecessor.is_none_or(|predecessor| predecessor.leaving) && !after.has_ready_successor();
        match after.stage {
            Stage::Stopping if before != Stage::Stopping && !relieved && alone => self.stopped = true,
            Stage::Terminating { code: 0, .. } if alone => self.stopped = true,
            Stage::Terminating { .. } => self.faulted = true,
            _ => {}
        }
    }

    fn perform(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::SpawnWorker(id, revision) => self.workers.push(WorkerProcess {
                owner: index,
                id,
                revision,
                worker: Worker::default(),
                alive: true,
                hangs: false,
                inbox: worker::Wakeup::default(),
            }),
            Effect::Tell(id, command) => self.tell(index, id, command),
            Effect::KillWorker(id) => {
                self.find(index, id).into_iter().for_each(|worker| self.end_worker(worker))
            }
            Effect::Introduce(id) => self.introduce(index, id),
            Effect::LoadConfiguration => {
                let workers = self.budget.workers_each;
                self.masters[index].inbox.results.push(Outcome::ConfigurationLoaded { workers });
            }
            Effect::SpawnSuccessor => self.spawn_successor(index),
            Effect::KillSuccessor => {
                self.masters[index].successor.into_iter().for_each(|next| self.end_master(next))
            }
            Effect::TellPredecessor(message) => {
                self.tell_master(self.masters[index].predecessor, index, message)
            }
            Effect::TellSuccessor(message) => self.tell_master(self.masters[index].successor, index, message),
            Effect::DrainOrphans => self.drain_orphans(index),
            Effect::WritePidFile => {
                self.pid_file = Some(index);
                self.masters[index].inbox.results.push(Outcome::PidFileWritten);
            }
            Effect::RemovePidFile if self.pid_file == Some(index) => self.pid_file = None,
            Effect::RemoveLastPidFile => self.pid_file = None,
            Effect::TerminateOrphans => self.terminate_orphans(index),
            Effect::WriteOldBin => self.old_bin = Some(index),
            Effect::RemoveOldBin => {
                let stale = |named: usize| named == index || !self.masters[named].alive;
                self.old_bin = self.old_bin.filter(|named| !stale(*named));
            }
            Effect::AnnounceStart => self.served = true,
            Effect::Exit(_) => self.end_master(index),
            Effect::RemovePidFile
            | Effect::CloseListeners
            | Effect::DropConfiguration
            | Effect::CommitConfiguration
            | Effect::ReapSuccessor
            | Effect::ReopenLogs
            | Effect::Say(_) => {}
        }
    }

    fn spawn_successor(&mut self, index: usize) {
        let generation = self.masters[index].state.successor.map_or(0, |successor| successor.generation);
        if self.masters.len() >= self.budget.masters {
            return self.masters[index].inbox.results.push(Outcome::SuccessorNotSpawned);
        }
        let next = self.create_master(generation, Some(index));
        self.masters[index].successor = Some(next);
        self.masters[index].inbox.results.push(Outcome::SuccessorSpawned);
    }

    fn find(&self, owner: usize, id: master::WorkerId) -> Option<usize> {
        self.workers.iter().position(|process| process.owner == owner && process.id == id && process.alive)
    }

    fn tell(&mut self, owner: usize, id: master::WorkerId, command: Command) {
        if let Some(worker) = self.find(owner, id) {
            match command {
                Command::Terminate => self.workers[worker].inbox.signals.insert(Signal::Term),
                _ => self.workers[worker].inbox.commands.push(command),
            }
        }
    }

    fn introduce(&mut self, index: usize, id: master::WorkerId) {
        let Some(worker) = self.find(index, id) else { return };
        for (peer, side) in [(self.masters[index].successor, 0), (self.masters[index].predecessor, 1)] {
            if let Some(peer) = peer {
                self.masters[peer].introduced[side].insert(worker);
            }
        }
    }

    fn tell_master(&mut self, to: Option<usize>, from: usize, message: PeerMessage) {
        let Some(to) = to.filter(|to| self.masters[*to].alive) else { return };
        if self.masters[to].successor == Some(from) {
            self.masters[to].inbox.from_successor.push(message);
        } else {
            self.masters[to].inbox.from_predecessor.push(message);
        }
    }

    fn drain_orphans(&mut self, index: usize) {
        for worker in self.masters[index].orphans.clone() {
            if self.workers[worker].alive {
                self.workers[worker].inbox.signals.insert(Signal::Quit);
            }
        }
    }

    fn terminate_orphans(&mut self, index: usize) {
        for worker in self.masters[index].orphans.clone() {
            if self.workers[worker].alive {
                self.workers[worker].inbox.signals.insert(Signal::Term);
            }
        }
    }

    fn end_master(&mut self, index: usize) {
        if !self.masters[index].alive {
            return;
        }
        self.masters[index].alive = false;
        self.masters[index].inbox = master::Wakeup::default();
        for worker in self.living_workers_of(index).collect::<Vec<_>>() {
            self.workers[worker].inbox.master_gone = true;
        }
        for other in 0..self.masters.len() {
            self.tell_of_death(other, index);
        }
    }

    fn tell_of_death(&mut self, other: usize, dead: usize) {
        let process = &mut self.masters[other];
        if process.alive && process.successor == Some(dead) {
            process.inbox.successor_died = true;
            process.successor = None;
            process.orphans.extend(std::mem::take(&mut process.introduced[1]));
        }
        if process.alive && process.predecessor == Some(dead) {
            process.inbox.predecessor_died = true;
            process.predecessor = None;
            process.orphans.extend(std::mem::take(&mut process.introduced[0]));
        }
    }

    fn work(&mut self, index: usize, idle: bool) {
        let process = &mut self.workers[index];
        let mut wakeup = std::mem::take(&mut process.inbox);
        wakeup.prepared = process.worker.stage == worker::Stage::Preparing && !process.hangs;
        wakeup.idle = idle;
        let (next, effects) = worker::step(&process.worker, &wakeup);
        process.worker = next;
        let (owner, id) = (process.owner, process.id);
        for effect in effects {
            match effect {
                worker::Effect::Report(report) if self.masters[owner].alive => {
                    self.masters[owner].inbox.reports.push((id, report));
                }
                worker::Effect::Exit(_) => self.end_worker(index),
                _ => {}
            }
        }
    }

    fn end_worker(&mut self, index: usize) {
        let (owner, id) = (self.workers[index].owner, self.workers[index].id);
        self.workers[index].alive = false;
        self.workers[index].inbox = worker::Wakeup::default();
        if self.masters[owner].alive {
            self.masters[owner].inbox.exits.push(id);
            self.masters[owner].inbox.exits.sort_unstable();
        }
    }
}

impl MasterProcess {
    fn can_turn(&self) -> bool {
        self.alive && (!self.started || self.inbox != master::Wakeup::default())
    }
}

impl WorkerProcess {
    fn can_work(&self) -> bool {
        let preparing = self.worker.stage == worker::Stage::Preparing && !self.hangs;
        self.alive && (preparing || self.inbox != worker::Wakeup::default())
    }
}
