//! Listening sockets: opened once, shared by every process of every generation as one open file description each,
//! so that a queue lives as long as anybody holds it.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    rc::Rc,
};

use conf::{Address, Configuration};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname, listen,
    setsockopt, socket, sockopt,
};

use crate::socket_path::SocketPath;

/// nginx's NGX_LISTEN_BACKLOG.
const BACKLOG: u32 = 511;

/// One listening socket.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) address: Address,
    pub(crate) socket: Rc<OwnedFd>,
    /// Of a unix domain socket: what stands in the file system for it.
    path: Option<SocketPath>,
}

impl Listening {
    /// Takes the name of a unix domain socket out of the file system, unless somebody else's stands there by now.
    pub(crate) fn remove_path(&self) -> io::Result<()> {
        self.path.as_ref().map_or(Ok(()), SocketPath::remove)
    }
}

/// A socket that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing} {address}: {source}{help}")]
pub(crate) struct ListenError {
    doing: &'static str,
    address: Address,
    source: io::Error,
    help: &'static str,
}

impl ListenError {
    /// Whether somebody else has the address.
    pub(crate) fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Sockets that came with the process: `NGINX=6;7;`, nginx's own variable, so that either server can follow the other.
pub(crate) fn adopt(inherited: Vec<OwnedFd>) -> Vec<Listening> {
    inherited
        .into_iter()
        .filter_map(|socket| {
            let address = address_of(&socket)?;
            let path = path_of(&address);
            Some(Listening { address, socket: Rc::new(socket), path })
        })
        .collect()
}

/// The sockets a configuration wants: those of `have` that fit, and new ones for the rest.
pub(crate) fn open(configuration: &Configuration, have: &[Listening]) -> Result<Vec<Listening>, ListenError> {
    let one = |wanted: conf::Listen| match have.iter().find(|listening| listening.address == wanted.address) {
        Some(kept) => Ok(kept.clone()),
        None => bind_new(wanted.address, wanted.backlog.unwrap_or(BACKLOG)),
    };
    configuration.http.listen_sockets().into_iter().map(one).collect()
}

/// Why an address is busy, mostly.
const HELP: &str =
    "; is another server, or a worker left over from one, still listening there? `ss -ltnxp` tells";

fn bind_new(address: Address, backlog: u32) -> Result<Listening, ListenError> {
    let failed = |doing, help| {
        let address = address.clone();
        move |source: io::Error| ListenError { doing, address, source, help }
    };
    let fd = open_socket(&address).map_err(failed("open a socket for", ""))?;
    let path = match &address {
        Address::Inet(inet) => {
            bind(fd.as_raw_fd(), &SockaddrStorage::from(*inet)).map(|()| None).map_err(io::Error::from)
        }
        Address::Unix(path) => SocketPath::bind(&fd, path).map(Some),
    };
    let path = path.map_err(failed("bind", HELP))?;
    let backlog = Backlog::new(i32::try_from(backlog).unwrap_or(i32::MAX)).unwrap_or(Backlog::MAXCONN);
    listen(&fd, backlog).map_err(|errno| failed("listen on", HELP)(errno.into()))?;
    Ok(Listening { address, socket: Rc::new(fd), path })
}

/// A socket that can be bound to an address.
pub(crate) fn open_socket(address: &Address) -> io::Result<OwnedFd> {
    let family = match address {
        Address::Inet(SocketAddr::V4(_)) => AddressFamily::Inet,
        Address::Inet(SocketAddr::V6(_)) => AddressFamily::Inet6,
        Address::Unix(_) => AddressFamily::Unix,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let protocol = matches!(address, Address::Inet(_)).then_some(SockProtocol::Tcp);
    let fd = socket(family, SockType::Stream, flags, protocol)?;
    if family != AddressFamily::Unix {
        setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    }
    if family == AddressFamily::Inet6 {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(fd)
}

fn address_of(socket: &OwnedFd) -> Option<Address> {
    let name: SockaddrStorage = getsockname(socket.as_fd().as_raw_fd()).ok()?;
    let v4 = name.as_sockaddr_in().map(|a| Address::Inet(SocketAddr::V4((*a).into())));
    let v6 = || name.as_sockaddr_in6().map(|a| Address::Inet(SocketAddr::V6((*a).into())));
    let unix = || name.as_unix_addr().and_then(|a| Some(Address::Unix(a.path()?.to_owned())));
    v4.or_else(v6).or_else(unix)
}

fn path_of(address: &Address) -> Option<SocketPath> {
    match address {
        Address::Inet(_) => None,
        Address::Unix(path) => SocketPath::of(path).ok(),
    }
}
