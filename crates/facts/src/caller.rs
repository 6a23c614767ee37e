//! Which client opened a connection: 8 bytes for each connection of a population whose clients have addresses of their
//! own. A record has no room for it, and a proxy that hashes addresses can only be judged by it.

use bytemuck::{Pod, Zeroable};

/// One connection and who opened it, written when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Caller {
    /// As in [`Record::connection`](crate::Record::connection); 0: the slot is empty.
    pub connection: u32,
    /// From 0 in its population; [`source`] is its address.
    pub client: u32,
}

const _: () = assert!(size_of::<Caller>() == 8);

/// Most clients that [`source`] tells apart.
pub const MOST_CLIENTS: u32 = 256 * 254 * 100;

/// The address of the n-th client (from 0): `127.a.b.c`. The first three numbers are what nginx's `ip_hash` looks at,
/// so they differ first.
pub fn source(n: u32) -> core::net::Ipv4Addr {
    let (b, rest) = (n % 256, n / 256);
    let (a, c) = (1 + rest % 100, 1 + rest / 100);
    core::net::Ipv4Addr::new(127, a as u8, b as u8, c as u8)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, net::Ipv4Addr};

    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own_and_neighbours_a_network() {
        let all: HashSet<Ipv4Addr> = (0..200_000).map(source).collect();
        assert_eq!(all.len(), 200_000);
        assert!(all.iter().all(|address| address.is_loopback()));
        let networks: HashSet<[u8; 3]> =
            (0..25_600).map(|n| source(n).octets()[..3].try_into().unwrap()).collect();
        assert_eq!(networks.len(), 25_600);
        assert_eq!(source(0).to_string(), "127.1.0.1");
        assert_eq!(source(199).to_string(), "127.1.199.1");
        assert_eq!(source(MOST_CLIENTS - 1).to_string(), "127.100.255.254");
    }
}
