//! What a step does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Condition, Selector, Signal};
use crate::{Expression, Nanos};

/// What a step or a reaction does. A fault with `for_ms` is undone by the harness after that long and at the end of
/// the steps in any case; both are written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send these signals in this order, without a pause between them.
    Signal { to: Selector, signals: Vec<Signal> },
    /// SIGKILL.
    Kill { to: Selector },
    /// SIGSTOP; with `for_ms`, SIGCONT after that long. The step does not wait for it.
    Hold { to: Selector, for_ms: Option<u64> },
    /// SIGCONT.
    Release { to: Selector },
    /// Let the load run for this long.
    Sleep { ms: u64 },
    /// Wait for a fact.
    WaitUntil { condition: Condition },
    /// Replace the program file, as a package upgrade would (rename over it).
    SwapBinary { target: usize, replacement: Replacement },
    /// Render the configuration with these weights (by origin name; 0 is `down`). Tells the server nothing by itself.
    Weight { target: usize, weights: BTreeMap<String, u32> },
    /// Render the configuration without this member (by origin name). A later weight brings it back.
    Delete { target: usize, member: String },
    /// Render the configuration with these options changed.
    Configure { target: usize, options: BTreeMap<String, String> },
    /// Run a command as a process of this target, in its run directory.
    Exec { target: usize, command: Command },
    /// Set the soft limit of a resource in these processes (prlimit).
    Limit { to: Selector, resource: Resource, soft: u64 },
    /// Make the directory of the target's pid file fail: `${pid_directory}`, which is a small tmpfs of its own in a plan with such a step.
    Disk { target: usize, fault: DiskFault, for_ms: Option<u64> },
    /// Arm an instant in the server's own code: one process fails when it reaches it. The step does not wait for that.
    Failpoint(Failpoint),
    /// Disturb the path from the clients to this target, which leads through a proxy in a plan with such a step.
    Net { target: usize, fault: NetFault, for_ms: Option<u64> },
    /// Change what a population does from now on.
    Load { population: usize, change: LoadChange },
    /// Write a line into the event log.
    Mark { text: String },
    /// Measure again and again; fail when more than `failure_limit` of `count` measurements are not a success.
    Analysis(Analysis),
}

/// Who is to fail where, and how. Arming another one of the same target takes the place of one that nobody has reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failpoint {
    /// Whose processes; the one of them that comes first. `new`, before there is one: the next generation.
    pub to: Selector,
    /// One of [`Target::failpoints`](super::Target::failpoints) without what the process is; `*` is any.
    pub point: String,
    /// What happens there.
    pub act: FailpointAct,
    /// The n-th time that a process comes there, from 1.
    pub nth: u32,
    /// Only those that came to life before, or after, it was armed.
    pub born: Option<Born>,
}

/// How a process fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailpointAct {
    /// It kills itself with SIGKILL.
    Kill,
    /// It stops itself; the harness continues it after three seconds.
    Stop,
    /// It exits at once.
    Exit,
    /// It says that it was there, each time, and goes on.
    Note,
}

/// When a process came to life, seen from an arming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Born {
    /// It was there already.
    Before,
    /// It is new since.
    After,
}

impl FailpointAct {
    /// As a scenario says it.
    pub fn name(self) -> &'static str {
        match self {
            FailpointAct::Kill => "kill",
            FailpointAct::Stop => "stop",
            FailpointAct::Exit => "exit",
            FailpointAct::Note => "note",
        }
    }
}

/// A command of a scenario or of a target's verb.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its arguments, the program first.
    pub argv: Vec<Word>,
    /// Environment beside the harness's own (templates).
    pub environment: BTreeMap<String, String>,
    /// How it is to end.
    pub lasts: Lasts,
    /// Whether it begins an upgrade: from then on `old` is the generation in charge now.
    pub upgrades: bool,
}

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// A template: the target's facts and options.
    Text(String),
    /// The pids of these processes when the command starts, each an argument of its own: `${pid}`, `${pid.old.master}`.
    Pids(Selector),
}

/// How a command is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// With this status, within this long; the step waits for it.
    Ends { status: i32, within_ms: u64 },
    /// It stays, at most to the end of the run.
    Stays,
}

/// What is measured, how often, and when that is a failure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// From one measurement to the next; the first is this long after the step began.
    pub every_ms: u64,
    /// How many.
    pub count: u32,
    /// What makes a measurement a success. Functions of the ledger are asked of the attempts that ended since the
    /// measurement before (the first: since the step began); they have no phases.
    pub success: Expression,
    /// `success` as written.
    pub text: String,
    /// More measurements than this that are no success, or unknown, and the step fails at once; then the steps that
    /// rescue it ([`Step::rescues`](super::Step::rescues)) are done.
    pub failure_limit: u32,
}

/// What stands in for the new program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// The program it was.
    Original,
    /// A program that exits 1 at once.
    ExitsAtOnce,
    /// A program that never gets ready.
    Hangs,
    /// A text file without a `#!` line: `execve` fails.
    TextFile,
}

/// What `setrlimit` limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Open file descriptors.
    Nofile,
    /// Processes of the user.
    Nproc,
    /// Bytes of a file.
    Fsize,
    /// Bytes of address space.
    As,
}

/// How a directory fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskFault {
    /// `ENOSPC`.
    Full,
    /// `EROFS`.
    Readonly,
    /// No more.
    None,
}

/// How a path fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetFault {
    /// Every byte is this much later, in both directions.
    Latency { nanos: Nanos },
    /// Every connection is reset: those there are at once, new ones when accepted.
    Reset,
    /// Nothing comes through; connections stay open.
    Blackhole,
    /// No more.
    None,
}

/// What becomes of a population.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadChange {
    /// It sends this many a second; how its arrivals are spread stays.
    Rate { per_second: f64 },
    /// It sends no more; what is in flight ends.
    Stop,
    /// Every client of it that has nothing in flight sends now.
    Fire,
}
