//! A pidfd for every process at its first sight: its end is a fact with an instant, and a signal can never reach
//! a stranger that got the same pid later.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use facts::plan::Signal;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal},
};

/// Open pidfds by pid.
#[derive(Debug, Default)]
pub(crate) struct Handles {
    open: BTreeMap<u32, OwnedFd>,
}

impl Handles {
    pub(crate) fn has(&self, pid: u32) -> bool {
        self.open.contains_key(&pid)
    }

    /// Opens one; an error means the process is gone.
    pub(crate) fn open(&mut self, pid: u32) -> io::Result<()> {
        self.open.insert(pid, handle(pid)?);
        Ok(())
    }

    pub(crate) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.values().map(AsFd::as_fd)
    }

    /// Closes and returns those whose process ended.
    pub(crate) fn take_ended(&mut self) -> Vec<u32> {
        let ended: Vec<u32> =
            self.open.iter().filter(|(_, fd)| has_ended(*fd)).map(|(pid, _)| *pid).collect();
        for pid in &ended {
            self.open.remove(pid);
        }
        ended
    }

    /// Sends one signal; an error says that the process has ended.
    pub(crate) fn signal(&self, pid: u32, signal: Signal) -> io::Result<()> {
        let handle = self.open.get(&pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(pidfd_send_signal(handle, number(signal))?)
    }
}

impl Drop for Handles {
    /// After a run in order there is nobody left. If the warden itself was killed there is nobody but us to end what it had
    /// started.
    fn drop(&mut self) {
        for fd in self.open.values() {
            pidfd_send_signal(fd, rustix::process::Signal::KILL).ok();
        }
    }
}

/// A pidfd.
pub(crate) fn handle(pid: u32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid as i32).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A pidfd is readable from the end of its process on, reaped or not.
pub(crate) fn has_ended(handle: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&handle, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// The signal's number here.
pub(crate) fn number(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as Os;
    match signal {
        Signal::Hup => Os::HUP,
        Signal::Int => Os::INT,
        Signal::Quit => Os::QUIT,
        Signal::Term => Os::TERM,
        Signal::Usr1 => Os::USR1,
        Signal::Usr2 => Os::USR2,
        Signal::Winch => Os::WINCH,
        Signal::Kill => Os::KILL,
        Signal::Stop => Os::STOP,
        Signal::Cont => Os::CONT,
    }
}

/// The signal's name in events: `USR2`.
pub(crate) fn name(signal: Signal) -> String {
    format!("{signal:?}").to_uppercase()
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Command};

    use super::Handles;

    #[test]
    fn what_is_still_followed_when_the_run_is_over_is_ended() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("start sleep");
        let mut handles = Handles::default();
        handles.open(child.id()).expect("it lives");
        drop(handles);
        assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    }
}
