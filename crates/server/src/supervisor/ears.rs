//! Where masters say who they are: a datagram socket with an abstract name, at which the kernel tells who speaks.

use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    process,
};

use nix::{
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket, sockopt::PassCred},
    unistd::geteuid,
};
use protocol::supervisor::Process;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::names;

/// Longer than anything a master says.
const MESSAGE_BYTES: usize = 4096;

pub(super) struct Ears {
    pub(super) name: String,
    socket: OwnedFd,
}

impl Ears {
    pub(super) fn open() -> io::Result<Ears> {
        let name = names::of_process("supervisor", process::id());
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&socket, PassCred, &true)?;
        bind(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
        Ok(Ears { name, socket })
    }

    /// Everything that was said, line by line, and by whom. Anybody can write to the name: who is neither root nor the user that
    /// we run as is not listened to.
    pub(super) fn hear(&self) -> Vec<(Process, Vec<String>)> {
        let mut heard = Vec::new();
        while let Ok((who, text)) = self.next() {
            heard.extend(who.map(|pid| (pid, text.lines().map(str::to_owned).collect())));
        }
        heard
    }

    fn next(&self) -> io::Result<(Option<Process>, String)> {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let message = recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
        let who = control.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(who) => Some(who),
            _ => None,
        });
        let trusted = who.filter(|who| [0, geteuid().as_raw()].contains(&who.uid.as_raw()));
        let pid = trusted.map(|who| who.pid.as_raw_nonzero().get().unsigned_abs());
        Ok((pid, String::from_utf8_lossy(&bytes[..message.bytes]).into_owned()))
    }
}

impl AsFd for Ears {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
