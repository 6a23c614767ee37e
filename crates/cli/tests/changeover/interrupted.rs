//! A run that is ended from outside leaves nothing.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::shelf::{QUIET, Shelf};

const PATIENCE: Duration = Duration::from_secs(20);

/// A run that waits for a target which never gets ready.
fn waiting() -> (Shelf, Child) {
    let shelf = Shelf::new(QUIET, "sleep", "['${program}', '60']");
    let mut command = shelf.command(&[]);
    let child = command.stdout(Stdio::piped()).spawn().expect("start changeover");
    until("the target runs", || !running_in(shelf.path()).is_empty());
    (shelf, child)
}

#[test]
fn an_interrupted_run_is_torn_down_and_reported_and_is_130() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (shelf, child) = waiting();
        kill(Pid::from_raw(child.id() as i32), signal).expect("signal changeover");
        let output = child.wait_with_output().expect("wait for changeover");
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(130), "{signal}: {out}");
        assert!(out.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{signal}: {out}");
        assert_eq!(running_in(shelf.path()), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn cases_that_measure_no_time_run_two_at_a_time_and_both_are_torn_down() {
    let shelf = Shelf::new(QUIET, "sleep", "['${program}', '60']");
    let mut command = shelf.command(&["--repeat", "3", "--jobs", "2"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start changeover");
    until("two targets run", || {
        let mut programs = running_in(shelf.path());
        programs.sort();
        programs.dedup();
        programs.len() == 2
    });
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("signal changeover");
    let output = child.wait_with_output().expect("wait for changeover");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{out}{err}");
    assert!(out.ends_with("\n0 passed, 2 failed, 0 skipped\n"), "{out}");
    assert!(err.contains("interrupted: 1 cases were not run"), "{err}");
    assert_eq!(running_in(shelf.path()), Vec::<String>::new());
}

#[test]
fn a_killed_run_leaves_nothing_running() {
    let (shelf, mut child) = waiting();
    child.kill().expect("kill changeover");
    assert_eq!(child.wait().expect("wait for changeover").signal(), Some(9));
    until("nothing runs any more", || running_in(shelf.path()).is_empty());
}

/// The programs that run from below a folder.
fn running_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let programs = processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok());
    programs
        .filter(|program| program.starts_with(folder))
        .map(|program| program.display().to_string())
        .collect()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?}, and still not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
