//! The children of this process.

use std::{fs, process};

use protocol::supervisor::Process;

/// How the title of a worker begins.
const WORKER: &str = "changeoverd: worker process";

/// All of them, those included that have ended and were not reaped; `None` if nobody can tell.
pub(super) fn children() -> Option<Vec<Process>> {
    let own = process::id();
    let listed = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
    Some(listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// Whether a process says that it is a worker; one that was forked this moment does not say so yet.
pub(super) fn is_worker(pid: Process) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|title| title.starts_with(WORKER.as_bytes()))
}
