//! Listening sockets: opened once, shared by every process of every generation as one open file description each,
//! so that a queue lives as long as anybody holds it.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    rc::Rc,
};

use conf::{Address, Configuration, Listen, Queues};
use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, getsockname,
            listen, setsockopt, socket, sockopt,
        },
        stat::fstat,
    },
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

/// The paths of sockets that are not used any more.
pub(crate) fn left_behind(had: &[Listening], kept: &[Listening]) -> Vec<SocketPath> {
    let is_kept = |one: &Listening| kept.iter().any(|kept| kept.address == one.address);
    let mut paths: Vec<SocketPath> =
        had.iter().filter(|one| !is_kept(one)).filter_map(|one| one.path.clone()).collect();
    paths.dedup();
    paths
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
    fn new(doing: &'static str, address: &Address, source: io::Error) -> Self {
        let help = if source.kind() == io::ErrorKind::AddrInUse { HELP } else { "" };
        ListenError { doing, address: address.clone(), source, help }
    }

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

/// The sockets a configuration wants: those of `have` that fit, and new ones for the rest. An address that is kept keeps all
/// its sockets, whatever the number of workers is by now (`reuseport`): what is queued in one of them would be reset with
/// it. And it gets no more of them: those would be a new generation's alone, and be lost with it.
pub(crate) fn open(
    configuration: &Configuration,
    workers: u32,
    have: &[Listening],
) -> Result<Vec<Listening>, ListenError> {
    let mut opened: Vec<Listening> = Vec::new();
    for wanted in configuration.http.listen_sockets() {
        let backlog = wanted.backlog.unwrap_or(BACKLOG);
        let kept: Vec<Listening> = have.iter().filter(|one| one.address == wanted.address).cloned().collect();
        let group = match kept.is_empty() {
            false => distinct(kept),
            true => bind_group(&wanted, workers, backlog)?,
        };
        for listening in group {
            // Also of one that listens already: the queue may be wanted longer or shorter than it was.
            start_listening(&listening, backlog)?;
            opened.push(listening);
        }
    }
    Ok(opened)
}

/// Gives queues that others may have made longer or shorter the length that this configuration wants.
pub(crate) fn set_lengths(configuration: &Configuration, sockets: &[Listening]) -> Result<(), ListenError> {
    for wanted in configuration.http.listen_sockets() {
        let backlog = wanted.backlog.unwrap_or(BACKLOG);
        let its = sockets.iter().filter(|one| one.address == wanted.address);
        its.into_iter().try_for_each(|listening| start_listening(listening, backlog))?;
    }
    Ok(())
}

/// The same socket may have come by two ways.
fn distinct(mut group: Vec<Listening>) -> Vec<Listening> {
    let mut seen = BTreeSet::new();
    // One that cannot be told apart counts as another.
    group.retain(|one| fstat(&one.socket).map_or(true, |found| seen.insert(found.st_ino)));
    group
}

/// As many sockets as `reuseport` wants; every worker accepts from each of them, so that one that is stopped or dead holds
/// nobody up.
fn bind_group(wanted: &Listen, workers: u32, backlog: u32) -> Result<Vec<Listening>, ListenError> {
    let first = bind_new(wanted.address.clone())?;
    if wanted.queues == Queues::One {
        return Ok(vec![first]);
    }
    // Only now: bound with it, it would share the address with a stranger that has it, too, and nobody would be told.
    let shared = |listening: &Listening| setsockopt(&listening.socket, sockopt::ReusePort, &true);
    let failed = |errno: Errno| ListenError::new("share", &wanted.address, errno.into());
    shared(&first).map_err(failed)?;
    start_listening(&first, backlog)?;
    let another =
        |_| bind_another(&wanted.address).map_err(|source| ListenError::new("bind", &wanted.address, source));
    let others: Result<Vec<Listening>, ListenError> = (1..workers.max(1)).map(another).collect();
    Ok([vec![first], others?].concat())
}

fn bind_another(address: &Address) -> io::Result<Listening> {
    let fd = open_socket(address)?;
    setsockopt(&fd, sockopt::ReusePort, &true)?;
    if let Address::Inet(inet) = address {
        bind(fd.as_raw_fd(), &SockaddrStorage::from(*inet))?;
    }
    Ok(Listening { address: address.clone(), socket: Rc::new(fd), path: None })
}

fn start_listening(listening: &Listening, backlog: u32) -> Result<(), ListenError> {
    let backlog = Backlog::new(i32::try_from(backlog).unwrap_or(i32::MAX)).unwrap_or(Backlog::MAXCONN);
    let failed = |errno: Errno| ListenError::new("listen on", &listening.address, errno.into());
    listen(&listening.socket, backlog).map_err(failed)
}

/// Why an address is busy, mostly.
const HELP: &str =
    "; is another server, or a worker left over from one, still listening there? `ss -ltnxp` tells";

fn bind_new(address: Address) -> Result<Listening, ListenError> {
    let failed = |doing| {
        let address = address.clone();
        move |source| ListenError::new(doing, &address, source)
    };
    let fd = open_socket(&address).map_err(failed("open a socket for"))?;
    let path = match &address {
        Address::Inet(inet) => {
            bind(fd.as_raw_fd(), &SockaddrStorage::from(*inet)).map(|()| None).map_err(io::Error::from)
        }
        Address::Unix(path) => SocketPath::bind(&fd, path).map(Some),
    };
    let path = path.map_err(failed("bind"))?;
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

#[cfg(test)]
mod tests {
    use std::{net::TcpStream, time::Duration};

    use super::*;

    fn opened(listen: &str, have: &[Listening]) -> Vec<Listening> {
        let text = format!("events {{ }} http {{ server {{ listen {listen}; }} }}");
        open(&conf::parse("test", &text, "").expect("right"), 3, have).expect("opens")
    }

    fn free() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        listener.local_addr().expect("has an address")
    }

    #[test]
    fn a_queue_that_is_kept_is_as_long_as_the_newest_configuration_wants_it() {
        let address = free();
        let short = opened(&format!("{address} backlog=1"), &[]);
        let _long = opened(&format!("{address} backlog=64"), &short);
        let connect =
            |_| TcpStream::connect_timeout(&address, Duration::from_secs(10)).expect("there is room");
        // Nobody accepts.
        let queued: Vec<TcpStream> = (0..10).map(connect).collect();
        drop(queued);
    }

    #[test]
    fn a_queue_is_set_back_to_what_the_old_configuration_wants() {
        let address = free();
        let text = format!("events {{ }} http {{ server {{ listen {address} backlog=1; }} }}");
        let old = conf::parse("test", &text, "").expect("right");
        let sockets = open(&old, 1, &[]).expect("opens");
        let _long = opened(&format!("{address} backlog=64"), &sockets);
        set_lengths(&old, &sockets).expect("listens");
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(200));
        // Nobody accepts, and there is room for two.
        let queued: Vec<TcpStream> = (0..5).map(connect).filter_map(Result::ok).collect();
        assert_eq!(queued.len(), 2);
    }

    #[test]
    fn a_socket_that_came_by_two_ways_is_one() {
        let address = free();
        let sockets = opened(&format!("{address} reuseport"), &[]);
        assert_eq!(sockets.len(), 3);
        let twice: Vec<Listening> = sockets
            .iter()
            .chain(&sockets)
            .map(|one| Listening { socket: Rc::new(one.socket.try_clone().expect("clones")), ..one.clone() })
            .collect();
        assert_eq!(opened(&address.to_string(), &twice).len(), 3);
    }
}
