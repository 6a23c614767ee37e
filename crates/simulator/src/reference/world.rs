//! Processes, files and what may still be done to them.

use std::sync::Arc;

use protocol::{
    master::{self, Effect, Limits, PeerMessage, State, WorkerId},
    signals::{Signal, Signals},
    worker,
};

use crate::{
    allowance::Allowance,
    bounds::{Bounds, Budget},
    fingerprint::fingerprint,
    model::Kind,
    scene::{GENERATIONS, Name},
};

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub(super) masters: [Slot; GENERATIONS],
    pub(super) workers: Vec<Worker>,
    pub(super) pid_file: Name,
    pub(super) old_bin: Name,
    pub(super) left: Left,
    pub(super) past: Past,
}

/// Where a generation's master is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Slot {
    Unborn,
    Alive(Arc<Master>),
    Dead,
}

/// What may still be done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Left {
    pub(super) workers_each: u8,
    pub(super) together: u8,
    pub(super) signals: Budget,
    pub(super) faults: u8,
    pub(super) delays: u8,
}

/// What the properties have to remember.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Past {
    /// The first generation was ready once.
    pub(super) served: bool,
    /// An operator stopped the last generation, or stopped one so that nothing is promised.
    pub(super) stopped: bool,
    pub(super) faulted: bool,
    pub(super) struck: bool,
    pub(super) worker_harmed: bool,
    /// By generation: it announced itself.
    pub(super) ready: [bool; GENERATIONS],
    /// By generation: it was told to leave, and did not say no.
    pub(super) told: [bool; GENERATIONS],
    /// In the step that led here.
    pub(super) came_back: bool,
    /// A master was killed whose workers accepted, and nobody else meant to serve.
    pub(super) outlived: bool,
    /// The last master decided to leave, and nobody had told it to.
    pub(super) deserted: bool,
    pub(super) abandoned: bool,
    pub(super) bared: bool,
    /// A generation that was told to leave came back by itself, and another one served.
    pub(super) doubled: bool,
    /// A generation was to be started beside three living ones.
    pub(super) crowded: bool,
    pub(super) unanswered: bool,
}

/// A master process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Master {
    pub(super) state: State,
    /// Has taken its first turn.
    pub(super) started: bool,
    /// SIGSTOPped.
    pub(super) stopped: bool,
    /// Holds the listening sockets.
    pub(super) listens: bool,
    /// What it will find when it takes its next turn.
    pub(super) inbox: master::Wakeup,
    /// Decided, not done yet: it was overtaken.
    pub(super) rest: Vec<Effect>,
    pub(super) predecessor: Option<u8>,
    pub(super) successor: Option<u8>,
    pub(super) elder: Option<u8>,
    pub(super) heir: Option<u8>,
    /// A master that the heir started: nothing is made of it before the heir is the successor.
    pub(super) next_heir: Option<u8>,
    pub(super) from_next_heir: Vec<PeerMessage>,
}

/// A worker process.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Worker {
    /// The generation that started it.
    pub(super) owner: u8,
    pub(super) id: WorkerId,
    pub(super) revision: u32,
    pub(super) life: worker::Worker,
    /// Never gets prepared.
    pub(super) hangs: bool,
    pub(super) stopped: bool,
    pub(super) inbox: worker::Wakeup,
    /// Generations that got a pidfd of it, as bits.
    pub(super) introduced: u8,
    /// Generations that took it over from one that died, as bits.
    pub(super) adopted: u8,
}

/// One thing that can happen. Workers are numbered as they stand in the state before.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// A master takes a turn in which these signals are pending.
    Turn(u8, Signals, Cut),
    /// A master that was overtaken goes on.
    Resume(u8),
    /// A worker takes a step.
    Work(u8),
    /// A draining worker's last client leaves.
    Finish(u8),
    /// A master's next deadline passes, and it takes a turn.
    TimePasses(u8),
    /// SIGKILL a master.
    Kill(u8),
    /// SIGSTOP a master.
    Stop(u8),
    /// SIGCONT a master.
    Continue(u8),
    /// SIGKILL a worker.
    KillWorker(u8),
    /// An operator's QUIT to a worker.
    QuitWorker(u8),
    /// SIGSTOP a worker.
    StopWorker(u8),
    /// SIGCONT a worker.
    ContinueWorker(u8),
    /// A worker that prepares itself will never be prepared.
    Hang(u8),
}

/// How a turn is disturbed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cut {
    /// Not at all.
    None,
    /// The master is killed after so many effects.
    Killed(u8),
    /// Others act after so many effects, before it goes on.
    Overtaken(u8),
    /// This effect fails.
    Fails(u8),
}

impl Action {
    pub(super) fn kind(self) -> Kind {
        match self {
            Action::Turn(_, signals, Cut::None) if signals.is_empty() => Kind::Step,
            Action::Resume(_)
            | Action::Work(_)
            | Action::TimePasses(_)
            | Action::Continue(_)
            | Action::ContinueWorker(_) => Kind::Step,
            Action::Finish(_) => Kind::Ending,
            _ => Kind::Outside,
        }
    }
}

impl World {
    pub(super) fn new(bounds: &Bounds) -> World {
        let mut world = World {
            masters: [Slot::Unborn, Slot::Unborn, Slot::Unborn],
            workers: Vec::new(),
            pid_file: Name::Absent,
            old_bin: Name::Absent,
            left: Left {
                workers_each: bounds.workers,
                together: bounds.together,
                signals: bounds.signals,
                faults: bounds.faults,
                delays: bounds.delays,
            },
            past: Past::default(),
        };
        world.bear(0, 1, None);
        world
    }

    /// A master process begins, started by `predecessor`.
    pub(super) fn bear(&mut self, index: u8, generation: u32, predecessor: Option<u8>) {
        let old = predecessor.and_then(|old| self.master(old)).map(|master| master.state.generation);
        let elder = predecessor.and_then(|old| self.master(old)).and_then(|master| master.predecessor);
        let mut state = State::new(generation, self.left.workers_each.into(), old, Limits::default());
        let elder_master = elder.and_then(|elder| self.master(elder));
        state.elder = elder_master.map(|master| master::Predecessor::elder(master.state.generation));
        let process = Master {
            state,
            started: false,
            stopped: false,
            listens: true,
            inbox: master::Wakeup::default(),
            rest: Vec::new(),
            predecessor,
            successor: None,
            elder,
            heir: None,
            next_heir: None,
            from_next_heir: Vec::new(),
        };
        let slot = usize::from(index);
        self.masters[slot] = Slot::Alive(Arc::new(process));
        (self.past.ready[slot], self.past.told[slot]) = (false, false);
        for worker in &mut self.workers {
            worker.introduced &= !(1 << index);
            worker.adopted &= !(1 << index);
        }
    }

    pub(super) fn master(&self, index: u8) -> Option<&Master> {
        match &self.masters[usize::from(index)] {
            Slot::Alive(master) => Some(master),
            _ => None,
        }
    }

    pub(super) fn master_mut(&mut self, index: u8) -> Option<&mut Master> {
        match &mut self.masters[usize::from(index)] {
            Slot::Alive(master) => Some(Arc::make_mut(master)),
            _ => None,
        }
    }

    /// Generations whose master lives.
    pub(super) fn living(&self) -> impl Iterator<Item = (u8, &Master)> {
        (0..GENERATIONS as u8).filter_map(|index| Some((index, self.master(index)?)))
    }

    /// The generation whose master or worker does something.
    pub(super) fn touched(&self, action: Action) -> u8 {
        match action {
            Action::Turn(index, ..)
            | Action::Resume(index)
            | Action::TimePasses(index)
            | Action::Kill(index)
            | Action::Stop(index)
            | Action::Continue(index) => index,
            Action::Work(at)
            | Action::Finish(at)
            | Action::KillWorker(at)
            | Action::QuitWorker(at)
            | Action::StopWorker(at)
            | Action::ContinueWorker(at)
            | Action::Hang(at) => self.workers[usize::from(at)].owner,
        }
    }

    /// What is left, and the excuses that were not used yet.
    pub(super) fn allowance(&self) -> Allowance {
        let Left { signals, faults, delays, .. } = self.left;
        let Past { faulted, struck, worker_harmed, .. } = self.past;
        let unexcused = [faulted, struck, worker_harmed].map(|excuse| u8::from(!excuse));
        Allowance::of(signals.left().into_iter().chain([faults, delays]).chain(unexcused))
    }

    /// All but that.
    pub(super) fn apart_from_allowance(&self) -> u64 {
        let past = Past { faulted: false, struck: false, worker_harmed: false, ..self.past };
        fingerprint(&(&self.masters, &self.workers, self.pid_file, self.old_bin, past))
    }

    pub(super) fn fault(&mut self) {
        self.left.faults -= 1;
        (self.past.faulted, self.past.struck) = (true, true);
    }
}

impl Master {
    /// It has something to do.
    pub(super) fn can_turn(&self) -> bool {
        !self.stopped && self.rest.is_empty() && (!self.started || self.inbox != master::Wakeup::default())
    }

    /// It could take a turn if a signal came.
    pub(super) fn can_be_signalled(&self) -> bool {
        !self.stopped && self.rest.is_empty()
    }
}

impl Worker {
    /// It has something to do.
    pub(super) fn can_work(&self) -> bool {
        let preparing = self.life.stage == worker::Stage::Preparing && !self.hangs;
        !self.stopped && (preparing || self.inbox != worker::Wakeup::default())
    }

    /// Its master died, and only others can tell it something.
    pub(super) fn receive(&mut self, signal: Signal) {
        self.inbox.signals.insert(signal);
    }
}
