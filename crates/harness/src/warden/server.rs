//! The warden's own loop.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, FromRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use facts::event::Ending;
use nix::{
    errno::Errno,
    sys::{
        prctl,
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
};
use rustix::event::{PollFd, PollFlags, poll};

use super::{
    disk::{self, Disks},
    message::{Report, Request, Spawn, hear, tell},
    sweep,
};

/// As [`serve`], on the descriptor that the harness left open under this number.
#[expect(unsafe_code, reason = "a descriptor named on the command line has to become an OwnedFd somewhere")]
pub fn serve_fd(number: RawFd) -> ExitCode {
    // SAFETY: the caller runs first thing in a fresh process whose parent opened exactly this descriptor for
    // it; nothing else in the process owns or closes it.
    serve(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Spawns, reaps and reports until the socket closes; then kills every descendant and returns. To be called
/// first thing in a process of its own, before any thread is started.
pub fn serve(socket: OwnedFd) -> ExitCode {
    match Server::new(socket).and_then(|mut server| server.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("warden: {error}");
            sweep::everything(|_, _| {});
            ExitCode::FAILURE
        }
    }
}

struct Server {
    socket: OwnedFd,
    children: SignalFd,
    disks: Disks,
}

impl Server {
    fn new(socket: OwnedFd) -> io::Result<Server> {
        // Its own session: Ctrl-C on the terminal is for the harness to decide about.
        rustix::process::setsid().ok();
        prctl::set_child_subreaper(true)?;
        // Blocked, not ignored: an ignored signal would stay ignored in every server we start.
        let mut deaf = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGCHLD] {
            deaf.add(signal);
        }
        deaf.thread_block()?;
        let children = SigSet::from(Signal::SIGCHLD);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let children = SignalFd::with_flags(&children, flags)?;
        Ok(Server { socket: hide(socket)?, children, disks: Disks::default() })
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            let (spoken, child) = self.wait()?;
            if child {
                while self.children.read_signal()?.is_some() {}
                self.reap()?;
            }
            if spoken && !self.obey()? {
                sweep::everything(|_, _| {});
                return Ok(());
            }
        }
    }

    fn wait(&self) -> io::Result<(bool, bool)> {
        let interest = PollFlags::IN;
        let mut fds = [PollFd::new(&self.socket, interest), PollFd::new(&self.children, interest)];
        rustix::io::retry_on_intr(|| poll(&mut fds, None))?;
        Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
    }

    /// Does what the harness asks; false when the harness is gone.
    fn obey(&mut self) -> io::Result<bool> {
        match hear(&self.socket) {
            Ok(Some(Request::Spawn(spawn))) => self.report(&start(&spawn)),
            Ok(Some(Request::Copy { from, to })) => self.report(&copy(&from, &to)),
            Ok(Some(Request::Isolate { directory, bytes })) => {
                let mounted = self.disks.mount(&directory, bytes);
                self.report(&done(mounted))
            }
            Ok(Some(Request::Disk { directory, fault })) => self.report(&done(disk::fail(&directory, fault))),
            Ok(Some(Request::Sweep)) => {
                // What ended by itself is reported as such, not as killed.
                self.reap()?;
                // An end that cannot be told (nobody listens any more) shows in the report after it.
                let killed = sweep::everything(|pid, ending| drop(self.report(&ended(pid, ending))));
                self.report(&Report::Swept { killed })
            }
            // A reset is a close with something unread: the harness is gone either way.
            Ok(None) | Err(_) => Ok(false),
        }
    }

    fn reap(&self) -> io::Result<()> {
        while let Some((pid, ending)) = next_ended()? {
            self.report(&ended(pid, ending))?;
        }
        Ok(())
    }

    /// False when nobody listens any more.
    fn report(&self, report: &Report) -> io::Result<bool> {
        match tell(&self.socket, report) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Moves the socket away from standard input and out of reach of what is started.
fn hide(socket: OwnedFd) -> io::Result<OwnedFd> {
    let hidden = rustix::io::fcntl_dupfd_cloexec(&socket, 3)?;
    drop(socket);
    // Takes the number that became free, for good: nothing opened later may turn into somebody's standard input.
    std::mem::forget(File::open("/dev/null")?);
    Ok(hidden)
}

fn ended(pid: u32, ending: Ending) -> Report {
    Report::Ended { pid, ending, at: ledger::clock::now() }
}

/// The next child that ended, reaped.
pub(super) fn next_ended() -> io::Result<Option<(u32, Ending)>> {
    match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, code)) => Ok(Some((pid.as_raw() as u32, Ending::Exited(code)))),
        Ok(WaitStatus::Signaled(pid, signal, _)) => {
            Ok(Some((pid.as_raw() as u32, Ending::Killed(signal as i32))))
        }
        Ok(_) | Err(Errno::ECHILD) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn done(result: io::Result<()>) -> Report {
    match result {
        Ok(()) => Report::Done,
        Err(error) => Report::NotDone { why: error.to_string() },
    }
}

fn copy(from: &Path, to: &Path) -> Report {
    match fs::copy(from, to) {
        Ok(_) => Report::Copied,
        Err(error) => Report::NotCopied { why: error.to_string() },
    }
}

fn start(spawn: &Spawn) -> Report {
    match spawned(spawn) {
        Ok(pid) => Report::Started { pid },
        Err(error) => Report::NotStarted { why: error.to_string() },
    }
}

/// The handle is dropped on purpose: the warden reaps by `waitpid`, whoever the child is.
fn spawned(spawn: &Spawn) -> io::Result<u32> {
    let output = OpenOptions::new().create(true).append(true).open(&spawn.output)?;
    let Some((program, arguments)) = spawn.argv.split_first() else {
        return Err(io::Error::other("no program"));
    };
    let mut command = Command::new(program);
    listen_to_all_signals(&mut command);
    let child = command
        .args(arguments)
        .env_clear()
        .envs(spawn.environment.iter().cloned())
        .current_dir(&spawn.directory)
        .stdin(Stdio::null())
        .stderr(output.as_fd().try_clone_to_owned()?)
        .stdout(output)
        .process_group(0)
        .spawn()?;
    Ok(child.id())
}

/// The warden is deaf to signals that a server must hear, and a mask is inherited.
#[expect(unsafe_code, reason = "the mask has to be reset between fork and execve")]
fn listen_to_all_signals(command: &mut Command) {
    let reset = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: between fork and execve only async-signal-safe calls are allowed; `reset` makes one, sigprocmask(2),
    // and allocates nothing (a failure is an errno).
    unsafe { command.pre_exec(reset) };
}
