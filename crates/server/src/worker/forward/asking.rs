//! The attempts of one request on the peers of one upstream, and what they count for.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    rc::Rc,
};

use balance::{Attempts, Ended};
use conf::{Method, Upstream};

use super::{super::exchange::Exchange, group::Group};

/// An attempt that is under way when this is dropped counts as a success: as in nginx, an answer that breaks off is no
/// failure, and neither is a client that leaves.
#[derive(Debug)]
pub(in crate::worker) struct Asking {
    group: Rc<Group>,
    attempts: Attempts,
    /// What the attempt counts for if nobody says otherwise.
    unless_told: Ended,
}

impl Asking {
    /// Nobody is asked yet.
    pub(super) fn new(exchange: &Exchange, group: &Rc<Group>) -> Self {
        let key = key(exchange, &group.upstream);
        let mut attempts = group.health.attempts(&key);
        let most = exchange.settings.next_upstream.tries;
        if most > 0 {
            attempts.limit(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Asking { group: Rc::clone(group), attempts, unless_told: Ended::Succeeded }
    }

    /// The peer to ask next, by its index. `None` if no live one is left.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.group.health.pick(&mut self.attempts)
    }

    /// The end of the attempt on the peer that was given last.
    pub(super) fn ended(&mut self, ended: Ended) {
        if self.attempts.is_under_way() {
            self.group.health.finish(&mut self.attempts, ended);
        }
    }

    /// The answer is passed on, though it is the peer's fault.
    pub(super) fn is_faulty(&mut self) {
        self.unless_told = Ended::Faulty;
    }

    /// How many more may be asked, the one being asked included.
    pub(super) fn left(&self) -> usize {
        self.attempts.left()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.ended(self.unless_told);
    }
}

/// What the method of the upstream hashes.
fn key(exchange: &Exchange, upstream: &Upstream) -> Vec<u8> {
    match &upstream.method {
        Method::IpHash => {
            // Whom nobody knows is one client, as in nginx.
            exchange.remote().map_or_else(|| vec![0; 3], |remote| balance::hashed_part(remote.ip()))
        }
        Method::Hash(key) | Method::ConsistentHash(key) => {
            key.fill(|variable| exchange.value(variable, 0)).into_bytes()
        }
        Method::RoundRobin | Method::LeastConn | Method::Random | Method::RandomTwo => Vec::new(),
    }
}

/// A number from std's only source of chance. As random(3) it has 31 bits.
pub(super) fn chance() -> u32 {
    (RandomState::new().build_hasher().finish() >> 33) as u32
}
