//! What is done in order, and what is done meanwhile.

use serde::{Deserialize, Serialize};

use super::{Action, Selector};
use crate::Expression;

/// One sequential step: wait, then act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it stands in the scenario, for messages.
    pub place: Place,
    /// The name that `done(NAME)` and `event = "step NAME"` know it by. A verb gives its own to all its steps.
    #[serde(default)]
    pub id: Option<String>,
    /// The phase that begins right before the action.
    pub phase: Option<u8>,
    /// When its turn is, at the earliest.
    #[serde(default)]
    pub begins: Begins,
    /// Condition to wait for first.
    pub when: Option<Condition>,
    /// Whether the run goes on when the step fails, and that is no failure of the run.
    #[serde(default)]
    pub may_fail: bool,
    /// The number of an earlier [`Action::Analysis`]: this step is done only when that one failed, and when these are
    /// done, no other step is.
    #[serde(default)]
    pub rescues: Option<usize>,
    /// What is done.
    pub action: Action,
    /// How to say it in a log: `signal web.old.master WINCH`.
    pub text: String,
}

/// When a step's turn is, at the earliest. An instant that has passed already is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Begins {
    /// When the step before it has ended.
    #[default]
    AtOnce,
    /// This long after `LoadStarted`.
    At { ms: u64 },
    /// This long after the end of the step before it (the first: after `LoadStarted`).
    After { ms: u64 },
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

/// Something done beside the steps, whenever its event happens, from `LoadStarted` to the end of the last step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// Where it stands in the scenario, for messages.
    pub place: Place,
    /// What makes it act.
    pub event: Trigger,
    /// How often it acts at most; `None`: whenever its event happens.
    pub times: Option<u32>,
    /// How long after the event.
    pub after_ms: u64,
    /// How likely it acts on an event, 0 to 1. One number in 0..1 is drawn per event; it acts when that is smaller.
    pub probability: f64,
    /// Of its own stream, from which the chances and `worker[?]` are drawn, in the order of the events.
    pub seed: u64,
    /// What is done. Never a wait. Finding nobody to do it to is no failure, but is noted.
    pub action: Action,
    /// How to say it in a log.
    pub text: String,
}

/// What a reaction reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// This phase begins.
    Phase { phase: u8 },
    /// The step with this number begins.
    Step { step: usize },
    /// The clock: this long after `LoadStarted`, and again and again.
    Every { ms: u64 },
    /// A process that the selector means is first seen.
    Appeared { who: Selector },
    /// A process that the selector meant has ended.
    Exited { who: Selector },
    /// A process of the target appeared or ended, or its pid file changed.
    StateChanged { target: usize },
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
