//! A group of peers: who they are, what is known of their health, and the connections to them that wait.

use std::{io, rc::Rc, sync::Arc};

use conf::Upstream;

use super::{health::Health, keepalive::Idle};
use crate::{
    log::Log,
    zone::{Counts, Shared, Zone},
};

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
    pub(in crate::worker) fn new(upstream: Upstream, log: &Log) -> Rc<Group> {
        let health = Health::new(&upstream, None, log);
        Rc::new(Group { upstream, health, idle: Idle::default() })
    }

    /// What others know is known.
    pub(in crate::worker) fn shared(
        upstream: Upstream,
        zone: &Arc<Zone>,
        log: &Log,
    ) -> io::Result<Rc<Group>> {
        let shared = Shared::join(zone, counts(&upstream));
        let shared = shared.ok_or_else(|| io::Error::other(zone.is_crowded()))?;
        let health = Health::new(&upstream, Some(shared), log);
        Ok(Rc::new(Group { upstream, health, idle: Idle::default() }))
    }
}

fn counts(upstream: &Upstream) -> Counts {
    match upstream.method {
        _ if upstream.peers.iter().any(|peer| peer.max_conns > 0) => Counts::Limited,
        conf::Method::LeastConn | conf::Method::RandomTwo => Counts::Compared,
        _ => Counts::Told,
    }
}
