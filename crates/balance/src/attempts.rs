//! The attempts of one request: what it has tried, and where its method stands.

use alloc::vec;
use alloc::vec::Vec;

use crate::MISSES_MAX;

/// The attempts of one request.
#[derive(Debug, Clone)]
pub struct Attempts {
    /// What is hashed.
    pub(crate) key: Vec<u8>,
    /// By place in the list that is being picked from.
    pub(crate) tried: Vec<bool>,
    pub(crate) left: usize,
    pub(crate) in_use: InUse,
    /// Place of the peer that was picked last and has not ended.
    pub(crate) current: Option<usize>,
    /// Goes on where the last pick stopped, so that a retry finds another peer.
    pub(crate) hash: u32,
    pub(crate) rounds: u32,
    misses: u32,
}

/// The list that is picked from. Once no primary can be had there is no way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InUse {
    Primaries,
    Backups,
}

impl Attempts {
    pub(crate) fn new(key: &[u8], hash: u32, peers: usize, left: usize) -> Self {
        Attempts {
            key: key.to_vec(),
            tried: vec![false; peers],
            left,
            in_use: InUse::Primaries,
            current: None,
            hash,
            rounds: 0,
            misses: 0,
        }
    }

    /// Whether the request may try another peer.
    pub fn any_left(&self) -> bool {
        self.left > 0
    }

    /// How many peers the request may still try, the one being tried included.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Whether a peer was picked and has not ended.
    pub fn is_under_way(&self) -> bool {
        self.current.is_some()
    }

    /// At most this many (`proxy_next_upstream_tries`).
    pub fn limit(&mut self, most: usize) {
        self.left = self.left.min(most);
    }

    /// A picked peer could not be used. Whether to go on picking.
    pub(crate) fn missed(&mut self) -> bool {
        self.misses += 1;
        !self.gave_up()
    }

    /// Whether its method met too many peers that could not be used, and left the choice to round robin.
    pub fn gave_up(&self) -> bool {
        self.misses > MISSES_MAX
    }

    pub(crate) fn turn_to_backups(&mut self, peers: usize) {
        self.in_use = InUse::Backups;
        self.tried = vec![false; peers];
    }
}
