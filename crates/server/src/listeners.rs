//! Listening sockets: opened once, shared by every process of every generation as one open file description each,
//! so that a queue lives as long as anybody holds it.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    rc::Rc,
};

use conf::Configuration;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname, listen,
    setsockopt, socket, sockopt,
};

/// nginx's NGX_LISTEN_BACKLOG.
const BACKLOG: u32 = 511;

/// One listening socket.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) socket: Rc<OwnedFd>,
}

/// A socket that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing} {address}: {source}{help}")]
pub(crate) struct ListenError {
    doing: &'static str,
    address: SocketAddr,
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
            Some(Listening { address, socket: Rc::new(socket) })
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

fn bind_new(address: SocketAddr, backlog: u32) -> Result<Listening, ListenError> {
    let failed =
        |doing, help| move |errno: nix::Error| ListenError { doing, address, source: errno.into(), help };
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, SockProtocol::Tcp)
        .map_err(failed("open a socket for", ""))?;
    setsockopt(&fd, sockopt::ReuseAddr, &true).map_err(failed("set SO_REUSEADDR on", ""))?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true).map_err(failed("set IPV6_V6ONLY on", ""))?;
    }
    let help = "; is another server, or a worker left over from one, still listening there? `ss -ltnp` tells";
    bind(fd.as_raw_fd(), &SockaddrStorage::from(address)).map_err(failed("bind", help))?;
    let backlog = Backlog::new(i32::try_from(backlog).unwrap_or(i32::MAX)).unwrap_or(Backlog::MAXCONN);
    listen(&fd, backlog).map_err(failed("listen on", help))?;
    Ok(Listening { address, socket: Rc::new(fd) })
}

fn address_of(socket: &OwnedFd) -> Option<SocketAddr> {
    let name: SockaddrStorage = getsockname(socket.as_fd().as_raw_fd()).ok()?;
    let v4 = name.as_sockaddr_in().map(|a| SocketAddr::V4((*a).into()));
    v4.or_else(|| name.as_sockaddr_in6().map(|a| SocketAddr::V6((*a).into())))
}
