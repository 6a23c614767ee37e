//! `hash KEY` (`ngx_http_upstream_get_hash_peer`), which is that of Cache::Memcached.

use alloc::string::ToString;

use crc32fast::Hasher;

use crate::attempts::Attempts;
use crate::list::List;

pub(crate) fn pick(list: &List, attempts: &mut Attempts, now_seconds: i64) -> Option<usize> {
    if attempts.gave_up() || attempts.key.is_empty() {
        return None;
    }
    loop {
        attempts.hash = attempts.hash.wrapping_add(hash(attempts.rounds, &attempts.key));
        attempts.rounds += 1;
        let place = list.place_of(attempts.hash % list.total_weight);
        if list.is_usable(place, &attempts.tried, now_seconds) {
            return Some(place);
        }
        if !attempts.missed() {
            return None;
        }
    }
}

/// The number of the round stands before the key, but not in the first.
fn hash(round: u32, key: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    if round > 0 {
        hasher.update(round.to_string().as_bytes());
    }
    hasher.update(key);
    (hasher.finalize() >> 16) & 0x7fff
}
