//! The harness's end of the warden.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use facts::plan::DiskFault;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::message::{Removed, Report, Request, Spawn, hear, pair, tell};
use crate::Error;

/// How long the warden may take to answer a request, and to leave when it is told to.
const PATIENCE: Duration = Duration::from_secs(15);

/// Room for pid files and a little more.
const SMALL_DISK_BYTES: u64 = 64 * 1024;

/// A running warden. Dropping it ends everything it ever started, and waits until that is done.
#[derive(Debug)]
pub(crate) struct Warden {
    process: Child,
    /// `None` once it was closed to tell the warden to leave.
    socket: Option<OwnedFd>,
    unread: VecDeque<Report>,
}

impl Warden {
    /// Starts `program warden --socket-fd 0`; what it says on its own account goes to `log`.
    pub(crate) fn start(program: &Path, log: &Path) -> Result<Warden, Error> {
        let failed = |source| Error::Warden { program: program.to_owned(), source };
        let (ours, theirs) = pair().map_err(failed)?;
        let log = File::create(log).map_err(failed)?;
        let process = Command::new(program)
            .args(["warden", "--socket-fd", "0"])
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        Ok(Warden { process, socket: Some(ours), unread: VecDeque::new() })
    }

    /// Its process id: the ancestor of everything in the run.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Readable when there is a report.
    pub(crate) fn socket(&self) -> Result<BorrowedFd<'_>, Error> {
        self.socket.as_ref().map(AsFd::as_fd).ok_or(Error::WardenGone)
    }

    /// Starts a process; its pid.
    pub(crate) fn spawn(&mut self, spawn: Spawn) -> Result<u32, Error> {
        let program = spawn.argv.first().cloned().unwrap_or_default();
        self.ask(&Request::Spawn(spawn))?;
        let answer = self.answer(|report| match report {
            Report::Started { pid } => Some(Ok(*pid)),
            Report::NotStarted { why } => Some(Err(why.clone())),
            _ => None,
        })?;
        answer.map_err(|why| Error::Spawn { program, why })
    }

    /// Copies a program so that it can be executed at once.
    pub(crate) fn copy(&mut self, from: &Path, to: &Path) -> Result<(), Error> {
        self.ask(&Request::Copy { from: from.to_owned(), to: to.to_owned() })?;
        let answer = self.answer(|report| match report {
            Report::Copied => Some(Ok(())),
            Report::NotCopied { why } => Some(Err(why.clone())),
            _ => None,
        })?;
        answer.map_err(|why| Error::Program { path: from.to_owned(), to: to.to_owned(), why })
    }

    /// Gives everything that is started from now on a small file system of its own at this directory, which must
    /// exist. Needs root. It lives in a mount namespace of the warden, so nothing of it can outlive the warden.
    pub(crate) fn isolate(&mut self, directory: &Path) -> Result<(), Error> {
        let request = Request::Isolate { directory: directory.to_owned(), bytes: SMALL_DISK_BYTES };
        self.obeyed(&request, "mount a small file system at", directory)
    }

    /// Lets the file system at this directory fail, or no more.
    pub(crate) fn disk(&mut self, directory: &Path, fault: DiskFault) -> Result<(), Error> {
        self.obeyed(
            &Request::Disk { directory: directory.to_owned(), fault },
            "change the file system at",
            directory,
        )
    }

    /// Where a file that only the warden and its descendants see can be reached from here.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn obeyed(&mut self, request: &Request, doing: &'static str, directory: &Path) -> Result<(), Error> {
        self.ask(request)?;
        let answer = self.answer(|report| match report {
            Report::Done => Some(Ok(())),
            Report::NotDone { why } => Some(Err(why.clone())),
            _ => None,
        })?;
        answer.map_err(|why| Error::Disk { doing, directory: directory.to_owned(), why })
    }

    /// Kills everything that is left; what it was.
    pub(crate) fn sweep(&mut self) -> Result<Vec<Removed>, Error> {
        self.ask(&Request::Sweep)?;
        self.answer(|report| match report {
            Report::Swept { killed } => Some(killed.clone()),
            _ => None,
        })
    }

    /// All reports that are there now, without waiting.
    pub(crate) fn reports(&mut self) -> Result<Vec<Report>, Error> {
        while self.is_readable(Duration::ZERO)? {
            let report = self.hear()?;
            self.unread.push_back(report);
        }
        Ok(self.unread.drain(..).collect())
    }

    fn ask(&self, request: &Request) -> Result<(), Error> {
        tell(self.socket()?, request).map_err(|_| Error::WardenGone)
    }

    /// Waits for the report that `wanted` knows; other reports are kept for [`Warden::reports`].
    fn answer<T>(&mut self, wanted: impl Fn(&Report) -> Option<T>) -> Result<T, Error> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_readable(deadline.saturating_duration_since(Instant::now()))? {
            let report = self.hear()?;
            if let Some(answer) = wanted(&report) {
                return Ok(answer);
            }
            self.unread.push_back(report);
        }
        Err(Error::WardenSilent { waited: PATIENCE })
    }

    fn hear(&self) -> Result<Report, Error> {
        hear(self.socket()?).ok().flatten().ok_or(Error::WardenGone)
    }

    fn is_readable(&self, at_most: Duration) -> Result<bool, Error> {
        Ok(readable(self.socket()?, at_most))
    }
}

/// Waits until `fd` can be read, at most this long.
pub(crate) fn readable(fd: impl AsFd, at_most: Duration) -> bool {
    let limit = Timespec { tv_sec: at_most.as_secs() as i64, tv_nsec: i64::from(at_most.subsec_nanos()) };
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut fds, Some(&limit))).is_ok_and(|ready| ready > 0)
}

impl Drop for Warden {
    fn drop(&mut self) {
        drop(self.socket.take());
        // It is never killed: it would leave behind what it is there to end.
        if leaves_within(&self.process, PATIENCE).unwrap_or(true) {
            self.process.wait().ok();
        }
    }
}

fn leaves_within(process: &Child, at_most: Duration) -> io::Result<bool> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    let pid = Pid::from_raw(process.id() as i32).ok_or(io::ErrorKind::InvalidInput)?;
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    Ok(readable(handle, at_most))
}
