//! Leaving the terminal. The launching process stays until the server serves, so that its exit code means something.

use std::{
    fs::OpenOptions,
    io,
    os::fd::{AsFd, OwnedFd},
    process,
};

use conf::{Destination, ErrorLog};
use nix::{
    fcntl::OFlag,
    unistd::{dup2_stdin, dup2_stdout, pipe2, read, setsid},
};

use crate::{
    log::Log,
    os::{self, Forked},
};

/// Forks; the child returns with the pipe on which it tells that it serves. The parent exits with 0 once told, with 1 if the
/// child ends before.
pub(crate) fn detach(log: &Log, logs: &[ErrorLog]) -> io::Result<OwnedFd> {
    let (told, tell) = pipe2(OFlag::O_CLOEXEC)?;
    match os::fork_single_threaded()? {
        Forked::Parent(_) => {
            drop(tell);
            process::exit(wait_for_word(&told, logs));
        }
        Forked::Child => {
            drop(told);
            setsid()?;
            leave_terminal(log)?;
            Ok(tell)
        }
    }
}

/// Standard input and output go nowhere; standard error goes to the log, so that a new generation which cannot even read its
/// configuration is heard.
pub(crate) fn leave_terminal(log: &Log) -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(null.as_fd())?;
    dup2_stdout(null.as_fd())?;
    log.take_stderr()
}

fn log_file(logs: &[ErrorLog]) -> Option<&str> {
    logs.iter().find_map(|log| match &log.destination {
        Destination::File(path) => Some(path.as_str()),
        Destination::Stderr => None,
    })
}

fn wait_for_word(told: &OwnedFd, logs: &[ErrorLog]) -> i32 {
    let mut word = [0];
    match read(told, &mut word) {
        Ok(1) => 0,
        _ => {
            let place = log_file(logs).unwrap_or("the error log");
            eprintln!("changeoverd: the server did not start; {place} says why");
            1
        }
    }
}
