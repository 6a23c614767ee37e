//! One part of the visited states: fingerprints, where each was first reached from, and the steps that happen by themselves.

use std::{collections::HashMap, hash::BuildHasherDefault};

use super::{Found, SHARDS, StateId};
use crate::{fingerprint::Hashed, model::Model};

/// States whose fingerprints fall into this part.
pub(super) struct Shard<M: Model> {
    number: u32,
    ids: HashMap<u64, StateId, BuildHasherDefault<Hashed>>,
    /// By place in this shard; `None` for the initial state.
    origins: Vec<Option<(StateId, M::Action)>>,
    /// Steps into states of this shard that need nobody outside: from, to.
    pub(super) internal: Vec<(StateId, StateId)>,
}

impl<M: Model> Shard<M> {
    pub(super) fn new(number: u32) -> Shard<M> {
        Shard { number, ids: HashMap::default(), origins: Vec::new(), internal: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.origins.len()
    }

    pub(super) fn find(&self, fingerprint: u64) -> Option<StateId> {
        self.ids.get(&fingerprint).copied()
    }

    pub(super) fn found_first(&mut self, fingerprint: u64) -> StateId {
        self.add(fingerprint, None)
    }

    /// How a state of this shard was first reached.
    pub(super) fn origin(&self, id: StateId) -> Option<(StateId, M::Action)> {
        self.origins[id as usize / SHARDS]
    }

    /// Takes in what both threads found, in order; the states that are new.
    pub(super) fn take_in(&mut self, found: Vec<Vec<Found<M>>>) -> Vec<(StateId, M::State)> {
        let mut new = Vec::new();
        for Found { fingerprint, from, by, internal, state } in found.into_iter().flatten() {
            let known = self.find(fingerprint);
            let id = known.unwrap_or_else(|| self.add(fingerprint, Some((from, by))));
            if internal {
                self.internal.push((from, id));
            }
            if let (None, Some(state)) = (known, state) {
                new.push((id, state));
            }
        }
        new
    }

    fn add(&mut self, fingerprint: u64, origin: Option<(StateId, M::Action)>) -> StateId {
        let place = u32::try_from(self.origins.len()).expect("a shard holds fewer than 2^31 states");
        let id = place * SHARDS as u32 + self.number;
        self.origins.push(origin);
        self.ids.insert(fingerprint, id);
        id
    }
}
