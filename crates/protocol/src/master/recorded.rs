//! What a master writes down of itself, so that anybody can tell afterwards whether each of its turns was one that the protocol
//! takes. One entry for the begin, one for each turn, written before anything is done about it.

use alloc::{string::String, vec::Vec};

use super::{
    Effect, Limits, State, Wakeup,
    state::{Configuration, Predecessor},
};
use crate::Generation;

/// One line of the log of a master's turns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Entry {
    /// The first.
    Began(Began),
    /// Every other.
    Turned(Turned),
}

/// What a master began with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Began {
    /// Which generation it leads.
    pub generation: Generation,
    /// Workers its configuration wants.
    pub workers: u32,
    /// The generation that started it, if any.
    pub predecessor: Option<Generation>,
    /// The generation that started that one, if it lives.
    pub elder: Option<Generation>,
    /// Workers of a dead generation were found.
    pub orphans: bool,
    /// Its deadlines.
    pub limits: Limits,
}

impl Began {
    /// What a master in this state began with: `state` has taken no turn.
    pub fn with(state: &State) -> Began {
        let Configuration { workers, .. } = state.configuration;
        Began {
            generation: state.generation,
            workers,
            predecessor: state.predecessor.map(|old| old.generation),
            elder: state.elder.map(|elder| elder.generation),
            orphans: state.orphans,
            limits: state.limits,
        }
    }

    /// The state it began in.
    pub fn state(&self) -> State {
        let mut state = State::new(self.generation, self.workers, self.predecessor, self.limits);
        state.elder = self.elder.map(Predecessor::elder);
        state.orphans = self.orphans;
        state
    }
}

/// One turn: what it found, and what it set out to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Turned {
    /// What it found.
    pub woke: Wakeup,
    /// Its acts by name, in order.
    pub acts: Vec<String>,
}

impl Turned {
    /// A turn as it is written down.
    pub fn new(woke: &Wakeup, effects: &[Effect]) -> Turned {
        Turned {
            woke: woke.clone(),
            acts: effects.iter().map(|effect| alloc::format!("{effect:?}")).collect(),
        }
    }
}
