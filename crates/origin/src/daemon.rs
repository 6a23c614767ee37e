//! Going into the background: the process in front starts itself again and returns when that one listens. A second
//! start instead of a bare fork, because it needs no unsafe code.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Read, Write},
    process::{Command, Stdio},
};

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};

use crate::error::Error;

/// What the process in the background says when it listens.
const READY: &[u8] = b"listening\n";

/// In front: starts the one in the background and waits until it listens or has ended.
pub(crate) fn start() -> Result<(), Error> {
    let os = |doing| move |source| Error::Os { doing, source };
    let program = env::current_exe().map_err(os("find its own program"))?;
    let arguments = env::args_os().skip(1).filter(|argument| argument != "--daemon");
    let mut child = Command::new(program)
        .args(arguments)
        .arg("--detached")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(os("start itself in the background"))?;
    let mut said = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        // End of stream without the word: it is dead, and has written why to standard error.
        pipe.read_to_end(&mut said).map_err(os("wait until it listens"))?;
    }
    if said == READY { Ok(()) } else { Err(Error::Daemon) }
}

/// In the background: a session of its own, so that no terminal signals it.
pub(crate) fn detach() -> Result<(), Error> {
    setsid().map(drop).map_err(|errno| Error::Os { doing: "begin a session", source: errno.into() })
}

/// In the background: says that it listens and lets go of all that is not its own.
pub(crate) fn report_ready() -> io::Result<()> {
    io::stdout().write_all(READY)?;
    io::stdout().flush()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    Ok(())
}
