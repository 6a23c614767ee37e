//! Whom a pid file names: a signal must not reach a process that only has the number of a server.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    control::Master,
    pid_file::{self, PidFileError},
};

/// How the titles of masters begin, ours and nginx's.
const MASTERS: [&str; 2] = ["changeoverd: master process", "nginx: master process"];

/// How long a server is given to say which pid file is its own.
const PATIENCE: Duration = Duration::from_secs(2);

/// A pid file that names nobody who could be given an order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoMaster {
    #[error(transparent)]
    Unnamed(#[from] PidFileError),
    #[error(
        "there is no process {pid}, which the pid file {} names: the server was killed. Its workers may serve on; start it again, and \
         it takes over from them", path.display()
    )]
    Dead { pid: u32, path: PathBuf },
    #[error("process {pid} is no master of a server: it is \"{title}\", and the pid file {} is out of date", path.display())]
    Stranger { pid: u32, title: String, path: PathBuf },
}

/// The master that a pid file names.
pub(crate) fn master(path: &Path) -> Result<u32, NoMaster> {
    let pid = pid_file::read(path)?;
    match title(pid) {
        // Nobody may look: it gets what it is sent.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(pid),
        Ok(title) if MASTERS.iter().any(|master| title.starts_with(master)) => Ok(pid),
        // Another one may lead by now: it was named before this one left.
        _ if pid_file::read(path).is_ok_and(|named| named != pid) => master(path),
        Ok(title) if !title.is_empty() => Err(NoMaster::Stranger { pid, title, path: path.to_owned() }),
        _ => Err(NoMaster::Dead { pid, path: path.to_owned() }),
    }
}

/// The running server whose pid file this is, if there is one.
pub(crate) fn owner(path: &Path) -> Option<u32> {
    let pid = master(path).ok()?;
    let status = Master::call(pid).ok()?.first(Instant::now() + PATIENCE).ok()?;
    (Path::new(&status.pid_file) == path).then_some(pid)
}

/// What a process is called; empty for one that has ended and was not reaped.
fn title(pid: u32) -> io::Result<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline"))?;
    let words: Vec<_> = line.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    let words: Vec<_> =
        words.into_iter().map(|word| String::from_utf8_lossy(word).trim().to_owned()).collect();
    Ok(words.join(" "))
}
