//! Where a target is reached, and from where.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Where a target listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address and a port.
    Ip(SocketAddr),
    /// A unix stream socket.
    Unix(PathBuf),
}

impl Address {
    /// True when clients can connect to it from many loopback addresses.
    pub(crate) fn has_sources(&self) -> bool {
        matches!(self, Address::Ip(SocketAddr::V4(address)) if address.ip().is_loopback())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address::Ip(address)
    }
}

/// As `Host` names it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Unix(_) => f.write_str("localhost"),
        }
    }
}

/// Most loopback addresses that [`source`] tells apart.
pub(crate) const MOST_SOURCES: u32 = 256 * 254 * 100;

/// The address of the n-th client (from 0): `127.a.b.c`. The first three numbers are what nginx's `ip_hash` looks at,
/// so they differ first.
pub(crate) fn source(n: u32) -> IpAddr {
    let (b, rest) = (n % 256, n / 256);
    let (c, a) = (1 + rest % 254, 1 + rest / 254);
    IpAddr::V4(Ipv4Addr::new(127, a as u8, b as u8, c as u8))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_client_has_an_address_of_its_own_and_neighbours_a_network() {
        let all: HashSet<IpAddr> = (0..200_000).map(source).collect();
        assert_eq!(all.len(), 200_000);
        assert!(all.iter().all(|address| address.is_loopback()));
        assert_eq!(source(0).to_string(), "127.1.0.1");
        assert_eq!(source(199).to_string(), "127.1.199.1");
        assert_eq!(source(MOST_SOURCES - 1).to_string(), "127.100.255.254");
    }
}
