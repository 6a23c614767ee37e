//! `ip_hash` (`ngx_http_upstream_get_ip_hash_peer`): clients of one network stay with one peer.

use core::net::IpAddr;

use alloc::vec::Vec;

use crate::attempts::Attempts;
use crate::list::List;

pub(crate) const START: u32 = 89;

/// What of a client's address is hashed: three octets of an IPv4 address, all of an IPv6 one.
pub fn hashed_part(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub(crate) fn pick(list: &List, attempts: &mut Attempts, now_seconds: i64) -> Option<usize> {
    if attempts.gave_up() {
        return None;
    }
    loop {
        for byte in &attempts.key {
            attempts.hash = (attempts.hash * 113 + u32::from(*byte)) % 6271;
        }
        let place = list.place_of(attempts.hash % list.total_weight);
        if list.is_usable(place, &attempts.tried, now_seconds) {
            return Some(place);
        }
        if !attempts.missed() {
            return None;
        }
    }
}
