//! Another master: the one that started us, or the one we started.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::master::PeerMessage;

use crate::wire::{self, Frame};

/// The channel to another master and what it told us about its processes.
pub(crate) struct Peer {
    pub(super) pid: u32,
    pub(super) channel: OwnedFd,
    pub(super) pidfd: OwnedFd,
    /// pidfds of its workers, so that they can be told to leave if it dies.
    pub(super) introduced: Vec<OwnedFd>,
}

/// What could be read from a peer's channel.
pub(super) struct Heard {
    pub(super) messages: Vec<PeerMessage>,
    /// The other end is closed: nothing more will come.
    pub(super) ended: bool,
}

impl Peer {
    /// Everything there is to hear now. Introductions are kept here; they are no decision.
    pub(super) fn hear(&mut self) -> io::Result<Heard> {
        let mut heard = Heard { messages: Vec::new(), ended: false };
        loop {
            match wire::receive(self.channel.as_fd()) {
                Ok(Some(Frame::Peer(message))) => heard.messages.push(message),
                Ok(Some(Frame::Introduce { pidfds })) => self.introduce(pidfds),
                Ok(Some(other)) => return Err(io::Error::other(format!("a master sent {other:?}"))),
                Ok(None) => heard.ended = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if heard.ended || !is_readable(&self.channel) {
                return Ok(heard);
            }
        }
    }

    fn introduce(&mut self, pidfds: Vec<OwnedFd>) {
        // A pidfd is readable once its process has ended: those need no telling.
        self.introduced.retain(|known| !is_readable(known));
        self.introduced.extend(pidfds);
    }
}

/// Whether a read would not block.
pub(super) fn is_readable(fd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
