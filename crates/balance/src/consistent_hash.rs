//! `hash KEY consistent` (`ngx_http_upstream_get_chash_peer`): a ring of points, those of Cache::Memcached::Fast.

use alloc::vec::Vec;

use crc32fast::Hasher;

use crate::attempts::Attempts;
use crate::list::List;
use crate::peer::Peer;
use crate::round_robin;

const POINTS_PER_WEIGHT: u32 = 160;

/// A point of the ring, and a peer of the name it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    hash: u32,
    place: usize,
}

/// The ring. Of points that fall together the first in the list stays.
pub(crate) fn ring(list: &List) -> Vec<Point> {
    let mut ring: Vec<Point> = Vec::new();
    for (place, peer) in list.peers.iter().enumerate() {
        ring.extend(hashes(peer).map(|hash| Point { hash, place }));
    }
    ring.sort_by_key(|point| point.hash);
    ring.dedup_by_key(|point| point.hash);
    ring
}

/// Each hash goes into the next.
fn hashes(peer: &Peer) -> impl Iterator<Item = u32> {
    let (host, port) = host_and_port(peer.name());
    let mut base = Hasher::new();
    base.update(host.as_bytes());
    base.update(&[0]);
    base.update(port.as_bytes());
    let mut previous: u32 = 0;
    (0..peer.weight().saturating_mul(POINTS_PER_WEIGHT)).map(move |_| {
        let mut hasher = base.clone();
        hasher.update(&previous.to_le_bytes());
        previous = hasher.finalize();
        previous
    })
}

/// The port is what follows the last colon, if it is digits.
fn host_and_port(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (name, ""),
    }
}

/// The first point at or after the key's hash. May be one past the end, which is the first.
pub(crate) fn start(ring: &[Point], key: &[u8]) -> u32 {
    let hash = crc32fast::hash(key);
    ring.partition_point(|point| point.hash < hash) as u32
}

/// The peers of the point's name compete; with none of them usable the next point is asked.
pub(crate) fn pick(
    list: &mut List,
    ring: &[Point],
    attempts: &mut Attempts,
    now_seconds: i64,
) -> Option<usize> {
    if attempts.gave_up() || attempts.key.is_empty() {
        return None;
    }
    loop {
        let owner = ring[attempts.hash as usize % ring.len()].place;
        let tried = &attempts.tried;
        let is_asked = |list: &List, place: usize| {
            list.is_usable(place, tried, now_seconds) && list.peers[place].name() == list.peers[owner].name()
        };
        if let Some(place) = round_robin::round(list, 0, is_asked) {
            return Some(place);
        }
        attempts.hash = attempts.hash.wrapping_add(1);
        if !attempts.missed() {
            return None;
        }
    }
}
