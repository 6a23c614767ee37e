//! What can be explored: states, and what may happen in each.

use std::{fmt::Debug, hash::Hash};

use crate::{allowance::Allowance, scene::Scene};

/// Who makes something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process takes a step by itself, or a deadline passes. Sooner or later it happens (weak fairness).
    Step,
    /// The last client of a draining worker leaves: sooner or later, but nothing may wait for it.
    Ending,
    /// An operator sends signals, or a fault strikes: it may never happen.
    Outside,
}

/// A system of masters and workers in a make-believe kernel.
pub trait Model: Sync {
    /// Everything about one moment. Equal states have equal futures.
    type State: Clone + Eq + Hash + Send + Sync;
    /// One thing that can happen.
    type Action: Copy + Eq + Debug + Send + Sync;

    /// The server was just started.
    fn initial(&self) -> Self::State;
    /// What can happen, in an order that depends on nothing else.
    fn actions(&self, state: &Self::State, out: &mut Vec<Self::Action>);
    /// Who makes it happen.
    fn kind(&self, action: Self::Action) -> Kind;
    /// The state after it.
    fn apply(&self, state: &Self::State, action: Self::Action) -> Self::State;
    /// What a property can see of a state.
    fn scene(&self, state: &Self::State) -> Scene;
    /// What may still be done to this state, and what it is still held to. Always the same if that is not told apart.
    fn allowance(&self, state: &Self::State) -> Allowance;
    /// Everything else that makes one state different from another, as a fingerprint.
    fn situation(&self, state: &Self::State) -> u64;
    /// What happened, as one line of a timeline; empty when it is not worth one.
    fn tell(&self, before: &Self::State, action: Self::Action) -> String;
}
