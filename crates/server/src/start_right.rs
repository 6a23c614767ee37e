//! Who may start a server for a pid file: one at a time. Two that start in the same moment, after the last master was killed, would
//! both take over from the workers it left, and be two servers that know nothing of each other. Whoever starts listens at an
//! abstract name until its server serves; the kernel takes the name back when it ends, however it does.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::{
    addressee,
    names::{self, Claim},
};

/// How long a server may take to come up before another one is told so.
const PATIENCE: Duration = Duration::from_secs(60);

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
        let (pid, line) = match names::claim(&name)? {
            Claim::Ours(right) => return Ok(Some(right)),
            Claim::Strangers => return Ok(None),
            Claim::Theirs(pid, line) => (pid, line),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(NotMine::Starts { path: pid_file.to_owned(), pid });
        }
        // It says nothing: that it is ready, or gone, hangs up.
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        poll(&mut [PollFd::new(line.as_fd(), PollFlags::POLLIN)], timeout)?;
    }
}

impl From<NotMine> for io::Error {
    fn from(error: NotMine) -> io::Error {
        io::Error::other(error)
    }
}
