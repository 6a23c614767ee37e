//! Another master: the one that started us, the one we started, or the one beyond either of them.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::{Generation, master::PeerMessage};

use crate::wire::{self, Frame, Hello};

/// The channel to another master and what it told us about its processes.
pub(crate) struct Peer {
    /// 0 until it has said who it is.
    pub(super) pid: u32,
    pub(super) channel: OwnedFd,
    /// `None` until it has said who it is.
    pub(super) pidfd: Option<OwnedFd>,
    /// pidfds of its workers, so that they can be told to leave if it dies.
    pub(super) introduced: Vec<OwnedFd>,
    /// A master that it is about to start. Nothing is made of it before the one that says so is our successor.
    pub(super) heir: Option<Newcomer>,
    /// It said that it exits this moment.
    pub(super) exits: bool,
    /// What it said last of how far it is, or of why it ends.
    pub(super) words: Option<String>,
}

/// A master that a successor of ours is about to start.
pub(super) struct Newcomer {
    pub(super) generation: Generation,
    pub(super) channel: OwnedFd,
}

/// What could be read from a peer's channel.
pub(super) struct Heard {
    pub(super) messages: Vec<PeerMessage>,
    /// The other end is closed: nothing more will come.
    pub(super) ended: bool,
}

impl Peer {
    pub(super) fn new(pid: u32, channel: OwnedFd, pidfd: Option<OwnedFd>) -> Peer {
        Peer { pid, channel, pidfd, introduced: Vec::new(), heir: None, exits: false, words: None }
    }

    /// Everything there is to hear now. Who it is, and whom it knows, is kept here; that is no decision.
    pub(super) fn hear(&mut self) -> io::Result<Heard> {
        let mut heard = Heard { messages: Vec::new(), ended: false };
        loop {
            match wire::receive(self.channel.as_fd()) {
                Ok(Some(Frame::Peer(message))) => heard.messages.push(message),
                Ok(Some(Frame::Introduce { pidfds })) => self.introduce(pidfds),
                Ok(Some(Frame::Hello(Hello { pid, pidfd, .. }))) => {
                    (self.pid, self.pidfd) = (pid, Some(pidfd));
                }
                Ok(Some(Frame::Farewell { exits })) => self.exits = exits,
                Ok(Some(Frame::Words(words))) => self.words = Some(words),
                Ok(Some(Frame::Heir { generation, channel })) => {
                    self.heir = Some(Newcomer { generation, channel });
                }
                Ok(Some(_)) => return Err(io::Error::other("it sent what no master has to say")),
                Ok(None) => heard.ended = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if heard.ended || !is_readable(&self.channel) {
                return Ok(heard);
            }
        }
    }

    /// Whether its process has ended, as far as can be known.
    pub(super) fn has_ended(&self) -> bool {
        self.pidfd.as_ref().is_some_and(is_readable)
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
