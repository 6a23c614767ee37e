//! A group of peers: who they are, what is known of their health, and the connections to them that wait.

use std::{io, rc::Rc, sync::Arc};

use balance::{Availability, Ejection, Method, Pool, Setup};
use conf::{Peer, PeerRole, Upstream};

use super::{health::Health, keepalive::Idle};
use crate::zone::{Counts, Shared, Zone};

/// The peers of one upstream, as one worker knows them.
#[derive(Debug)]
pub(in crate::worker) struct Group {
    pub(super) upstream: Upstream,
    pub(super) health: Health,
    /// Connections to peers that wait for a next request.
    pub(in crate::worker) idle: Idle,
}

impl Group {
    /// Nothing is known of anybody yet.
    pub(in crate::worker) fn new(upstream: Upstream) -> Rc<Group> {
        let health = Health::own(pool(&upstream));
        Rc::new(Group { upstream, health, idle: Idle::default() })
    }

    /// What others know is known.
    pub(in crate::worker) fn shared(upstream: Upstream, zone: &Arc<Zone>) -> io::Result<Rc<Group>> {
        let shared = Shared::join(zone, counts(&upstream));
        let shared = shared.ok_or_else(|| io::Error::other(zone.is_crowded()))?;
        let health = Health::shared(pool(&upstream), shared);
        Ok(Rc::new(Group { upstream, health, idle: Idle::default() }))
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
    let ejection = upstream.ejection.map(|ejection| Ejection {
        percent: ejection.percent,
        answers: ejection.answers,
        window_seconds: u32::try_from(ejection.within.as_secs()).unwrap_or(u32::MAX),
        rest_seconds: u32::try_from(ejection.rest.as_secs()).unwrap_or(u32::MAX),
    });
    let setups = upstream.peers.iter().map(|peer| Setup { ejection, ..setup(peer) });
    Pool::new(method, &setups.collect::<Vec<_>>())
}

fn counts(upstream: &Upstream) -> Counts {
    match upstream.method {
        _ if upstream.peers.iter().any(|peer| peer.max_conns > 0) => Counts::Limited,
        conf::Method::LeastConn | conf::Method::RandomTwo => Counts::Compared,
        _ => Counts::Told,
    }
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
        ejection: None,
    }
}
