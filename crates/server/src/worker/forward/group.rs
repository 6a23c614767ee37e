//! A group of peers: who they are, what is known of their health, and the connections to them that wait.

use std::{cell::RefCell, rc::Rc};

use balance::{Availability, Method, Pool, Setup};
use conf::{Peer, PeerRole, Upstream};

use super::keepalive::Idle;

/// The peers of one upstream, as one worker knows them.
#[derive(Debug)]
pub(in crate::worker) struct Group {
    pub(super) upstream: Upstream,
    pub(super) pool: RefCell<Pool>,
    /// Connections to peers that wait for a next request.
    pub(in crate::worker) idle: Idle,
}

impl Group {
    /// Nothing is known of anybody yet.
    pub(in crate::worker) fn new(upstream: Upstream) -> Rc<Group> {
        let pool = RefCell::new(pool(&upstream));
        Rc::new(Group { upstream, pool, idle: Idle::default() })
    }
}

fn pool(upstream: &Upstream) -> Pool {
    let method = match upstream.method {
        conf::Method::RoundRobin => Method::RoundRobin,
        conf::Method::IpHash => Method::IpHash,
        conf::Method::Hash(_) => Method::Hash,
        conf::Method::ConsistentHash(_) => Method::ConsistentHash,
        conf::Method::LeastConn => Method::LeastConn,
        conf::Method::Random => Method::Random,
        conf::Method::RandomTwo => Method::RandomTwo,
    };
    Pool::new(method, &upstream.peers.iter().map(setup).collect::<Vec<_>>())
}

fn setup(peer: &Peer) -> Setup {
    let availability = match (peer.role, peer.down) {
        (PeerRole::Primary, false) => Availability::Primary,
        (PeerRole::Primary, true) => Availability::PrimaryDown,
        (PeerRole::Backup, false) => Availability::Backup,
        (PeerRole::Backup, true) => Availability::BackupDown,
    };
    Setup {
        name: peer.name.clone(),
        weight: peer.weight,
        max_conns: peer.max_conns,
        max_fails: peer.max_fails,
        fail_timeout_seconds: u32::try_from(peer.fail_timeout.as_secs()).unwrap_or(u32::MAX),
        availability,
    }
}
