//! One of several parts of all cases, for machines that share the work without talking to each other.

use std::str::FromStr;

/// `--shard 2/4`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 1.
    index: u64,
    count: u64,
}

impl Shard {
    /// Whether a case is in this part. It depends on the name of the case alone: a new case moves no other.
    pub(crate) fn holds(self, case: &str) -> bool {
        fnv1a(case) % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            _ => Err("write I/N with I from 1 to N, such as 1/4".into()),
        }
    }
}

/// FNV-1a: the same on every machine and in every release, which the hasher of std does not promise.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_exactly_one_part() {
        let cases: Vec<String> = (0..1000).map(|n| format!("upgrade/case-{n}::target=nginx")).collect();
        let parts: Vec<Shard> = (1..=4).map(|index| Shard { index, count: 4 }).collect();
        let sizes = parts.iter().map(|part| cases.iter().filter(|case| part.holds(case)).count());
        let sizes: Vec<usize> = sizes.collect();
        assert_eq!(sizes.iter().sum::<usize>(), 1000);
        assert!(sizes.iter().all(|size| (200..300).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_part_never_changes() {
        // The published test vector of FNV-1a.
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        for wrong in ["0/4", "5/4", "1", "1/0", "a/b", "1/4/2", "-1/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
