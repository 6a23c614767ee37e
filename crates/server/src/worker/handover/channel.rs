//! One side of the talk between a giver and a taker.

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram as StdChannel,
    },
};

use nix::{
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials,
    },
    unistd::geteuid,
};
use tokio::{io::Interest, net::UnixDatagram};

use super::message::{MESSAGE_BYTES_MAX, Message};
use crate::wire;

/// A SEQPACKET socket. What tokio knows of a datagram socket, its readiness, is the same for both.
#[derive(Debug)]
pub(super) struct Channel {
    socket: UnixDatagram,
    /// Who is at the other end.
    pub(super) pid: i32,
}

impl Channel {
    /// # Errors
    /// The other end cannot be trusted with connections, or with giving us some: it runs as another user, who is not root.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Channel> {
        let credentials = getsockopt(&socket, PeerCredentials)?;
        if credentials.uid() != 0 && credentials.uid() != geteuid().as_raw() {
            return Err(io::Error::other(format!("it runs as user {}", credentials.uid())));
        }
        let socket = StdChannel::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Channel { socket: UnixDatagram::from_std(socket)?, pid: credentials.pid() })
    }

    /// Calls whoever listens under this abstract name.
    pub(super) fn call(name: &str) -> io::Result<Channel> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
        connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
        Channel::new(socket)
    }

    /// Says a word, with the sockets that belong to it. Either all of it is sent or nothing.
    pub(super) async fn say(&self, message: &Message, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = message.encode()?;
        let send = || wire::send(self.socket.as_fd(), &bytes, sockets);
        self.socket.async_io(Interest::WRITABLE, send).await
    }

    /// The next word; `None` when the other side is gone and everything it had said was heard.
    pub(super) async fn hear(&self) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        loop {
            let mut bytes = vec![0; MESSAGE_BYTES_MAX];
            let receive = || wire::receive_bytes(self.socket.as_fd(), &mut bytes);
            match self.socket.async_io(Interest::READABLE, receive).await {
                Ok((0, _)) => return Ok(None),
                Ok((length, sockets)) => {
                    return Message::decode(&bytes[..length]).map(|word| Some((word, sockets)));
                }
                // It closed with something of ours unread. What it had said before that counts, and is still there:
                // after a *taken* that went unheard two would serve.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }
}
