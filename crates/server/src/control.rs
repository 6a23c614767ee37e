//! The control socket: an abstract unix socket of each master on which it says what it is, at once and whenever that
//! changes, and takes requests (`shift`). Abstract, so that a full disk cannot take it away and a killed master leaves nothing behind; it is named by the
//! pid namespace and the pid, so the pid file is the way to it. Who may ask is told by the kernel (`SO_PEERCRED`): root, and
//! whoever the master runs as. Both sides look.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, bind, connect, getsockopt, listen,
        recv, send, socket, sockopt::PeerCredentials,
    },
    unistd::geteuid,
};
use rustix::{
    fs::{MemfdFlags, memfd_create},
    net::{SocketFlags, accept_with},
};
use serde::{Deserialize, Serialize};

use crate::{
    shift::{Reply, Request},
    status::Status,
    wire,
};

/// Longest message. What is longer (a status of some hundred servers) comes as a file without a name, and [`IN_FILE`].
const MESSAGE_BYTES: usize = 64 * 1024;

/// The message that a longer one comes with.
const IN_FILE: &[u8] = b"@";

/// Why a master does not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error(
        "failed to ask master process {pid}: {errno} (is it changeoverd, and does it run in this network namespace?)"
    )]
    Unreachable { pid: u32, errno: Errno },
    #[error("master process {pid} does not tell user {user}: only root and the user it runs as may ask")]
    Forbidden { pid: u32, user: u32 },
    #[error("process {found} answers for master process {pid}: not asked any further")]
    Impostor { pid: u32, found: i32 },
    #[error("master process {pid} said nothing within {} s", waited.as_secs())]
    Silent { pid: u32, waited: Duration },
    #[error("master process {pid} ended before it answered")]
    Gone { pid: u32 },
    #[error("master process {pid} does not answer now: {why}")]
    Refused { pid: u32, why: String },
    #[error("process {by} gives orders now (-s rollback): this order ends here")]
    Superseded { by: u32 },
    #[error("master process {pid} takes no requests: it is of an older version")]
    Deaf { pid: u32 },
    #[error("failed to understand master process {pid}: {why}")]
    Nonsense { pid: u32, why: String },
}

/// What a caller is told that is not told the status.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Rebuff {
    /// It may not ask.
    Stranger,
    /// Not now, and why.
    Busy(String),
}

/// A socket that listens under an abstract name.
pub(crate) fn open(name: &str) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    listen(&listener, Backlog::new(16)?)?;
    Ok(listener)
}

/// The next caller that may ask; `None` when there is no other now. One that may not is told so and hung up on.
pub(crate) fn admit(listener: impl AsFd) -> Option<OwnedFd> {
    loop {
        let caller = accept_with(&listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).ok()?;
        let user = getsockopt(&caller, PeerCredentials).map(|credentials| credentials.uid());
        if user.is_ok_and(|user| user == 0 || user == geteuid().as_raw()) {
            return Some(caller);
        }
        rebuff(&caller, &Rebuff::Stranger);
    }
}

/// Tells a caller why it is not told more, before it is hung up on.
pub(crate) fn rebuff(caller: &OwnedFd, why: &Rebuff) {
    // One that has hung up has its reasons.
    let _ = serde_json::to_string(why).map(|message| tell(caller, &message));
}

/// Tells a caller; false when it has hung up or does not read.
pub(crate) fn tell(caller: &OwnedFd, message: &str) -> bool {
    let message = message.as_bytes();
    let told = match message.len() {
        ..=MESSAGE_BYTES => wire::send(caller.as_fd(), message, &[]),
        _ => file_of(message).and_then(|file| wire::send(caller.as_fd(), IN_FILE, &[file.as_fd()])),
    };
    told.is_ok()
}

fn file_of(message: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("message", MemfdFlags::CLOEXEC)?);
    file.write_all(message)?;
    file.rewind()?;
    Ok(file)
}

/// What a caller says, if it says anything; `None` if it has hung up.
pub(crate) fn hear(caller: &OwnedFd) -> Option<Vec<u8>> {
    let mut message = vec![0; MESSAGE_BYTES];
    let length = recv(caller.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT).ok()?;
    message.truncate(length);
    (length > 0).then_some(message)
}

/// A master that is being listened to.
pub(crate) struct Master {
    pub(crate) pid: u32,
    socket: OwnedFd,
}

impl Master {
    /// Calls the master with this pid.
    pub(crate) fn call(pid: u32) -> Result<Master, ControlError> {
        let unreachable = |errno| ControlError::Unreachable { pid, errno };
        let socket = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)
            .map_err(unreachable)?;
        let address = UnixAddr::new_abstract(name(pid).as_bytes()).map_err(unreachable)?;
        connect(socket.as_raw_fd(), &address).map_err(unreachable)?;
        let found = getsockopt(&socket, PeerCredentials).map_err(unreachable)?.pid();
        // Whoever may not ask sees no pid in another namespace: 0 is no impostor.
        if found != 0 && found.unsigned_abs() != pid {
            return Err(ControlError::Impostor { pid, found });
        }
        Ok(Master { pid, socket })
    }

    /// What it says next: at once the first time, later when something has changed. `None` once it has gone.
    pub(crate) fn next(&self, deadline: Instant) -> Result<Option<Status>, ControlError> {
        self.receive(deadline)?.map(|message| self.understand(&message)).transpose()
    }

    /// What it says to a request.
    pub(crate) fn ask(&self, request: &Request, deadline: Instant) -> Result<Reply, ControlError> {
        let pid = self.pid;
        // Whoever may not ask is hung up on before.
        self.first(deadline)?;
        let nonsense = |error: serde_json::Error| ControlError::Nonsense { pid, why: error.to_string() };
        let message = serde_json::to_vec(request).map_err(nonsense)?;
        send(self.socket.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL)
            .map_err(|errno| ControlError::Unreachable { pid, errno })?;
        // News of itself may be on the way.
        while let Some(message) = self.receive(deadline)? {
            if let Ok(reply) = serde_json::from_slice(&message) {
                return Ok(reply);
            }
        }
        Err(ControlError::Deaf { pid })
    }

    /// Waits until it says something, or is gone, or somebody knocks somewhere else; whether that is so.
    pub(crate) fn wait_beside(&self, other: BorrowedFd, deadline: Instant) -> Result<bool, ControlError> {
        let waited = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(waited).unwrap_or(PollTimeout::MAX);
        let mut fds =
            [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN), PollFd::new(other, PollFlags::POLLIN)];
        poll(&mut fds, timeout).map_err(|errno| ControlError::Unreachable { pid: self.pid, errno })?;
        Ok(fds[1].any().unwrap_or(false))
    }

    fn understand(&self, message: &[u8]) -> Result<Status, ControlError> {
        let pid = self.pid;
        serde_json::from_slice(message)
            .map_err(|error| ControlError::Nonsense { pid, why: error.to_string() })
    }

    fn receive(&self, deadline: Instant) -> Result<Option<Vec<u8>>, ControlError> {
        let pid = self.pid;
        let waited = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(waited).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout).map_err(|errno| ControlError::Unreachable { pid, errno })? == 0 {
            return Err(ControlError::Silent { pid, waited });
        }
        let mut message = vec![0; MESSAGE_BYTES];
        match wire::receive_bytes(self.socket.as_fd(), &mut message) {
            Ok((0, _)) => Ok(None),
            Ok((length, files)) => {
                message.truncate(length);
                let Some(file) = files.into_iter().next() else { return Ok(Some(message)) };
                message.clear();
                let read = File::from(file).read_to_end(&mut message);
                read.map_err(|error| ControlError::Nonsense { pid, why: error.to_string() })?;
                Ok(Some(message))
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
                Err(ControlError::Unreachable { pid, errno })
            }
        }
    }

    /// What it says first.
    pub(crate) fn first(&self, deadline: Instant) -> Result<Status, ControlError> {
        let pid = self.pid;
        let message = self.receive(deadline)?.ok_or(ControlError::Gone { pid })?;
        match serde_json::from_slice(&message) {
            Ok(Rebuff::Stranger) => Err(ControlError::Forbidden { pid, user: geteuid().as_raw() }),
            Ok(Rebuff::Busy(why)) => Err(ControlError::Refused { pid, why }),
            Err(_) => self.understand(&message),
        }
    }
}

/// The name of a master's socket. Pids are unique in their namespace only, and masters of several may share a network.
pub(crate) fn name(pid: u32) -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("changeoverd/{}/{pid}", namespace.display())
}

impl From<ControlError> for io::Error {
    fn from(error: ControlError) -> io::Error {
        io::Error::other(error)
    }
}
