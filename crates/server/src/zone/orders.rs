//! Orders as numbers.

use balance::Order;

use crate::segment::{Segment, Stamp};

/// What was said of a peer at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) key: u64,
    pub(super) order: Order,
    /// What the configuration said of it then.
    pub(super) said: Order,
    /// Which order it was.
    pub(super) number: u64,
}

pub(super) const WORDS: usize = 4;

pub(super) fn read(segment: &Segment) -> (u64, Vec<Given>) {
    let (stamp, given) = read_with_stamp(segment);
    (stamp.number(), given)
}

pub(super) fn read_with_stamp(segment: &Segment) -> (Stamp, Vec<Given>) {
    let mut words = Vec::new();
    let stamp = segment.read(&mut words);
    let given = words.as_chunks::<WORDS>().0.iter().map(|[key, order, said, number]| Given {
        key: *key,
        order: unpacked(*order),
        said: unpacked(*said),
        number: *number,
    });
    (stamp, given.collect())
}

pub(super) fn to_words(given: &[Given]) -> Vec<u64> {
    given.iter().flat_map(|one| [one.key, packed(one.order), packed(one.said), one.number]).collect()
}

fn packed(order: Order) -> u64 {
    u64::from(order.down) << 32 | u64::from(order.weight)
}

fn unpacked(word: u64) -> Order {
    Order { weight: word as u32, down: word >> 32 != 0 }
}
