//! What will happen in a run. Nothing is left to choose here but what only the machine can tell (a free
//! address, a directory): those are `${…}` placeholders in the texts.

mod action;
mod behaviour;
mod expectation;
mod network;
mod pace;
mod population;
mod selector;
mod step;
mod target;
mod upstream;

use serde::{Deserialize, Serialize};

pub use action::{
    Action, Analysis, Born, Command, DiskFault, Failpoint, FailpointAct, Lasts, LoadChange, NetFault,
    Replacement, Resource, Word,
};
pub use behaviour::{AtDrain, Behaviour, Framing};
pub use expectation::{Claim, Expectation};
pub use network::{Namespace, Network};
pub use pace::{Fires, Pace};
pub use population::{Header, Method, Population};
pub use selector::{Members, Selector, Signal, Which};
pub use step::{Begins, Condition, Place, Reaction, Step, Trigger};
pub use target::{Launch, Line, Target};
pub use upstream::{Member, Upstream};

use crate::seed;

/// One case: one scenario with every matrix value chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Version of this layout: 1.
    pub schema: u32,
    /// Which case this is.
    pub case: Case,
    /// What the user chose. Every population and reaction draws from a stream of its own: see [`Plan::stream`].
    pub seed: u64,
    /// How often `verify` runs this case, each time with the next seed.
    #[serde(default = "once")]
    pub repeat: u32,
    /// What the machine must have, or the case is skipped.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// Why this case is skipped on every machine: its target cannot do what the scenario asks for.
    #[serde(default)]
    pub skip: Option<String>,
    /// The network that the sockets of the run are in.
    #[serde(default)]
    pub network: Network,
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
    /// What is done beside the steps.
    #[serde(default)]
    pub reactions: Vec<Reaction>,
    /// What must be true.
    pub expectations: Vec<Expectation>,
    /// How this case is known to fail on this target. Then it must fail so; passing is red.
    pub known_failure: Option<KnownFailure>,
    /// A planted loss: every expectation that has a place must fail, and none may be unknown. Passing is red.
    #[serde(default)]
    pub must_fail: bool,
}

impl Plan {
    /// The seed of the stream of this name: of the plan's seed, the case and the name, so that adding a population
    /// or a fault moves no other stream.
    pub fn stream(&self, name: &str) -> u64 {
        seed::derive(self.seed, &[&self.case.id, name])
    }

    /// How much longer than it says the sleep of a step is, in nanoseconds: up to a tenth, and 100 ms. Nothing that the
    /// server does regularly then happens at the same moment of every run. 0 for any other step, and for the last.
    pub fn jitter(&self, step: usize) -> u64 {
        match self.steps.get(step).map(|step| &step.action) {
            Some(Action::Sleep { ms }) if step + 1 < self.steps.len() => {
                let most = (ms * 100_000).min(MOST_JITTER_NANOS);
                self.stream(&format!("sleep {step}")) % most.max(1)
            }
            _ => 0,
        }
    }

    /// The same plan with another seed, as `--seed` and repetitions want it.
    pub fn seeded(mut self, seed: u64) -> Plan {
        self.seed = seed;
        for number in 0..self.reactions.len() {
            self.reactions[number].seed = self.stream(&format!("on {number}"));
        }
        self
    }

    /// The conditions that the harness watches all through the run, each once, in the order of the expectations.
    pub fn watched(&self) -> Vec<&Condition> {
        let mut watched: Vec<&Condition> = Vec::new();
        for condition in self.expectations.iter().filter_map(|expectation| expectation.claim.watched()) {
            if watched.iter().all(|known| known.text != condition.text) {
                watched.push(condition);
            }
        }
        watched
    }
}

/// Longer than what servers do regularly, shorter than what anybody waits for.
const MOST_JITTER_NANOS: u64 = 100_000_000;

fn once() -> u32 {
    1
}

/// Something the machine must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// The harness runs as root.
    Root,
    /// It may make a network namespace.
    Netns,
    /// It may mount a file system.
    Mount,
    /// A program on `PATH`; with `at_least`, one that `NAME -v`, `--version` or the target's own way to ask says is that version or
    /// later (`1.22`, compared number by number).
    Program { name: String, at_least: Option<String> },
}

/// The name of a case and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// How a case fails on a server that is known not to do what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownFailure {
    /// One sentence: why.
    pub why: String,
    /// The texts of the expectations that are excused. Nothing else is: a server that fails in another way has failed.
    pub fails: Vec<String>,
}

/// A back end of the harness's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Name in the scenario and in `X-Changeover-Origin`.
    pub name: String,
    /// What it does wrong, as its `--fault` takes it: `swallow-every=30`.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// The name of every property in `checks::CHECKS`, in its order. Here, so that a scenario can be told about a name
/// that does not exist without knowing how anything is judged.
pub const CHECK_NAMES: [&str; 18] = [
    "sealed",
    "generator",
    "identities",
    "steps",
    "reactions",
    "covered",
    "every-attempt-ok",
    "at-drain",
    "served-in-every-phase",
    "nothing-left-behind",
    "no-corruption",
    "pid-file-always",
    "no-leaked-descriptors",
    "no-orphans",
    "right-generation",
    "conforms",
    "queues-tended",
    "split",
];
