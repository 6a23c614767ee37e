//! A pool of peers: who is asked, and how it went.

use alloc::vec::Vec;

use crate::attempts::{Attempts, InUse};
use crate::ejection::Others;
use crate::list::List;
use crate::peer::{Conns, Order, Peer, Setup};
use crate::standing::Standing;
use crate::{consistent_hash, hash, ip_hash, least_conn, random, round_robin};

/// How a peer is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By weight, in turn.
    RoundRobin,
    /// `ip_hash`; the key is [`crate::hashed_part`] of the client's address.
    IpHash,
    /// `hash KEY`. An empty key means round robin.
    Hash,
    /// `hash KEY consistent`. An empty key means round robin.
    ConsistentHash,
    /// `least_conn`.
    LeastConn,
    /// `random`.
    Random,
    /// `random two`, by the fewest connections.
    RandomTwo,
}

/// The peers of an upstream, as one worker sees them. What it has seen can be taken out and put in ([`Pool::standing`]), so that
/// several workers can share it.
#[derive(Debug, Clone)]
pub struct Pool {
    method: Method,
    primaries: List,
    backups: List,
    /// Of a consistent hash; empty for any other method.
    ring: Vec<consistent_hash::Point>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an answer, or for a reason that is not the peer's.
    Succeeded,
    /// With an answer that nginx does not count as a failure, and that is the peer's fault all the same. Of weight for
    /// [`crate::Ejection`] only.
    Faulty,
    /// Without one (refused, reset, too late, unreadable), or with one that counts as a failure.
    Failed,
}

impl Pool {
    /// A pool in which nothing has happened yet. Peers are known by their index in `setups`.
    pub fn new(method: Method, setups: &[Setup]) -> Self {
        let list = |backup: bool| {
            let chosen = setups.iter().enumerate();
            let chosen = chosen.filter(|(_, setup)| setup.availability.is_backup() == backup);
            List::new(chosen.map(|(index, setup)| Peer::new(index, setup.clone())).collect())
        };
        let (primaries, backups) = (list(false), list(true));
        let ring = match method {
            Method::ConsistentHash => consistent_hash::ring(&primaries),
            _ => Vec::new(),
        };
        Pool { method, primaries, backups, ring }
    }

    /// The attempts of a new request: as many as there are peers that are not down. `key` is what the method hashes.
    pub fn attempts(&self, key: &[u8]) -> Attempts {
        let hash = match self.method {
            Method::IpHash => ip_hash::START,
            Method::ConsistentHash => consistent_hash::start(&self.ring, key),
            _ => 0,
        };
        let peers = self.primaries.peers.iter().chain(&self.backups.peers);
        let left = peers.filter(|peer| !peer.is_down()).count();
        Attempts::new(key, hash, self.primaries.peers.len(), left)
    }

    /// The peer for the next attempt. `None` if there is no live one that this request has not tried.
    /// `now_seconds` are those since 1970; `random` gives numbers for the methods that draw.
    pub fn pick(
        &mut self,
        attempts: &mut Attempts,
        now_seconds: i64,
        mut random: impl FnMut() -> u32,
    ) -> Option<usize> {
        let picked = self.pick_in_use(attempts, now_seconds, &mut random);
        if picked.is_some() || attempts.in_use == InUse::Backups || self.backups.peers.is_empty() {
            return picked;
        }
        attempts.turn_to_backups(self.backups.peers.len());
        self.pick_in_use(attempts, now_seconds, &mut random)
    }

    fn pick_in_use(
        &mut self,
        attempts: &mut Attempts,
        now_seconds: i64,
        random: &mut dyn FnMut() -> u32,
    ) -> Option<usize> {
        let place = if self.is_single() {
            // Its failures are not counted: there is nobody else to ask.
            let peer = self.primaries.peers.first()?;
            (!peer.is_down() && peer.has_room()).then_some(0)?
        } else {
            let place = self.choose(attempts, now_seconds, random)?;
            attempts.tried[place] = true;
            place
        };
        let single = self.is_single();
        let peer = &mut self.list(attempts.in_use).peers[place];
        if !single {
            peer.check(now_seconds);
        }
        peer.connect();
        attempts.current = Some(place);
        Some(peer.index)
    }

    /// By the method; by round robin if it finds nobody.
    fn choose(
        &mut self,
        attempts: &mut Attempts,
        now_seconds: i64,
        random: &mut dyn FnMut() -> u32,
    ) -> Option<usize> {
        let list = match attempts.in_use {
            InUse::Primaries => &mut self.primaries,
            InUse::Backups => &mut self.backups,
        };
        if list.total_weight == 0 {
            return None;
        }
        let chosen = match self.method {
            Method::RoundRobin => None,
            Method::LeastConn => return least_conn::pick(list, &attempts.tried, now_seconds),
            Method::IpHash => ip_hash::pick(list, attempts, now_seconds),
            Method::Hash => hash::pick(list, attempts, now_seconds),
            Method::ConsistentHash => consistent_hash::pick(list, &self.ring, attempts, now_seconds),
            Method::Random => random::pick(list, attempts, now_seconds, random),
            Method::RandomTwo => random::pick_of_two(list, attempts, now_seconds, random),
        };
        chosen.or_else(|| round_robin::pick(list, &attempts.tried, now_seconds))
    }

    /// The end of the attempt that [`Pool::pick`] began last. What counts as a failure is the caller's to say.
    pub fn finish(&mut self, attempts: &mut Attempts, ended: Ended, now_seconds: i64) {
        let Some(place) = attempts.current.take() else { return };
        let single = self.is_single();
        let peer = &mut self.list(attempts.in_use).peers[place];
        peer.disconnect();
        if single {
            attempts.left = 0;
            return;
        }
        attempts.left = attempts.left.saturating_sub(1);
        match ended {
            Ended::Failed => peer.fail(now_seconds),
            Ended::Succeeded | Ended::Faulty => peer.succeed(),
        }
        match ended {
            Ended::Succeeded => peer.praise(now_seconds),
            Ended::Faulty | Ended::Failed => {
                let others = self.others_than(attempts.in_use, place, now_seconds);
                self.list(attempts.in_use).peers[place].blame(now_seconds, others);
            }
        }
    }

    fn others_than(&mut self, in_use: InUse, place: usize, now_seconds: i64) -> Others {
        let peers = self.list(in_use).peers.iter().enumerate();
        match peers.filter(|(other, _)| *other != place).any(|(_, peer)| peer.is_usable(now_seconds)) {
            true => Others::Usable,
            false => Others::None,
        }
    }

    /// The index of the peer that was picked last and has not ended.
    pub fn asked(&self, attempts: &Attempts) -> Option<usize> {
        let list = match attempts.in_use {
            InUse::Primaries => &self.primaries,
            InUse::Backups => &self.backups,
        };
        attempts.current.map(|place| list.peers[place].index)
    }

    /// Everything that was seen of a peer, and its connections. `None` if there is none of this index.
    pub fn standing(&self, index: usize) -> Option<(Standing, Conns)> {
        let peers = self.primaries.peers.iter().chain(&self.backups.peers);
        peers.filter(|peer| peer.index == index).map(|peer| (peer.standing, peer.conns)).next()
    }

    /// From now on this is what was seen of a peer.
    pub fn recall(&mut self, index: usize, standing: Standing, conns: Conns) {
        let mut peers = self.primaries.peers.iter_mut().chain(&mut self.backups.peers);
        if let Some(peer) = peers.find(|peer| peer.index == index) {
            (peer.standing, peer.conns) = (standing, conns);
        }
    }

    /// From now on peers have these weights, by their index, and are down or not.
    pub fn order(&mut self, orders: &[Order]) {
        for list in [&mut self.primaries, &mut self.backups] {
            for peer in &mut list.peers {
                if let Some(order) = orders.get(peer.index) {
                    peer.order(*order);
                }
            }
            list.weigh();
        }
        if self.method == Method::ConsistentHash {
            self.ring = consistent_hash::ring(&self.primaries);
        }
    }

    /// As if round robin began anew: weights that have changed are obeyed from the first request on, and exactly.
    pub fn even_out(&mut self) {
        self.primaries.peers.iter_mut().chain(&mut self.backups.peers).for_each(Peer::even_out);
    }

    fn list(&mut self, in_use: InUse) -> &mut List {
        match in_use {
            InUse::Primaries => &mut self.primaries,
            InUse::Backups => &mut self.backups,
        }
    }

    /// One primary and no backup.
    fn is_single(&self) -> bool {
        self.primaries.peers.len() == 1 && self.backups.peers.is_empty()
    }
}
