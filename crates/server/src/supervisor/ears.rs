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

/// What was said at once.
pub(super) struct Said {
    pub(super) who: Process,
    pub(super) lines: Vec<String>,
    /// That came with it.
    pub(super) file: Option<OwnedFd>,
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

    /// Everything that was said. Anybody can write to the name: who is neither root nor the user that
    /// we run as is not listened to.
    pub(super) fn hear(&self) -> Vec<Said> {
        let mut heard = Vec::new();
        while let Ok(said) = self.next() {
            heard.extend(said);
        }
        heard
    }

    fn next(&self) -> io::Result<Option<Said>> {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let message = recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
        let (mut who, mut file) = (None, None);
        for message in control.drain() {
            match message {
                RecvAncillaryMessage::ScmCredentials(credentials) => who = Some(credentials),
                RecvAncillaryMessage::ScmRights(mut files) => file = files.next(),
                _ => {}
            }
        }
        let trusted = who.filter(|who| [0, geteuid().as_raw()].contains(&who.uid.as_raw()));
        let text = String::from_utf8_lossy(&bytes[..message.bytes]).into_owned();
        Ok(trusted.map(|who| Said {
            who: who.pid.as_raw_nonzero().get().unsigned_abs(),
            lines: text.lines().map(str::to_owned).collect(),
            file,
        }))
    }
}

impl AsFd for Ears {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
