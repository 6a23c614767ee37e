//! The whole state of a master. No field could be derived from another.

use alloc::collections::BTreeMap;

use super::stage::Stage;
use crate::{Generation, signals::Signals};

/// A worker, numbered by its master from 1; never used again.
pub type WorkerId = u32;

/// Everything a master remembers between two turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State {
    /// Which generation this master leads.
    pub generation: Generation,
    /// The number of the next generation it starts: a dead one's is never used again.
    pub next_generation: Generation,
    /// Deadlines it keeps.
    pub limits: Limits,
    /// What the generation as a whole is doing.
    pub stage: Stage,
    /// The configuration in force.
    pub configuration: Configuration,
    /// Workers of a configuration that is about to come into force.
    pub cohort: Option<Cohort>,
    /// Every worker that lives.
    pub workers: BTreeMap<WorkerId, Worker>,
    /// The number of the next worker.
    pub next_worker: WorkerId,
    /// Workers in a row that died before they accepted; each doubles the pause before the next.
    pub failures: u8,
    /// Milliseconds until dead workers are replaced; `None` when there is no pause.
    pub pause_ms: Option<u32>,
    /// Milliseconds until a replacement that is neither prepared nor accepting is killed; runs while there is one.
    pub watchdog_ms: Option<u32>,
    /// Milliseconds during which a QUIT is taken for the end of an upgrade that has just failed, and refused once.
    pub doubt_ms: Option<u32>,
    /// Milliseconds until the pid file, which could not be written, is tried again; they do not pass while a successor comes.
    pub rewrite_ms: Option<u32>,
    /// The master that started this one, while it lives.
    pub predecessor: Option<Predecessor>,
    /// The master this one started, while it lives.
    pub successor: Option<Successor>,
    /// The master that started our predecessor, while both live: who is left if the one between us dies.
    pub elder: Option<Predecessor>,
    /// The master that our successor started, while both live.
    pub heir: Option<Successor>,
    /// Signals that wait for the successor to be ready, or for a reload to be over.
    pub deferred: Signals,
    /// Workers of a dead generation still serve; they are told to leave once ours do.
    pub orphans: bool,
}

/// Deadlines, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Limits {
    /// For a new generation to become ready.
    pub ready_ms: u32,
    /// For workers to acknowledge that they stopped accepting, at a reload.
    pub halt_ms: u32,
    /// From TERM to SIGKILL.
    pub terminate_ms: u32,
    /// After a failed upgrade, for a script that sends USR2 and QUIT without looking.
    pub doubt_ms: u32,
    /// Between two tries to write the pid file.
    pub rewrite_ms: u32,
    /// First pause before a worker that died before it accepted is replaced; doubles up to 64 times.
    pub pause_ms: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            ready_ms: 30_000,
            halt_ms: 200,
            terminate_ms: 3_000,
            doubt_ms: 1_000,
            rewrite_ms: 500,
            pause_ms: 50,
        }
    }
}

/// A configuration: its number within this generation and how many workers it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Configuration {
    /// 1 for the one the master started with.
    pub revision: u32,
    /// Workers it wants; at least 1.
    pub workers: u32,
}

/// Where a cohort's configuration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The generation's own start.
    Start,
    /// A reload (HUP).
    Reload,
}

/// The workers of a configuration that is about to come into force. All of them are prepared before any accepts, and the old
/// ones stop accepting before the first new one starts, so that no client sees the two configurations in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cohort {
    /// Start or reload.
    pub origin: Origin,
    /// What the workers will serve.
    pub configuration: Configuration,
    /// How far they are.
    pub stage: CohortStage,
}

/// How far a cohort is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CohortStage {
    /// The configuration is being read.
    Loading,
    /// The workers prepare themselves; given up after `remaining_ms`.
    Preparing { remaining_ms: u32 },
    /// The old workers were told to stop accepting; one that does not answer in time is drained anyway.
    Halting { remaining_ms: u32 },
    /// The new workers were told to accept; given up after `remaining_ms`.
    Admitting { remaining_ms: u32 },
}

/// One live worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    /// The configuration it serves.
    pub revision: u32,
    /// What it was last told, or told us.
    pub duty: Duty,
}

/// What a worker was last told, or told us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    /// Prepares itself.
    Preparing,
    /// Said it is prepared; not told anything yet.
    Prepared,
    /// Told to accept.
    Admitted,
    /// Said it accepts.
    Accepting,
    /// Told to stop accepting.
    Halting,
    /// Said it stopped.
    Halted,
    /// Told to drain.
    Draining,
    /// Told to terminate.
    Terminated,
}

/// The master that started this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Predecessor {
    /// Its number.
    pub generation: Generation,
    /// It said that it was told to leave.
    pub leaving: bool,
    /// Whether it knows that we are its successor.
    pub bond: Bond,
}

/// Whether another master knows that there is none between us any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bond {
    /// It knows.
    Mutual,
    /// It may not have noticed the death of the one between us, and may yet take over.
    OneSided,
}

impl Predecessor {
    /// The one that started us.
    pub fn new(generation: Generation) -> Predecessor {
        Predecessor { generation, leaving: false, bond: Bond::Mutual }
    }

    /// The one that started our predecessor, and was told to leave before that was told to start us.
    pub fn elder(generation: Generation) -> Predecessor {
        Predecessor { generation, leaving: true, bond: Bond::OneSided }
    }
}

/// The master this one started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Successor {
    /// Its number.
    pub generation: Generation,
    /// How far it is.
    pub stage: SuccessorStage,
    /// Whether it knows that we took over.
    pub notice: Notice,
}

/// Whether a successor has heard that we took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Notice {
    /// There is nothing that it does not know.
    Heard,
    /// It was told so many times and has not answered: "ready" was said before that, and the pid file may name us since.
    Given(u8),
}

impl Notice {
    /// It is told once more.
    pub(super) fn give(&mut self) {
        *self = match self {
            Notice::Heard => Notice::Given(1),
            Notice::Given(times) => Notice::Given(times.saturating_add(1)),
        };
    }

    /// It has answered the first that was not answered.
    pub(super) fn answer(&mut self) {
        *self = match self {
            Notice::Heard | Notice::Given(..=1) => Notice::Heard,
            Notice::Given(times) => Notice::Given(*times - 1),
        };
    }
}

impl Successor {
    pub(super) fn new(generation: Generation, stage: SuccessorStage) -> Successor {
        Successor { generation, stage, notice: Notice::Heard }
    }
}

/// How far a successor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SuccessorStage {
    /// Being forked.
    Spawning,
    /// Starting; condemned after `remaining_ms`.
    Starting { remaining_ms: u32 },
    /// Said that all its workers accept and that the pid file names it.
    Ready,
    /// Wants to leave and waits until we serve; it is told when we do.
    Yielding,
    /// It was told that we serve again, and leaves.
    Relieved,
    /// It said that it is ready before it heard that we serve again, and will say so once more when it knows.
    Returning,
    /// It said that it was told to stop.
    Stopping,
    /// Killed by us because it was not ready in time, or because we were told to stop before it was.
    Condemned,
}

impl State {
    /// A master that begins: `predecessor` is the generation that started it, if any.
    pub fn new(
        generation: Generation,
        workers: u32,
        predecessor: Option<Generation>,
        limits: Limits,
    ) -> State {
        let configuration = Configuration { revision: 1, workers };
        let stage = CohortStage::Preparing { remaining_ms: limits.ready_ms };
        State {
            generation,
            next_generation: generation + 1,
            limits,
            stage: Stage::Starting,
            configuration,
            cohort: Some(Cohort { origin: Origin::Start, configuration, stage }),
            workers: BTreeMap::new(),
            next_worker: 1,
            failures: 0,
            pause_ms: None,
            watchdog_ms: None,
            doubt_ms: None,
            rewrite_ms: None,
            predecessor: predecessor.map(Predecessor::new),
            successor: None,
            elder: None,
            heir: None,
            deferred: Signals::NONE,
            orphans: false,
        }
    }

    /// Milliseconds until the next deadline, if any is running.
    pub fn deadline_ms(&self) -> Option<u32> {
        let stage = match self.stage {
            Stage::Yielding { remaining_ms } | Stage::Terminating { remaining_ms, .. } => Some(remaining_ms),
            _ => None,
        };
        let cohort = self.cohort.and_then(|cohort| match cohort.stage {
            CohortStage::Loading => None,
            CohortStage::Preparing { remaining_ms }
            | CohortStage::Halting { remaining_ms }
            | CohortStage::Admitting { remaining_ms } => Some(remaining_ms),
        });
        let successor = self.successor.and_then(|successor| match successor.stage {
            SuccessorStage::Starting { remaining_ms } => Some(remaining_ms),
            _ => None,
        });
        let rewrite = self.rewrite_ms.filter(|_| !self.is_being_succeeded());
        let timers = [self.pause_ms, self.watchdog_ms, self.doubt_ms, rewrite];
        [stage, cohort, successor].into_iter().chain(timers).flatten().min()
    }

    /// Whether a successor is there that serves and wants to go on serving.
    pub fn has_ready_successor(&self) -> bool {
        self.successor.is_some_and(|successor| successor.stage == SuccessorStage::Ready)
    }

    /// Whether a successor is on its way or there, and neither goes back nor fails.
    pub fn is_being_succeeded(&self) -> bool {
        let comes = |stage: SuccessorStage| stage.is_on_its_way() || stage == SuccessorStage::Ready;
        self.successor.is_some_and(|successor| comes(successor.stage))
    }

    /// Whether the predecessor may not know yet that there is no one between us.
    pub fn has_one_sided_bond(&self) -> bool {
        self.predecessor.is_some_and(|old| old.bond == Bond::OneSided)
    }

    /// Whether the pid file names the successor, or is about to: it said that it is ready, and we have not taken over since.
    pub fn is_named_after_successor(&self) -> bool {
        use SuccessorStage::{Ready, Stopping, Yielding};
        self.successor.is_some_and(|successor| matches!(successor.stage, Ready | Yielding | Stopping))
    }

    /// Workers of the configuration in force that said they accept.
    pub fn accepting(&self) -> u32 {
        self.count(self.configuration.revision, |duty| duty == Duty::Accepting)
    }

    pub(super) fn count(&self, revision: u32, duty: impl Fn(Duty) -> bool) -> u32 {
        self.workers.values().filter(|w| w.revision == revision && duty(w.duty)).count() as u32
    }
}

impl SuccessorStage {
    /// It will be ready, for all we know.
    pub(super) fn is_on_its_way(self) -> bool {
        use SuccessorStage::{Returning, Spawning, Starting};
        matches!(self, Spawning | Starting { .. } | Returning)
    }
}

impl Duty {
    /// Serves, or is on its way to.
    pub(super) fn is_wanted(self) -> bool {
        matches!(self, Duty::Preparing | Duty::Prepared | Duty::Admitted | Duty::Accepting)
    }
}
