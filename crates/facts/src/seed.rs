//! Seeds derived from a seed and names: the same on every machine and in every release.

/// FNV-1a, 64 bits: its offset basis and its prime.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// A seed of `seed` and `names`. Every name counts as a whole: `["ab", "c"]` is not `["a", "bc"]`.
pub fn derive(seed: u64, names: &[&str]) -> u64 {
    let ended = names.iter().flat_map(|name| name.bytes().chain([0xff]));
    mixed(ended.fold(BASIS ^ mixed(seed), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME)))
}

/// splitmix64's finaliser: neighbouring numbers come out unlike each other.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts_and_the_result_never_changes() {
        let seeds = [
            derive(1, &["case", "users"]),
            derive(2, &["case", "users"]),
            derive(1, &["cases", "users"]),
            derive(1, &["cas", "eusers"]),
        ];
        for (index, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..index].contains(seed), "{seeds:?}");
        }
        assert_eq!(seeds[0], 16_267_548_056_905_589_914, "a stored seed must replay");
    }
}
