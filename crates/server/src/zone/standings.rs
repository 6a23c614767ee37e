//! Standings as numbers. The place of a peer in the list is also the number of its counter, so nobody is ever taken out.

use std::{io, sync::Arc};

use balance::Standing;
use conf::Upstream;

use crate::segment::{Kind, PLACES_MAX, Room, Segment, Stamp};

/// What was seen of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) key: u64,
    pub(super) standing: Standing,
}

const WORDS: usize = Standing::WORDS + 1;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct List {
    /// How many orders there were when weights were evened out last.
    pub(super) orders: u64,
    pub(super) seen: Vec<Seen>,
}

impl List {
    /// Where a peer stands, if anybody has added it.
    pub(super) fn place(&self, key: u64) -> Option<usize> {
        self.seen.iter().position(|seen| seen.key == key)
    }

    /// Where each of these peers stands; those that nobody has seen are added.
    fn places(&mut self, keys: &[u64]) -> Vec<usize> {
        let place = |key: &u64| {
            self.place(*key).unwrap_or_else(|| {
                self.seen.push(Seen { key: *key, standing: Standing::NEW });
                self.seen.len() - 1
            })
        };
        keys.iter().map(place).collect()
    }

    fn take_over(&mut self, before: &List) {
        self.orders = before.orders;
        for seen in &mut self.seen {
            if let Some(place) = before.place(seen.key) {
                seen.standing = before.seen[place].standing;
            }
        }
    }

    pub(super) fn to_words(&self) -> Vec<u64> {
        let mut words = vec![self.orders];
        for seen in &self.seen {
            words.push(seen.key);
            words.extend(seen.standing.to_words());
        }
        words
    }
}

/// What cannot be understood is as if nobody had seen it.
pub(super) fn read_list(segment: &Segment, words: &mut Vec<u64>) -> (Stamp, List) {
    let stamp = segment.read(words);
    let Some((orders, rest)) = words.split_first() else { return (stamp, List::default()) };
    let seen = |words: &[u64; WORDS]| {
        let standing = words[1..].try_into().ok().and_then(Standing::from_words);
        Seen { key: words[0], standing: standing.unwrap_or(Standing::NEW) }
    };
    (stamp, List { orders: *orders, seen: rest.as_chunks::<WORDS>().0.iter().map(seen).collect() })
}

pub(super) fn read(segment: &Segment) -> Vec<Seen> {
    read_list(segment, &mut Vec::new()).1.seen
}

/// The segment for these peers and so many workers: the one that was found, or a larger one with what was known there.
pub(super) fn go_on(
    found: Option<Arc<Segment>>,
    upstream: &Upstream,
    keys: &[u64],
    workers: usize,
) -> io::Result<Arc<Segment>> {
    if let Some(found) = &found {
        // As many again, for another generation that comes back.
        if found.vacancies() >= 2 * workers && add(found, keys, None).is_some() {
            return Ok(Arc::clone(found));
        }
    }
    let segment = Arc::new(Segment::new(Kind::Standings, &upstream.name, room_for(keys.len(), workers))?);
    let before = found.map(|found| read_list(&found, &mut Vec::new()).1);
    match add(&segment, keys, before.as_ref()) {
        Some(_) => Ok(segment),
        None => Err(io::Error::other(format!("no room for the servers of upstream \"{}\"", upstream.name))),
    }
}

/// For some configurations and generations with as many servers and workers each.
fn room_for(peers: usize, workers: usize) -> Room {
    let counters = (4 * peers).max(256);
    Room { places: (8 * workers + 64).min(PLACES_MAX), counters, list: 1 + counters * WORDS }
}

/// Adds those of these peers that nobody has seen, with what was known `before`, and says where all of them stand: they stay
/// there. `None` if there is no room.
pub(super) fn add(segment: &Segment, keys: &[u64], before: Option<&List>) -> Option<Vec<usize>> {
    let (mut stamp, mut list) = read_list(segment, &mut Vec::new());
    if let Some(places) = keys.iter().map(|key| list.place(*key)).collect() {
        return Some(places);
    }
    let own = segment.join()?;
    let added = loop {
        let places = list.places(keys);
        if list.seen.len() > segment.room.counters {
            break None;
        }
        if let Some(before) = before {
            list.take_over(before);
        }
        if segment.replace(own, stamp, &list.to_words()).is_some() {
            break Some(places);
        }
        (stamp, list) = read_list(segment, &mut Vec::new());
    };
    segment.leave(own);
    added
}
