//! One TCP connection: nonblocking, with the hints that edges of epoll gave.

use std::{
    net::SocketAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, getsockname, recv, send,
        socket_with, sockopt,
    },
};

use crate::{head::Head, sys::Readiness};

/// A connection, perhaps still being opened.
pub(crate) struct Socket {
    fd: OwnedFd,
    address: SocketAddr,
    /// Numbered from 1 in the run.
    pub(crate) number: u32,
    /// Requests begun on it before the current one.
    pub(crate) sequence: u16,
    pub(crate) local_port: u16,
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

impl Socket {
    pub(crate) fn new(address: SocketAddr, number: u32) -> Result<Socket, Errno> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_tcp_nodelay(&fd, true)?;
        Ok(Socket {
            fd,
            address,
            number,
            sequence: 0,
            local_port: 0,
            established: false,
            readable: false,
            hung_up: false,
        })
    }

    /// Begins or continues the handshake; true when it is over. Asking again with `connect` is the one question
    /// whose answer is exact at any time: an edge or `SO_ERROR` may tell of an earlier state.
    pub(crate) fn establish(&mut self) -> Result<bool, Errno> {
        if self.established {
            return Ok(true);
        }
        match connect(&self.fd, &self.address) {
            Ok(()) | Err(Errno::ISCONN) => {}
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::INTR) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        self.established = true;
        self.local_port = local_port(&self.fd);
        Ok(true)
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
