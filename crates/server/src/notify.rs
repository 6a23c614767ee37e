//! Tells whoever started us how far we are, as systemd's `sd_notify(3)` does: one datagram of lines to the socket that
//! `NOTIFY_SOCKET` names. Under a supervisor of ours it is that which listens (see `supervisor`).

use std::{
    env,
    io::{self, IoSlice},
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
};

use nix::{
    sys::{
        socket::{
            AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, sendto, socket,
        },
        time::TimeValLike,
    },
    time::{ClockId, clock_gettime},
};

/// Names the socket: a path, or `@` and an abstract name.
pub(crate) const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Where to tell; nowhere, if nobody asked.
pub(crate) struct Notifier(Option<(OwnedFd, UnixAddr)>);

impl Notifier {
    /// To the socket that the environment names.
    ///
    /// # Errors
    /// It names one that cannot be: a path too long, or what is neither a path nor an abstract name.
    pub(crate) fn from_environment() -> io::Result<Notifier> {
        let Some(name) = env::var_os(SOCKET_VARIABLE).filter(|name| !name.is_empty()) else {
            return Ok(Notifier(None));
        };
        let address = match name.as_bytes() {
            [b'@', rest @ ..] => UnixAddr::new_abstract(rest)?,
            path @ [b'/', ..] => UnixAddr::new(path)?,
            _ => {
                let why =
                    format!("{SOCKET_VARIABLE} is neither a path nor an abstract name: {}", name.display());
                return Err(io::Error::other(why));
            }
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        Ok(Notifier(Some((socket(AddressFamily::Unix, SockType::Datagram, flags, None)?, address))))
    }

    /// Tells these lines. Whoever does not read does not hold us up.
    pub(crate) fn tell(&self, lines: &[String]) -> io::Result<()> {
        let Some((socket, address)) = &self.0 else { return Ok(()) };
        let text = lines.join("\n");
        sendto(socket.as_raw_fd(), text.as_bytes(), address, MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }

    /// Tells one line, and gives a file with it.
    pub(crate) fn give(&self, line: &str, file: BorrowedFd) -> io::Result<()> {
        let Some((socket, address)) = &self.0 else { return Ok(()) };
        let (text, files) = ([IoSlice::new(line.as_bytes())], [file.as_raw_fd()]);
        let rights = [ControlMessage::ScmRights(&files)];
        sendmsg(socket.as_raw_fd(), &text, &rights, MsgFlags::MSG_NOSIGNAL, Some(address))?;
        Ok(())
    }
}

/// That a reload has begun: `Type=notify-reload` wants to know when, by the clock that never goes back.
pub(crate) fn reloading() -> Vec<String> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |now| now.num_microseconds());
    vec!["RELOADING=1".to_owned(), format!("MONOTONIC_USEC={now}")]
}

/// That a reload is over, whatever became of it.
pub(crate) fn ready() -> Vec<String> {
    vec!["READY=1".to_owned()]
}
