//! `changeoverd -s`: sends a signal to the master that the pid file names.

use std::path::Path;

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    command_line::Order,
    pid_file::{self, PidFileError},
};

/// A signal that could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignalError {
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    #[error("failed to send {signal} to process {pid}, which {} names: {errno}", path.display())]
    Kill { signal: Signal, pid: u32, path: std::path::PathBuf, errno: Errno },
}

/// Sends what was ordered.
pub(crate) fn send(order: Order, path: &Path) -> Result<(), SignalError> {
    let signal = match order {
        Order::Stop => Signal::SIGTERM,
        Order::Quit => Signal::SIGQUIT,
        Order::Reload => Signal::SIGHUP,
        Order::Reopen => Signal::SIGUSR1,
        Order::Upgrade => Signal::SIGUSR2,
    };
    let pid = pid_file::read(path)?;
    let sent = kill(Pid::from_raw(pid.cast_signed()), signal);
    sent.map_err(|errno| SignalError::Kill { signal, pid, path: path.into(), errno })
}
