//! One side of the talk about connections, played by the test.

use std::os::fd::BorrowedFd;

use super::super::*;
use crate::{
    control,
    worker::handover::{Item, Message},
};

/// The test's end of a channel.
pub(super) struct Talk(OwnedFd);

/// A name on which the test takes connections in the place of a worker.
pub(super) struct Door(OwnedFd);

impl Door {
    pub(super) fn open(rig: &Rig) -> Door {
        Door(control::open(&format!("{}test", rig.family)).expect("listens"))
    }

    /// Waits for a giver, and says that it accepts.
    pub(super) fn answer(&self) -> Talk {
        wait_readable(&self.0);
        let talk = Talk(control::admit(&self.0).expect("a giver"));
        talk.say(&Message::Ready { generation: 8 }, &[]);
        talk
    }
}

impl Talk {
    /// Calls a worker that accepts, and waits until it says so.
    pub(super) fn with(rig: &Rig) -> Talk {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
        let name = crate::names::listening(&rig.family).pop().expect("a name");
        let flags = SockFlag::SOCK_CLOEXEC;
        let channel = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).expect("a socket");
        let address = UnixAddr::new_abstract(name.as_bytes()).expect("a name");
        connect(std::os::fd::AsRawFd::as_raw_fd(&channel), &address).expect("connects");
        let talk = Talk(channel);
        assert!(matches!(talk.hear(), Some((Message::Ready { generation: 7 }, _))));
        talk
    }

    pub(super) fn say(&self, message: &Message, sockets: &[BorrowedFd]) {
        wire::send(self.0.as_fd(), &message.encode().expect("encodes"), sockets).expect("says");
    }

    pub(super) fn say_bytes(&self, bytes: &[u8]) {
        wire::send(self.0.as_fd(), bytes, &[]).expect("says");
    }

    /// The next word; `None` at the end.
    pub(super) fn hear(&self) -> Option<(Message, Vec<OwnedFd>)> {
        wait_readable(&self.0);
        let mut bytes = vec![0; 1 << 18];
        match wire::receive_bytes(self.0.as_fd(), &mut bytes) {
            Ok((0, _)) => None,
            Ok((length, sockets)) => Some((Message::decode(&bytes[..length]).expect("a word"), sockets)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn hear_offer(&self) -> (Vec<Item>, Vec<OwnedFd>) {
        match self.hear() {
            Some((Message::Offer { items }, sockets)) => (items, sockets),
            other => panic!("an offer expected, got {other:?}"),
        }
    }
}

fn wait_readable(fd: &OwnedFd) {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::try_from(DEADLINE).expect("fits")).expect("polls");
    assert_eq!(ready, 1, "nothing came");
}
