//! `random` and `random two` (`ngx_http_upstream_get_random_peer`, `…_random2_peer`). Chance is the caller's.

use core::cmp::Ordering;

use crate::attempts::Attempts;
use crate::list::List;

/// A usable peer, by weight.
pub(crate) fn pick(
    list: &List,
    attempts: &mut Attempts,
    now_seconds: i64,
    random: &mut dyn FnMut() -> u32,
) -> Option<usize> {
    draw(list, attempts, now_seconds, None, random)
}

/// Of two different ones the second, unless it has more connections per weight.
pub(crate) fn pick_of_two(
    list: &List,
    attempts: &mut Attempts,
    now_seconds: i64,
    random: &mut dyn FnMut() -> u32,
) -> Option<usize> {
    let first = draw(list, attempts, now_seconds, None, random)?;
    // With nobody else to be had it is round robin's turn, as in nginx, even though there is a first.
    let second = draw(list, attempts, now_seconds, Some(first), random)?;
    let is_busier = list.peers[second].load_against(&list.peers[first]) == Ordering::Greater;
    Some(if is_busier { first } else { second })
}

fn draw(
    list: &List,
    attempts: &mut Attempts,
    now_seconds: i64,
    but: Option<usize>,
    random: &mut dyn FnMut() -> u32,
) -> Option<usize> {
    if attempts.gave_up() {
        return None;
    }
    loop {
        let place = list.place_of(random() % list.total_weight);
        if Some(place) != but && list.is_usable(place, &attempts.tried, now_seconds) {
            return Some(place);
        }
        if !attempts.missed() {
            return None;
        }
    }
}
