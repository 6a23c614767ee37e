//! The event log of a run: what happened besides the requests, one JSON object a line, written as it happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Generation, Nanos,
    kernel::{Extent, Keeper},
    plan::FailpointAct,
};

/// When something happened. What was polled happened somewhere in an interval, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Not before this instant.
    pub earliest: Nanos,
    /// Not after this instant.
    pub latest: Nanos,
}

impl Moment {
    /// An instant that is exactly known.
    pub fn exact(at: Nanos) -> Moment {
        Moment { earliest: at, latest: at }
    }
}

/// One line of `events.ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Position in the log, from 0 without gaps: a missing number is a truncated log.
    pub number: u64,
    /// When it happened.
    pub at: Moment,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What a process is in its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the listeners, serves nothing.
    Master,
    /// Accepts and answers.
    Worker,
    /// Anything else the target started (launcher, cache manager, helper).
    Other,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// `exit(code)`.
    Exited(i32),
    /// Killed by this signal number.
    Killed(i32),
    /// Gone; a parent other than us took the status.
    Unknown,
}

/// What a pid file held when it was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PidFile {
    /// No such file.
    #[default]
    Absent,
    /// There, with nothing in it.
    Empty,
    /// There, but not a decimal pid.
    Garbage,
    /// Names this pid.
    Names(u32),
}

/// A queue is left alone when nobody has accepted from it for this long.
pub const LEFT_AFTER: Nanos = 100_000_000;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// First line. Nothing was started yet.
    RunStarted { case: String, seed: u64, version: String },
    /// Whose network the sockets of the run are in, and why.
    NetworkChosen { extent: Extent, why: String },
    /// An origin answers at this address, which is its name where a director hashes those of its members.
    OriginStarted { origin: String, address: String },
    /// A target was told to start; `address` is where it will listen.
    TargetStarted { target: String, address: String, program: String, version: String },
    /// The target answered, with all its workers: what it looks like before anything is done to it.
    TargetReady { target: String, view: View },
    /// A new phase (index and name as in `Plan::phases`) begins.
    PhaseBegan { phase: u8, name: String },
    /// The kernel's counters (`kernel::COUNTERS`) right before a phase begins, and when the load has stopped. They count
    /// from boot, or from when the network namespace was made.
    KernelCounted { extent: Extent, counters: BTreeMap<String, u64> },
    /// The generator began to send.
    LoadStarted,
    /// The generator sent its last request and waited for the answers.
    LoadStopped { planned: u64, sent: u64, unsent: u64 },
    /// How late the generator itself was in a phase (actual minus intended start): a lagging generator voids the run.
    GeneratorLag { phase: u8, samples: u64, p999_ns: Nanos, max_ns: Nanos },
    /// How the kernel scheduled the threads of the generator.
    GeneratorScheduled { scheduling: Scheduling },
    /// A step of the plan begins (its action is about to happen).
    StepBegan { step: usize, doing: String },
    /// The sleep of this step is longer by so much, so that nothing falls into step with what the server does regularly.
    Jittered { step: usize, ns: Nanos },
    /// The step is done.
    StepDone { step: usize },
    /// The step could not be done; the run goes on to its end and is judged.
    StepFailed { step: usize, why: String },
    /// The step was not done, because it was not its turn: it rescues an analysis that passed, or it follows one that failed.
    StepSkipped { step: usize, why: String },
    /// One measurement of an analysis; `success` is `None` when it could not be told.
    Measured { step: usize, success: Option<bool>, saw: String },
    /// A reaction of the plan acts (its action is about to happen).
    ReactionBegan { reaction: usize, doing: String },
    /// What it was to do could not be done; nobody there to do it to is the usual reason, and no failure.
    ReactionFailed { reaction: usize, why: String },
    /// A fault is over: its time had come, or the steps had ended.
    FaultUndone { doing: String },
    /// A process of a target reached an armed failpoint and is about to fail there, unless `act` is a note; who it is and of
    /// which generation it says itself.
    FailpointReached {
        target: String,
        pid: u32,
        generation: Generation,
        role: Role,
        point: String,
        act: FailpointAct,
    },
    /// A line of the scenario's own.
    Marked { text: String },
    /// What a watched condition (`Plan::watched`) is worth from here on; written at `LoadStarted` for each and whenever it
    /// changes. `holds` is `None` while it cannot be told. `saw` spells the values it is made of.
    ConditionChanged { condition: String, holds: Option<bool>, saw: String },
    /// A process of a target was first seen.
    ProcessAppeared {
        target: String,
        pid: u32,
        parent: u32,
        generation: Generation,
        role: Role,
        title: String,
    },
    /// A process of a target ended.
    ProcessEnded { target: String, pid: u32, generation: Generation, role: Role, ending: Ending },
    /// The process lost its parent and is not a master.
    ProcessOrphaned { target: String, pid: u32, generation: Generation, role: Role },
    /// The harness sent a signal.
    SignalSent { target: String, pid: u32, generation: Generation, role: Role, signal: String },
    /// The pid file or its `.oldbin` changed; `master` says whether the named pid is a live master of the target.
    PidFileChanged { target: String, file: String, holds: PidFile, live_master: bool },
    /// That file was replaced, and when it was looked at it held what it had held before: what it held in between, if that
    /// was anything else, nobody read.
    PidFileReplaced { target: String, file: String },
    /// First answer of a generation, as told by a probe of the harness.
    GenerationAnswered { target: String, generation: Generation },
    /// The queues of the sockets that this target listens on, and who keeps them, are looked at from here on.
    QueuesWatched { target: String },
    /// They are not, or not all the time: what is told of them is not the whole truth.
    QueuesUnwatched { target: String, why: String },
    /// Connections have waited in the queue of this listening socket since the earliest instant, at least
    /// [`LEFT_AFTER`] long, and none of the processes that keep it accepts. Told again when others keep it.
    QueueLeft { target: String, socket: u64, waiting: u32, keepers: Vec<Keeper> },
    /// Nobody waits in that queue any more, or somebody may accept again.
    QueueTaken { target: String, socket: u64 },
    /// A listening socket is gone, and as last seen connections were waiting in its queue. `keepers` are those at that
    /// time; `None` where we may not know.
    QueueClosed { target: String, socket: u64, waiting: u32, keepers: Option<Vec<Keeper>> },
    /// Connections that nobody has accepted, by the ports of their clients: those that were found waiting (twice in a
    /// row), and those that no longer are. Those that came wait at one of these sockets.
    Waiting { target: String, sockets: Vec<u64>, came: Vec<u16>, left: Vec<u16> },
    /// Nobody listens at the address of the target any more; as last seen these kept the last socket that did.
    NobodyListens { target: String, keepers: Option<Vec<Keeper>> },
    /// Somebody does again.
    SomebodyListens { target: String },
    /// Everything an expectation about the end needs, taken when the last step is done and the dust has settled.
    Settled { target: String, view: View },
    /// Something outlived the run that had to be removed by force.
    Leaked { what: String },
    /// A line of the target's own log worth keeping (alerts, signals).
    TargetSaid { target: String, line: String },
    /// The harness may have missed something about a target; what is told of that is not the whole truth.
    Overlooked { target: String, what: String },
    /// A thread that only sleeps was kept from running for this long: nobody on this machine was on time then.
    Hiccup { ns: Nanos },
    /// A self-measurement of the harness: foreign CPU, steal, worst hiccup.
    SelfCheck { hiccup_max_ns: Nanos, foreign_cpu: f64, steal: f64 },
    /// The harness ended the run before its steps were done; why, as a clause: `its deadline of 1200 ms passed`.
    CutOff { why: String },
    /// Last line. `interrupted`: the run did not come to its own end. Without it the history is not sealed and nothing passes.
    RunEnded { interrupted: bool },
}

/// How the kernel schedules threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduling {
    /// Before every ordinary thread (`SCHED_FIFO`).
    First,
    /// As everybody.
    Ordinary,
}

/// What the harness sees of a target at one instant. See `site` for what can be asked of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// All live processes of the target.
    pub processes: Vec<Seen>,
    /// What the pid file holds.
    pub pid_file: PidFile,
    /// What `.oldbin` (or the target's equivalent) holds.
    pub oldbin: PidFile,
    /// Generation that answers a fresh connection now; 0 when nobody answers or nobody asked.
    pub answers: Generation,
    /// Generations that ever answered a probe.
    pub answered: Vec<Generation>,
    /// The generation in charge when the last USR2 was sent; before any: the only one.
    pub old: Generation,
    /// The highest generation seen.
    pub newest: Generation,
    /// Workers a generation should have.
    pub configured: u32,
    /// Workers that lived when the last HUP was sent.
    pub before_reload: Vec<u32>,
    /// Zombies among the target's processes.
    pub zombies: u32,
    /// Processes that failed at a failpoint so far.
    #[serde(default)]
    pub fired: u32,
    /// Who says which generation is in charge.
    #[serde(default)]
    pub in_charge: InCharge,
}

/// How it is known which generation of a target is in charge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InCharge {
    /// Its pid file says so.
    #[default]
    PidFile,
    /// It writes none: the newest that has a live master.
    Newest,
}

/// One live process in a [`View`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Process id.
    pub pid: u32,
    /// Its parent now.
    pub parent: u32,
    /// Its generation: a worker keeps the generation of the master that forked it.
    pub generation: Generation,
    /// What it is.
    pub role: Role,
    /// Worker without a living master of its own.
    pub orphan: bool,
    /// Open file descriptors.
    pub fds: u32,
    /// Resident memory in KiB.
    pub rss_kib: u64,
}
