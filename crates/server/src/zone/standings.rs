//! Standings as numbers. The place of a peer in the list is also the number of its counter, so nobody is ever taken out.

use balance::Standing;

use crate::segment::{COUNTERS, Segment, Stamp};

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
    /// Where a peer stands; it is added if nobody has seen it. `None` if there is no place left.
    pub(super) fn place(&mut self, key: u64) -> Option<usize> {
        if let Some(place) = self.seen.iter().position(|seen| seen.key == key) {
            return Some(place);
        }
        self.seen.push(Seen { key, standing: Standing::NEW });
        (self.seen.len() <= COUNTERS).then(|| self.seen.len() - 1).or_else(|| {
            self.seen.pop();
            None
        })
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
