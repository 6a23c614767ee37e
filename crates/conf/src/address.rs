//! Where connections come in.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// Most bytes of a path that a socket can be bound to (`sun_path`, with its final zero).
pub(crate) const UNIX_PATH_BYTES_MAX: usize = 107;

/// What `listen` names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An address and a port.
    Inet(SocketAddr),
    /// The path of a unix domain socket.
    Unix(PathBuf),
}

impl Address {
    /// `$server_port`; a unix domain socket has none.
    pub fn port(&self) -> Option<u16> {
        match self {
            Address::Inet(address) => Some(address.port()),
            Address::Unix(_) => None,
        }
    }

    /// What covers this address, if it is not that itself: all addresses of the family with the same port.
    pub(crate) fn wildcard(&self) -> Option<Address> {
        let Address::Inet(address) = self else { return None };
        let any = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let wildcard = SocketAddr::new(any, address.port());
        (wildcard != *address).then_some(Address::Inet(wildcard))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Inet(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Inet(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
