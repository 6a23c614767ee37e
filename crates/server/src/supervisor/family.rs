//! The children of this process.

use std::{fs, io, process};

use protocol::supervisor::Process;

use super::VARIABLE;

/// How the title of a worker begins.
const WORKER: &str = "changeoverd: worker process";

/// How the title of any of our processes begins.
const OURS: &str = "changeoverd: ";

/// All of them, those included that have ended and were not reaped; `None` if nobody can tell.
pub(super) fn children() -> Option<Vec<Process>> {
    let own = process::id();
    let listed = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
    Some(listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// What a child is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kin {
    /// It says that it is a worker.
    Worker,
    /// It belongs to the server, or cannot be told: it is, or may become, a master or a worker.
    Unknown,
    /// It was left to us by somebody else, as anybody is to the first process of a container.
    Stranger,
}

/// One that was forked this moment looks like its parent; one without a title has ended, or is between two programs.
pub(super) fn kin(pid: Process) -> Kin {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if title.starts_with(WORKER.as_bytes()) {
        return Kin::Worker;
    }
    if title.iter().all(|byte| *byte == 0) || title.starts_with(OURS.as_bytes()) {
        return Kin::Unknown;
    }
    match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) if !is_ours(&environment) => Kin::Stranger,
        // Our masters run as we do.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Kin::Stranger,
        _ => Kin::Unknown,
    }
}

/// Whether a program was started with what we, and nobody else, put into the environment of our masters.
fn is_ours(environment: &[u8]) -> bool {
    let own = format!("{VARIABLE}={}", process::id());
    environment.split(|byte| *byte == 0).any(|entry| entry == own.as_bytes())
}
