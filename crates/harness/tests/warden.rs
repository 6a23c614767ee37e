//! The warden as a process: what it starts, what it reports, and that nothing outlives it. Spoken to over its
//! socket, from outside, as the harness does.

use std::{
    fs,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

struct Warden {
    process: Child,
    socket: Option<OwnedFd>,
    directory: tempfile::TempDir,
}

impl Warden {
    fn start() -> Warden {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).expect("a pair of sockets");
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness-fixture"));
        let process = command.args(["warden", "--socket-fd", "0"]).stdin(theirs).spawn().expect("the warden");
        Warden { process, socket: Some(ours), directory: tempfile::tempdir().expect("a directory") }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn tell(&self, message: &Value) {
        let socket = self.socket.as_ref().expect("open");
        send(socket, message.to_string().as_bytes(), SendFlags::NOSIGNAL).expect("send");
    }

    fn hear(&self) -> Value {
        let mut buffer = [0u8; 65536];
        let socket = self.socket.as_ref().expect("open");
        let (length, _) = recv(socket, buffer.as_mut_slice(), RecvFlags::empty()).expect("a report");
        serde_json::from_slice(&buffer[..length]).expect("a report is JSON")
    }

    /// Starts a shell script; the warden's answer.
    fn shell(&self, script: &str) -> Value {
        let argv = ["/bin/sh", "-c", script];
        let output = self.path().join("out");
        let environment = [["PATH", "/usr/bin:/bin"], ["GREETING", "hello"]];
        let spawn =
            json!({ "argv": argv, "environment": environment, "directory": self.path(), "output": output });
        self.tell(&json!({ "spawn": spawn }));
        self.hear()
    }

    /// Has everything killed; the answer, whatever else is told before it.
    fn sweep(&self) -> Value {
        self.tell(&json!("sweep"));
        std::iter::repeat_with(|| self.hear()).find(|report| report.get("swept").is_some()).expect("endless")
    }

    /// The pid that a script wrote into this file.
    fn pid_in(&self, file: &str) -> u32 {
        let path = self.path().join(file);
        wait_until(&format!("{file} holds a pid"), || fs::read_to_string(&path).ok()?.trim().parse().ok())
    }

    /// As if the harness had died: the kernel closes its end.
    fn harness_dies(&mut self) {
        drop(self.socket.take());
        wait_until("the warden leaves", || self.process.try_wait().expect("wait"));
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        drop(self.socket.take());
        self.process.wait().ok();
    }
}

fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        std::thread::yield_now();
    }
}

fn lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn pid_of(started: &Value) -> u32 {
    started["started"]["pid"].as_u64().unwrap_or_else(|| panic!("not started: {started}")) as u32
}

#[test]
fn an_end_is_reported_with_its_status() {
    let warden = Warden::start();
    let pid = pid_of(&warden.shell("exit 7"));
    let ended = warden.hear();
    assert_eq!(ended["ended"]["pid"], pid);
    assert_eq!(ended["ended"]["ending"], json!({ "exited": 7 }));
}

#[test]
fn a_child_takes_the_signals_that_the_warden_is_deaf_to() {
    let warden = Warden::start();
    warden.shell("kill -TERM $$");
    assert_eq!(warden.hear()["ended"]["ending"], json!({ "killed": 15 }));
}

#[test]
fn a_child_gets_the_environment_it_was_given_and_nothing_else() {
    let warden = Warden::start();
    warden.shell("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=");
    warden.hear();
    let mut lines: Vec<String> =
        fs::read_to_string(warden.path().join("out")).expect("output").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["GREETING=hello", "PATH=/usr/bin:/bin"]);
}

#[test]
fn what_cannot_be_started_says_why() {
    let warden = Warden::start();
    let spawn = json!({ "argv": ["/no/such/program"], "environment": [], "directory": "/", "output": warden.path().join("out") });
    warden.tell(&json!({ "spawn": spawn }));
    assert_eq!(warden.hear()["not_started"]["why"], "No such file or directory (os error 2)");
}

/// A daemon: its launcher is gone, it has a session of its own.
const DAEMON: &str = "setsid sh -c 'echo $$ > daemon.pid; exec sleep 600' >/dev/null 2>&1 & exit 0";

#[test]
fn a_daemon_dies_when_the_harness_does() {
    let mut warden = Warden::start();
    warden.shell(DAEMON);
    let daemon = warden.pid_in("daemon.pid");
    assert!(lives(daemon));
    warden.harness_dies();
    assert!(!lives(daemon));
}

#[test]
fn a_daemon_is_reaped_with_its_status_by_the_warden() {
    let warden = Warden::start();
    warden.shell("setsid sh -c 'echo $$ > daemon.pid; read line < go; exit 9' & exit 0");
    assert_eq!(warden.hear()["ended"]["ending"], json!({ "exited": 0 }));
    let daemon = warden.pid_in("daemon.pid");
    // The redirection fails (there is no such file), so the daemon exits by itself.
    let ended = warden.hear();
    assert_eq!(ended["ended"]["pid"], daemon);
}

#[test]
fn a_stopped_process_is_swept_and_told() {
    let warden = Warden::start();
    let pid = pid_of(&warden.shell("kill -STOP $$; exit 3"));
    wait_until("it is stopped", || (state(pid) == Some('T')).then_some(()));
    let swept = warden.sweep();
    assert_eq!(swept["swept"]["killed"][0]["pid"], pid, "{swept}");
    assert_eq!(swept["swept"]["killed"][0]["title"], "/bin/sh -c kill -STOP $$; exit 3");
    assert!(!lives(pid));
}

#[test]
fn a_process_that_keeps_forking_is_swept_with_all_it_forked() {
    let mut warden = Warden::start();
    warden.shell("echo $$ > parent.pid; while :; do sleep 600 & echo $! > child.pid; done");
    let (parent, child) = (warden.pid_in("parent.pid"), warden.pid_in("child.pid"));
    warden.harness_dies();
    assert!(!lives(parent) && !lives(child));
    // Empty when the shell was killed between opening the file and writing to it.
    let last = fs::read_to_string(warden.path().join("child.pid")).expect("it was there");
    assert!(last.trim().parse().map_or(true, |pid| !lives(pid)), "{last}");
}

#[test]
fn a_program_it_copied_can_be_executed_at_once() {
    let warden = Warden::start();
    let copy = warden.path().join("sh");
    warden.tell(&json!({ "copy": { "from": "/bin/sh", "to": copy } }));
    assert_eq!(warden.hear(), json!("copied"));
    warden.shell("exec ./sh -c 'exit 4'");
    assert_eq!(warden.hear()["ended"]["ending"], json!({ "exited": 4 }));
    warden.tell(&json!({ "copy": { "from": "/no/such/program", "to": copy } }));
    assert_eq!(warden.hear()["not_copied"]["why"], "No such file or directory (os error 2)");
}

#[test]
fn nothing_to_sweep_is_nothing_killed() {
    let warden = Warden::start();
    warden.shell("exit 0");
    warden.hear();
    assert_eq!(warden.sweep(), json!({ "swept": { "killed": [] } }));
}

#[test]
fn the_terminals_signals_do_not_reach_it() {
    let warden = Warden::start();
    // Started: it has answered once, so its signals are blocked.
    warden.sweep();
    let pid = nix::unistd::Pid::from_raw(warden.process.id() as i32);
    for signal in [nix::sys::signal::SIGINT, nix::sys::signal::SIGTERM, nix::sys::signal::SIGHUP] {
        nix::sys::signal::kill(pid, signal).expect("it lives");
    }
    assert_eq!(warden.sweep(), json!({ "swept": { "killed": [] } }));
}
