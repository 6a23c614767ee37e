//! One stream connection: nonblocking, with the hints that edges of epoll gave.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use facts::Nanos;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, bind,
        connect, getsockname, recv, send, shutdown, socket_with, sockopt,
    },
};

use crate::{
    address::Address,
    head::Head,
    sys::{Readiness, choose_port_late},
};

/// A connection, perhaps still being opened.
pub(crate) struct Socket {
    fd: OwnedFd,
    /// Numbered from 1 in the run.
    pub(crate) number: u32,
    /// Requests begun on it before the current one.
    pub(crate) sequence: u16,
    pub(crate) local_port: u16,
    /// When its handshake began.
    pub(crate) opened: Nanos,
    established: bool,
    /// Reading may find something. Only a hint: set while the connection is idle it changes nothing before the
    /// client's next read.
    readable: bool,
    hung_up: bool,
}

/// What a read or write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Io {
    /// This many bytes; 0 from a read: the other side closed in order.
    Bytes(usize),
    /// Nothing now; an edge will come.
    NotNow,
}

/// What a client finds that looks at its idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: it can be used.
    Quiet,
    /// The other side closed, or said that it does because nothing was asked for too long (408, RFC 9110 §15.5.9).
    Closed,
    /// Bytes nobody asked for.
    Unasked,
}

/// Enough for the head of a 408.
const LOOK_BYTES: usize = 1024;

/// From where and how a client connects.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) to: Address,
    /// The loopback address it connects from; `None`: the kernel chooses.
    pub(crate) from: Option<IpAddr>,
    /// `SO_RCVBUF`; `None`: as the kernel sees fit.
    pub(crate) receive_buffer: Option<usize>,
}

impl Route {
    fn open(&self) -> Result<OwnedFd, Errno> {
        let family = match &self.to {
            Address::Ip(SocketAddr::V4(_)) => AddressFamily::INET,
            Address::Ip(SocketAddr::V6(_)) => AddressFamily::INET6,
            Address::Unix(_) => AddressFamily::UNIX,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        if family != AddressFamily::UNIX {
            sockopt::set_tcp_nodelay(&fd, true)?;
        }
        // Before the handshake, which announces the window.
        if let Some(bytes) = self.receive_buffer {
            sockopt::set_socket_recv_buffer_size(&fd, bytes)?;
        }
        if let Some(from) = self.from {
            choose_port_late(&fd)?;
            bind(&fd, &SocketAddr::new(from, 0))?;
        }
        Ok(fd)
    }

    fn connect(&self, fd: &OwnedFd) -> Result<(), Errno> {
        match &self.to {
            Address::Ip(address) => connect(fd, address),
            Address::Unix(path) => connect(fd, &SocketAddrUnix::new(path)?),
        }
    }
}

impl Socket {
    pub(crate) fn new(route: &Route, number: u32, now: Nanos) -> Result<Socket, Errno> {
        Ok(Socket {
            fd: route.open()?,
            number,
            sequence: 0,
            local_port: 0,
            opened: now,
            established: false,
            readable: false,
            hung_up: false,
        })
    }

    /// Begins or continues the handshake; true when it is over. Asking again with `connect` is the one question
    /// whose answer is exact at any time: an edge or `SO_ERROR` may tell of an earlier state.
    pub(crate) fn establish(&mut self, route: &Route) -> Result<bool, Errno> {
        if self.established {
            return Ok(true);
        }
        match route.connect(&self.fd) {
            Ok(()) | Err(Errno::ISCONN) => {}
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => return Ok(false),
            // Nobody has bound it, or its queue is full: a unix socket has no handshake that could wait.
            Err(Errno::NOENT) => return Err(Errno::CONNREFUSED),
            Err(errno) => return Err(errno),
        }
        self.established = true;
        self.local_port = local_port(&self.fd);
        Ok(true)
    }

    /// True when the kernel has said that the other side is gone. What it sent before may still be unread.
    pub(crate) fn is_hung_up(&self) -> bool {
        self.hung_up
    }

    /// True when a request can be written.
    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// Tells the other side that nothing more will be sent.
    pub(crate) fn shut(&self) -> Result<(), Errno> {
        shutdown(&self.fd, Shutdown::Write)
    }

    /// What epoll said. Kept for the next read, acted upon by nobody while the connection is idle.
    pub(crate) fn notice(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.hung_up |= readiness.hung_up;
    }

    /// Makes the next read ask the kernel whatever the hints say.
    pub(crate) fn distrust_hints(&mut self) {
        self.readable = true;
    }

    /// What a client sees that looks before it writes.
    pub(crate) fn look(&self) -> Found {
        let mut bytes = [0; LOOK_BYTES];
        match recv(&self.fd, &mut bytes[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => Found::Quiet,
            Err(_) | Ok((0, _)) => Found::Closed,
            Ok((count, _)) if is_farewell(&bytes[..count]) => Found::Closed,
            Ok(_) => Found::Unasked,
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<Io, Errno> {
        match send(&self.fd, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => Ok(Io::Bytes(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Io::NotNow),
            Err(errno) => Err(errno),
        }
    }

    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<Io, Errno> {
        if !self.readable {
            return Ok(Io::NotNow);
        }
        match recv(&self.fd, &mut *into, RecvFlags::DONTWAIT) {
            Ok((count, _)) => {
                // A short read empties the queue, so the next edge is a new one; after a hang-up there is none.
                self.readable = self.hung_up || count == into.len();
                Ok(Io::Bytes(count))
            }
            Err(Errno::AGAIN) => {
                self.readable = false;
                Ok(Io::NotNow)
            }
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_farewell(bytes: &[u8]) -> bool {
    matches!(Head::parse(bytes, &[]), Ok(Some((_, Head { status: 408, closes: true, .. }, _))))
}

/// 0 where the kernel will not say: the port is evidence, not a need.
fn local_port(fd: &OwnedFd) -> u16 {
    let address = getsockname(fd).ok().and_then(|address| SocketAddr::try_from(address).ok());
    address.map_or(0, |address| address.port())
}
