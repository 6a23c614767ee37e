//! `least_conn` (`ngx_http_upstream_get_least_conn_peer`): the fewest connections per weight; round robin among equals.

use core::cmp::Ordering;

use crate::list::List;
use crate::round_robin;

pub(crate) fn pick(list: &mut List, tried: &[bool], now_seconds: i64) -> Option<usize> {
    let (first, equals) = least(list, tried, now_seconds)?;
    if equals == Equals::None {
        return Some(first);
    }
    let takes_part = |list: &List, place: usize| {
        list.is_usable(place, tried, now_seconds)
            && list.peers[place].load_against(&list.peers[first]) == Ordering::Equal
    };
    round_robin::round(list, first, takes_part)
}

/// Whether others have as few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Equals {
    None,
    Some,
}

/// The first of those with the fewest connections.
fn least(list: &List, tried: &[bool], now_seconds: i64) -> Option<(usize, Equals)> {
    let mut best: Option<(usize, Equals)> = None;
    for place in (0..list.peers.len()).filter(|place| list.is_usable(*place, tried, now_seconds)) {
        let load = best.map(|(best, _)| list.peers[place].load_against(&list.peers[best]));
        match (load, &mut best) {
            (Some(Ordering::Greater), _) => {}
            (Some(Ordering::Equal), Some((_, equals))) => *equals = Equals::Some,
            _ => best = Some((place, Equals::None)),
        }
    }
    best
}
