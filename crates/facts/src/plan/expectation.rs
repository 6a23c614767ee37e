//! What must be true.

use serde::{Deserialize, Serialize};

use super::{Condition, Place};
use crate::Expression;

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
    /// From `LoadStarted` to the end of the last step it must be true, but for stretches no longer than `within_ms`.
    Always(Condition),
    /// It must be true at some instant between `LoadStarted` and the end of the last step. `within_ms` is not used.
    Reached(Condition),
    /// A named property in `checks::CHECKS`.
    Check(String),
}

impl Claim {
    /// What the harness must watch for this claim to be judged: see `Event::ConditionChanged`.
    pub fn watched(&self) -> Option<&Condition> {
        match self {
            Claim::Always(condition) | Claim::Reached(condition) => Some(condition),
            Claim::Holds(_) | Claim::Check(_) => None,
        }
    }
}
