//! Sends a signal to a master.

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A signal that could not be sent.
#[derive(Debug, thiserror::Error)]
#[error("failed to send {signal} to process {pid}: {errno}")]
pub(crate) struct SignalError {
    signal: Signal,
    pid: u32,
    errno: Errno,
}

/// Sends a signal to a process.
pub(crate) fn send(signal: Signal, pid: u32) -> Result<(), SignalError> {
    let sent = kill(Pid::from_raw(pid.cast_signed()), signal);
    sent.map_err(|errno| SignalError { signal, pid, errno })
}
