//! What will happen in a run. Nothing is left to choose here but what only the machine can tell (a free
//! address, a directory): those are `${…}` placeholders in the texts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Expression;

/// One case: one scenario with every matrix value chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this layout: 1.
    pub schema: u32,
    /// Which case this is.
    pub case: Case,
    /// From which every population draws its own stream.
    pub seed: u64,
    /// The whole run is ended by force after this long.
    pub deadline_ms: u64,
    /// A percentile of fewer samples than this is unknown.
    pub minimum_samples: u64,
    /// Servers under test, by name.
    pub targets: Vec<Target>,
    /// Back ends behind a proxy target, by name.
    pub origins: Vec<Origin>,
    /// Phases in order; indices are `u8` everywhere.
    pub phases: Vec<String>,
    /// Clients.
    pub populations: Vec<Population>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What must be true.
    pub expectations: Vec<Expectation>,
    /// Why this case is known to fail on this target. Then it must fail; passing is red.
    pub known_failure: Option<String>,
    /// A planted loss: every expectation that has a place must fail, and none may be unknown. Passing is red.
    #[serde(default)]
    pub must_fail: bool,
}

/// The name of a case and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// `upgrade/usr2-winch-quit::target=nginx`: what `verify CASE` takes.
    pub id: String,
    /// The scenario file as the user named it.
    pub file: String,
    /// One sentence.
    pub title: String,
    /// Words to select by.
    pub tags: Vec<String>,
}

/// A server under test: a folder of text, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Name in the scenario (`web`).
    pub name: String,
    /// Folder under `scenarios/targets/`.
    pub kind: String,
    /// The command that installs it, for the SKIP message.
    pub install: String,
    /// Program by name: one of ours beside the `changeover` binary, else found on `PATH`.
    pub program: String,
    /// Arguments that print its version.
    pub version: Vec<String>,
    /// argv to start it; `${program}` is the run's own copy, by absolute path. It must daemonise.
    pub start: Vec<String>,
    /// Files to render into the run directory before it is started: (name, template).
    pub files: Vec<(String, String)>,
    /// Its pid file (template).
    pub pid_file: String,
    /// Where the old master's pid goes during an upgrade (template).
    pub oldbin: String,
    /// Error log, shown on failure (template).
    pub log: String,
    /// Workers per generation; 0 for a server of one process.
    pub workers: u32,
    /// What the command line of a worker contains (`worker process`); tells it from a new master, which is a child of the old one too.
    pub worker_title: String,
    /// Values for `${…}` in the templates, beside those of the machine.
    pub options: BTreeMap<String, String>,
    /// Template of one upstream member (`${address}`, `${weight}`), and of one with weight 0.
    pub member: String,
    /// See `member`.
    pub member_down: String,
    /// First weights, by origin name.
    pub weights: BTreeMap<String, u32>,
    /// Checks that hold for this target beyond what every server must do, by name in `CHECKS`.
    pub promises: Vec<String>,
}

/// A back end of the harness's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Name in the scenario and in `X-Changeover-Origin`.
    pub name: String,
}

/// How a population connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// A connection per request.
    Short,
    /// Connections are kept and reused.
    Keepalive,
}

/// When requests are meant to start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Open loop on one global grid, this many a second.
    Constant { per_second: f64 },
    /// Open loop, exponential gaps, this many a second on average.
    Poisson { per_second: f64 },
    /// Each connection sends this long after its last answer (partly open; keepalive only).
    Think { nanos: u64 },
}

/// Method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Idempotent.
    Get,
    /// Not idempotent: must never be retried blindly.
    Post,
}

/// Clients that behave alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Name in the scenario.
    pub name: String,
    /// Index into `Plan::targets`.
    pub target: usize,
    /// Short or keepalive.
    pub behaviour: Behaviour,
    /// When they send.
    pub pace: Pace,
    /// Connections kept open (keepalive), or the most at a time (short).
    pub connections: u32,
    /// Look for a FIN before each write on a reused connection.
    pub looks: bool,
    /// GET or POST.
    pub method: Method,
    /// Request target.
    pub path: String,
    /// Bytes of request body (POST).
    pub body_bytes: u32,
    /// An attempt that took longer is a hang.
    pub timeout_ms: u32,
}

/// One sequential step: wait, then act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it stands in the scenario, for messages.
    pub place: Place,
    /// The phase that begins right before the action.
    pub phase: Option<u8>,
    /// Condition to wait for first.
    pub when: Option<Condition>,
    /// What is done.
    pub action: Action,
    /// How to say it in a log: `signal web.old.master WINCH`.
    pub text: String,
}

/// Something to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Must become true…
    pub holds: Expression,
    /// …within this long.
    pub within_ms: u64,
    /// As written.
    pub text: String,
}

/// A place in a text file, 1-based.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As the user named it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Send these signals in this order, without a pause between them.
    Signal { to: Selector, signals: Vec<Signal> },
    /// SIGKILL.
    Kill { to: Selector },
    /// SIGSTOP.
    Hold { to: Selector },
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
    /// Render the configuration with these options changed.
    Configure { target: usize, options: BTreeMap<String, String> },
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

/// Signals a scenario may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    Hup,
    Int,
    Quit,
    Term,
    Usr1,
    Usr2,
    Winch,
    Kill,
    Stop,
    Cont,
}

/// Processes of a target: `web.old.master`, `web.new.worker[0]`, `web.new.*`, `web.master`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Index into `Plan::targets`.
    pub target: usize,
    /// Which generation.
    pub generation: Which,
    /// Which of its processes.
    pub members: Members,
}

/// Which generation a selector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that was in charge when the last USR2 was sent (before any: the only one).
    Old,
    /// The newest one seen since the last USR2; nothing when none appeared.
    New,
    /// The one whose master the pid file names.
    Current,
    /// All.
    Any,
}

/// Which processes of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// Its master.
    Master,
    /// Its n-th live worker in order of pid.
    Worker(u32),
    /// All its workers.
    Workers,
    /// All its processes.
    All,
}

/// The name of every property in `checks::CHECKS`, in its order. Here, so that a scenario can be told about a name
/// that does not exist without knowing how anything is judged.
pub const CHECK_NAMES: [&str; 13] = [
    "sealed",
    "generator",
    "identities",
    "steps",
    "covered",
    "every-attempt-ok",
    "served-in-every-phase",
    "nothing-left-behind",
    "no-corruption",
    "pid-file-always",
    "no-leaked-descriptors",
    "no-orphans",
    "right-generation",
];

/// One thing that must be true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Where it stands; the default checks have none.
    pub place: Option<Place>,
    /// As written.
    pub text: String,
    /// What it says.
    pub claim: Claim,
}

/// What an expectation says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// An expression that must be true of the finished run.
    Holds(Expression),
    /// A named property in `checks::CHECKS`.
    Check(String),
}
