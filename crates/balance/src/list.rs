//! The primaries, or the backups, of a pool.

use alloc::vec::Vec;

use crate::peer::Peer;

/// Peers in the order of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) peers: Vec<Peer>,
    /// Of all, those that are down included.
    pub(crate) total_weight: u32,
}

impl List {
    pub(crate) fn new(peers: Vec<Peer>) -> Self {
        let mut list = List { peers, total_weight: 0 };
        list.weigh();
        list
    }

    /// Weights have changed.
    pub(crate) fn weigh(&mut self) {
        self.total_weight = self.peers.iter().fold(0u32, |sum, peer| sum.saturating_add(peer.weight()));
    }

    /// Whether this peer can be picked for a request that has tried those.
    pub(crate) fn is_usable(&self, place: usize, tried: &[bool], now_seconds: i64) -> bool {
        !tried[place] && self.peers[place].is_usable(now_seconds)
    }

    /// The place of the peer in whose share a number below the total weight falls.
    pub(crate) fn place_of(&self, number: u32) -> usize {
        let mut rest = number;
        for (place, peer) in self.peers.iter().enumerate() {
            match rest.checked_sub(peer.weight()) {
                Some(beyond) => rest = beyond,
                None => return place,
            }
        }
        self.peers.len().saturating_sub(1)
    }
}
