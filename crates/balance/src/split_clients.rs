//! `split_clients`: the same key always falls into the same part (`ngx_http_split_clients_variable`).

use alloc::vec::Vec;

/// The size of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// In 1/100 %.
    Hundredths(u32),
    /// `*`: everything that is left.
    Rest,
}

/// Parts in their order. Growing one moves the bounds of all that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Above the last hash of each part; `None` takes the rest.
    bounds: Vec<Option<u32>>,
}

impl Split {
    /// Parts that together are not more than 100 %.
    pub fn new(parts: &[Part]) -> Self {
        let mut last: u32 = 0;
        let bound = |part: &Part| match part {
            Part::Rest => None,
            Part::Hundredths(hundredths) => {
                // Rounded down part by part, as in nginx: the bounds depend on how the parts are cut.
                let share = u64::from(*hundredths) * u64::from(u32::MAX) / 10_000;
                last = last.saturating_add(u32::try_from(share).unwrap_or(u32::MAX));
                Some(last)
            }
        };
        Split { bounds: parts.iter().map(bound).collect() }
    }

    /// The part that a key falls into, by its index. `None` if it falls beyond them.
    pub fn part(&self, key: &[u8]) -> Option<usize> {
        let hash = murmur_hash2(key);
        self.bounds.iter().position(|bound| bound.is_none_or(|bound| hash < bound))
    }
}

const FACTOR: u32 = 0x5bd1_e995;

/// MurmurHash2 with seed 0 (`ngx_murmur_hash2`).
fn murmur_hash2(data: &[u8]) -> u32 {
    // The length goes in modulo 2^32.
    let mut hash = data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ mixed.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u32::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_nginx() {
        let check = |key: &str, hash: u32| assert_eq!(murmur_hash2(key.as_bytes()), hash, "{key}");
        check("alice", 479_601_241);
        check("bob", 1_415_166_723);
        check("carol", 867_585_866);
        check("dave", 2_244_124_903);
    }

    #[test]
    fn what_no_part_takes_is_left_out() {
        let split = Split::new(&[Part::Hundredths(1_000), Part::Hundredths(50)]);
        assert_eq!((split.part(b"dave"), Split::new(&[Part::Rest]).part(b"dave")), (None, Some(0)));
    }
}
