//! Pid files: never absent, never empty, never half written, because each change is one rename.

use std::{
    fs,
    io::{self, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// Makes `path` name `pid`.
pub(crate) fn write(path: &Path, pid: u32) -> io::Result<()> {
    let temporary = with_suffix(path, &format!(".{}.tmp", process::id()));
    let written = fs::File::create(&temporary).and_then(|mut file| writeln!(file, "{pid}"));
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        // Nothing to say about a file that may not even exist: the error that matters is returned.
        let _ = fs::remove_file(&temporary);
    }
    renamed
}

/// The kernel's `PID_MAX_LIMIT`: no process ever has a greater number.
const PID_MAX: u32 = 1 << 22;

/// The pid a file names, one that a server can have: to `kill`, numbers below 1 mean whole groups of processes, or all of
/// them.
pub(crate) fn read(path: &Path) -> Result<u32, PidFileError> {
    let text =
        fs::read_to_string(path).map_err(|source| PidFileError::Unreadable { path: path.into(), source })?;
    let pid = text.trim().parse().ok().filter(|pid| (1..=PID_MAX).contains(pid));
    pid.ok_or_else(|| PidFileError::Malformed { path: path.into(), found: text.trim().into() })
}

/// Whether `write` would succeed, found out without touching what stands there.
pub(crate) fn try_write(path: &Path) -> io::Result<()> {
    let temporary = with_suffix(path, &format!(".{}.tmp", process::id()));
    fs::File::create(&temporary).and_then(|_| fs::remove_file(&temporary))
}

/// Removes a file that names one of `pids`, or a process that no longer exists.
pub(crate) fn remove_if_names(path: &Path, pids: &[u32]) -> io::Result<()> {
    match read(path) {
        Ok(pid) if pids.contains(&pid) || is_dead(pid) => fs::remove_file(path),
        _ => Ok(()),
    }
}

/// `path` with `.oldbin` after it, as nginx names it.
pub(crate) fn old_bin(path: &Path) -> PathBuf {
    with_suffix(path, ".oldbin")
}

/// Why a pid could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PidFileError {
    #[error("failed to read the pid file {}: {source}; is the server running with this configuration?", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the pid file {} holds {found:?} instead of the pid of a server, a number from 2 to {PID_MAX}", path.display())]
    Malformed { path: PathBuf, found: String },
}

/// Also one that has ended and is not reaped by its parent: that may take for ever.
fn is_dead(pid: u32) -> bool {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(pidfd) => {
            let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
        }
        Err(errno) => errno == Errno::SRCH,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_names_one_process_and_only_that_one_removes_it() {
        let directory = tempfile::tempdir().expect("tempdir");
        let path = directory.path().join("server.pid");
        let me = process::id();
        write(&path, me).expect("write");
        assert_eq!(read(&path).expect("read"), me);
        remove_if_names(&path, &[me + 1]).expect("not ours");
        assert!(path.exists());
        remove_if_names(&path, &[me]).expect("ours");
        assert_eq!(fs::read_dir(directory.path()).expect("list").count(), 0, "no temporary file stays");
    }

    #[test]
    fn who_has_ended_is_dead_reaped_or_not() {
        let mut child = process::Command::new("true").spawn().expect("runs");
        let pid = child.id();
        while !is_dead(pid) {
            std::thread::yield_now();
        }
        child.wait().expect("our child");
        assert!(is_dead(pid) && !is_dead(process::id()));
    }

    #[test]
    fn nonsense_in_a_pid_file_is_named() {
        let directory = tempfile::tempdir().expect("tempdir");
        let path = directory.path().join("server.pid");
        for nonsense in ["12x", "", "0", "-1", "4194305", "2147483648", "4294967295", "4294967297"] {
            fs::write(&path, format!("{nonsense}\n")).expect("write");
            let error = read(&path).expect_err("nonsense").to_string();
            assert!(error.contains(&format!("server.pid holds \"{nonsense}\"")), "{error}");
            remove_if_names(&path, &[]).expect("nobody's");
            assert!(path.exists(), "{nonsense} names no dead process");
        }
    }
}
