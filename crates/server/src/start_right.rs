//! Who may start a server for a pid file: one at a time. Two that start in the same moment, after the last master was killed, would
//! both take over from the workers it left, and be two servers that know nothing of each other. Whoever starts listens at an
//! abstract name until its server serves; the kernel takes the name back when it ends, however it does.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials,
    },
    unistd::geteuid,
};

use crate::{addressee, control, names};

/// How long a server may take to come up before another one is told so.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a name that is given back this moment.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// The right; held until it is dropped. Nothing is held if a stranger has the name: he is to keep nobody from anything.
pub(crate) struct StartRight(
    #[expect(dead_code, reason = "held, and given back when it is dropped")] Option<OwnedFd>,
);

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMine {
    #[error(
        "the pid file {} is that of a server that runs (master process {pid}): stop that one, upgrade it with -s upgrade, or give this \
         one a `pid` of its own", path.display()
    )]
    Runs { path: PathBuf, pid: u32 },
    #[error("process {pid} starts a server with the pid file {}, and was not ready in {} s", path.display(), PATIENCE.as_secs())]
    Starts { path: PathBuf, pid: u32 },
    #[error("failed to find out whether another server starts: {0}")]
    Unknown(#[from] Errno),
}

impl StartRight {
    /// Takes it, once nobody else starts; not if a server runs then.
    pub(crate) fn take(pid_file: &Path) -> Result<StartRight, NotMine> {
        let right = wait(pid_file)?;
        match addressee::owner(pid_file) {
            Some(pid) => Err(NotMine::Runs { path: pid_file.to_owned(), pid }),
            None => Ok(StartRight(right)),
        }
    }
}

fn wait(pid_file: &Path) -> Result<Option<OwnedFd>, NotMine> {
    let name = names::family("start", pid_file);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match control::open(&name) {
            Ok(right) => return Ok(Some(right)),
            Err(Errno::EADDRINUSE) => {}
            Err(errno) => return Err(errno.into()),
        }
        match call(&name) {
            Ok(None) => return Ok(None),
            Ok(Some((pid, _))) if Instant::now() > deadline => {
                return Err(NotMine::Starts { path: pid_file.to_owned(), pid });
            }
            // It says nothing: that it is ready, or gone, hangs up.
            Ok(Some((_, line))) => {
                let left = deadline.saturating_duration_since(Instant::now());
                let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
                poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], timeout)?;
            }
            // It has just ended, or is about to listen.
            Err(Errno::ECONNREFUSED | Errno::EAGAIN) => thread::sleep(LOOK_PAUSE),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Whoever listens there; `None` if it is a stranger.
fn call(name: &str) -> Result<Option<(u32, OwnedFd)>, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    let who = getsockopt(&socket, PeerCredentials)?;
    let is_trusted = who.uid() == 0 || who.uid() == geteuid().as_raw();
    Ok(is_trusted.then(|| (who.pid().unsigned_abs(), socket)))
}

impl From<NotMine> for io::Error {
    fn from(error: NotMine) -> io::Error {
        io::Error::other(error)
    }
}
