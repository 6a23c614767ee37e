//! Where a target is reached, and from where.

use std::{fmt, net::SocketAddr, path::PathBuf};

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
