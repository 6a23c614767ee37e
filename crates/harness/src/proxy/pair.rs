//! A connection of a client and the one to the target that belongs to it.

use std::{
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::Duration,
};

use facts::Nanos;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt},
};

use super::pipe::Pipe;

/// One socket of the two.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) socket: OwnedFd,
}

/// Both.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) client: Side,
    pub(super) server: Side,
    there: Pipe,
    back: Pipe,
}

/// What became of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// For the sockets, or until this instant.
    Waits(Option<Nanos>),
    /// Both ends were told that there is no more.
    Over,
}

impl Side {
    pub(super) fn new(socket: OwnedFd) -> Side {
        Side { socket }
    }

    /// Closes so that the other end sees a reset.
    pub(super) fn reset(self) {
        // On a socket that is no more, closing is all there is to do.
        sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).ok();
    }
}

impl Pair {
    /// Begins to connect to the target. Whether that succeeds shows when something is carried.
    pub(super) fn connect(client: TcpStream, target: SocketAddr) -> Result<Pair, Errno> {
        let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let server = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        match connect(&server, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => {
                Side::new(client.into()).reset();
                return Err(errno);
            }
        }
        let client: OwnedFd = client.into();
        rustix::io::ioctl_fionbio(&client, true)?;
        // What is written at once is sent at once, as without us.
        sockopt::set_tcp_nodelay(&client, true)?;
        sockopt::set_tcp_nodelay(&server, true)?;
        let (client, server) = (Side::new(client), Side::new(server));
        Ok(Pair { client, server, there: Pipe::default(), back: Pipe::default() })
    }

    /// Carries what can be carried in both directions.
    pub(super) fn carry(&mut self, delay: Nanos) -> Result<Carried, Errno> {
        let (client, server) = (&self.client.socket, &self.server.socket);
        let there = self.there.carry(client, server, delay)?;
        let back = self.back.carry(server, client, delay)?;
        if self.there.is_over() && self.back.is_over() {
            return Ok(Carried::Over);
        }
        Ok(Carried::Waits(there.into_iter().chain(back).min()))
    }

    pub(super) fn reset(self) {
        self.client.reset();
        self.server.reset();
    }
}
