//! Leaving the terminal. The launching process stays until the server serves, so that its exit code means something.

use std::{
    fs::OpenOptions,
    io,
    os::fd::{AsFd, OwnedFd},
    process,
};

use nix::{
    fcntl::OFlag,
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, read, setsid},
};

use crate::os::{self, Forked};

/// Forks; the child returns with the pipe on which it tells that it serves. The parent exits with 0 once told, with 1 if the
/// child ends before.
pub(crate) fn detach() -> io::Result<OwnedFd> {
    let (told, tell) = pipe2(OFlag::O_CLOEXEC)?;
    match os::fork_single_threaded()? {
        Forked::Parent(_) => {
            drop(tell);
            process::exit(wait_for_word(&told));
        }
        Forked::Child => {
            drop(told);
            setsid()?;
            leave_terminal()?;
            Ok(tell)
        }
    }
}

/// Standard input and output go nowhere; so does standard error, because the error log has taken over.
pub(crate) fn leave_terminal() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(null.as_fd())?;
    dup2_stdout(null.as_fd())?;
    dup2_stderr(null.as_fd())?;
    Ok(())
}

fn wait_for_word(told: &OwnedFd) -> i32 {
    let mut word = [0];
    match read(told, &mut word) {
        Ok(1) => 0,
        _ => {
            eprintln!("changeoverd: the server did not start; its error log says why");
            1
        }
    }
}
