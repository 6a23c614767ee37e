//! Smooth weighted round robin (`ngx_http_upstream_get_peer`), which is also where every other method ends that finds
//! nobody.

use crate::list::List;

/// Every usable peer gains its weight; the one that stands highest wins and pays all that was gained.
/// Of equals the first in the list wins.
pub(crate) fn pick(list: &mut List, tried: &[bool], now_seconds: i64) -> Option<usize> {
    round(list, 0, |list, place| list.is_usable(place, tried, now_seconds))
}

/// A round among the peers that take part, from this place on.
pub(crate) fn round(
    list: &mut List,
    start: usize,
    takes_part: impl Fn(&List, usize) -> bool,
) -> Option<usize> {
    let mut total_weight = 0;
    let mut best: Option<(i64, usize)> = None;
    for place in start..list.peers.len() {
        if !takes_part(list, place) {
            continue;
        }
        let (gained, stands) = list.peers[place].compete();
        total_weight += gained;
        if best.is_none_or(|(highest, _)| stands > highest) {
            best = Some((stands, place));
        }
    }
    let (_, winner) = best?;
    list.peers[winner].pay(total_weight);
    Some(winner)
}
