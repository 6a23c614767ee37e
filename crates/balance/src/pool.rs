//! A pool of peers, and the attempts of one request on them.

use alloc::vec;
use alloc::vec::Vec;

use crate::peer::{Peer, Setup};

/// The peers of an upstream, as one worker sees them.
#[derive(Debug, Clone)]
pub struct Pool {
    primaries: Vec<Peer>,
    backups: Vec<Peer>,
}

/// The attempts of one request.
#[derive(Debug, Clone)]
pub struct Attempts {
    /// By index of the list that the pool was made of.
    tried: Vec<bool>,
    left: usize,
    list: List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Primaries,
    Backups,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an answer.
    Succeeded,
    /// Without one: refused, reset, too late, unreadable.
    Failed,
}

impl Attempts {
    /// Whether the request may try another peer.
    pub fn any_left(&self) -> bool {
        self.left > 0
    }
}

impl Pool {
    /// A pool in which nothing has happened yet. Peers are known by their index in `setups`.
    pub fn new(setups: &[Setup]) -> Self {
        let peers = || setups.iter().enumerate().map(|(index, setup)| (setup, Peer::new(index, *setup)));
        let list = |backup: bool| {
            peers()
                .filter(|(setup, _)| setup.availability.is_backup() == backup)
                .map(|(_, peer)| peer)
                .collect()
        };
        Pool { primaries: list(false), backups: list(true) }
    }

    /// The attempts of a new request: as many as there are peers that are not down.
    pub fn attempts(&self) -> Attempts {
        let peers = self.primaries.iter().chain(&self.backups);
        let left = peers.clone().filter(|peer| !peer.is_down()).count();
        Attempts { tried: vec![false; peers.count()], left, list: List::Primaries }
    }

    /// The peer for the next attempt. None if there is no live one that this request has not tried.
    pub fn pick(&mut self, attempts: &mut Attempts, now_seconds: i64) -> Option<usize> {
        if self.is_single() {
            // Its failures are not counted: there is nobody else to ask.
            return self.primaries.first().filter(|peer| !peer.is_down()).map(|peer| peer.index);
        }
        if attempts.list == List::Primaries {
            if let Some(index) = pick_from(&mut self.primaries, attempts, now_seconds) {
                return Some(index);
            }
            attempts.list = List::Backups;
        }
        pick_from(&mut self.backups, attempts, now_seconds)
    }

    /// The end of the attempt on the peer that [`Pool::pick`] gave.
    pub fn finish(&mut self, attempts: &mut Attempts, index: usize, ended: Ended, now_seconds: i64) {
        if self.is_single() {
            attempts.left = 0;
            return;
        }
        attempts.left = attempts.left.saturating_sub(1);
        let Some(peer) = self.primaries.iter_mut().chain(&mut self.backups).find(|peer| peer.index == index)
        else {
            return;
        };
        match ended {
            Ended::Failed => peer.fail(now_seconds),
            Ended::Succeeded => peer.succeed(),
        }
    }

    /// One primary and no backup.
    fn is_single(&self) -> bool {
        self.primaries.len() == 1 && self.backups.is_empty()
    }
}

/// Every usable peer gains its weight; the one that stands highest wins and pays all that was gained.
/// Of equals the first in the list wins.
fn pick_from(peers: &mut [Peer], attempts: &mut Attempts, now_seconds: i64) -> Option<usize> {
    let mut total_weight = 0;
    let mut best: Option<(i64, usize)> = None;
    for (place, peer) in peers.iter_mut().enumerate() {
        if attempts.tried[peer.index] || !peer.is_usable(now_seconds) {
            continue;
        }
        let (gained, stands) = peer.compete();
        total_weight += gained;
        if best.is_none_or(|(highest, _)| stands > highest) {
            best = Some((stands, place));
        }
    }
    let winner = &mut peers[best?.1];
    winner.win(total_weight, now_seconds);
    attempts.tried[winner.index] = true;
    Some(winner.index)
}
