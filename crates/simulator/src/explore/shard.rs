//! One part of the visited states: what sets them apart, where each was first reached from, and the steps that happen by
//! themselves.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::BuildHasherDefault,
};

use super::{Found, SHARDS, StateId};
use crate::{allowance::Allowance, fingerprint::Hashed, model::Model};

/// States whose situations fall into this part.
pub(super) struct Shard<M: Model> {
    number: u32,
    /// For each situation the first of a chain of states, of which none allows as much as another.
    chains: HashMap<u64, StateId, BuildHasherDefault<Hashed>>,
    /// By place in this shard.
    states: Vec<Visited<M::Action>>,
    /// Steps into states of this shard that need nobody outside: from, to.
    pub(super) internal: Vec<(StateId, StateId)>,
}

struct Visited<A> {
    allowance: Allowance,
    /// `None` for the initial state.
    origin: Option<(StateId, A)>,
    /// The next one of the same situation.
    next: Option<NonMaxId>,
}

/// A state's number plus one.
type NonMaxId = std::num::NonZeroU32;

impl<M: Model> Shard<M> {
    pub(super) fn new(number: u32) -> Shard<M> {
        Shard { number, chains: HashMap::default(), states: Vec::new(), internal: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// A visited state in this situation that allows no less.
    pub(super) fn find(&self, situation: u64, allowance: Allowance) -> Option<StateId> {
        let mut next = self.chains.get(&situation).copied();
        while let Some(id) = next {
            let state = &self.states[id as usize / SHARDS];
            if state.allowance.covers(allowance) {
                return Some(id);
            }
            next = state.next.map(|id| id.get() - 1);
        }
        None
    }

    pub(super) fn found_first(&mut self, situation: u64, allowance: Allowance) -> StateId {
        self.add(situation, allowance, None)
    }

    /// How a state of this shard was first reached.
    pub(super) fn origin(&self, id: StateId) -> Option<(StateId, M::Action)> {
        self.states[id as usize / SHARDS].origin
    }

    /// Takes in what both threads found, in order; the states that are new.
    pub(super) fn take_in(&mut self, found: Vec<Vec<Found<M>>>) -> Vec<(StateId, M::State)> {
        let mut new = Vec::new();
        for Found { situation, allowance, from, by, internal, state } in found.into_iter().flatten() {
            let known = self.find(situation, allowance);
            let id = known.unwrap_or_else(|| self.add(situation, allowance, Some((from, by))));
            if internal {
                self.internal.push((from, id));
            }
            if let (None, Some(state)) = (known, state) {
                new.push((id, state));
            }
        }
        new
    }

    fn add(&mut self, situation: u64, allowance: Allowance, origin: Option<(StateId, M::Action)>) -> StateId {
        let place = u32::try_from(self.states.len()).expect("a shard holds fewer than 2^31 states");
        let id = place * SHARDS as u32 + self.number;
        let next = match self.chains.entry(situation) {
            Entry::Occupied(mut first) => NonMaxId::new(first.insert(id) + 1),
            Entry::Vacant(free) => {
                free.insert(id);
                None
            }
        };
        self.states.push(Visited { allowance, origin, next });
        id
    }
}
