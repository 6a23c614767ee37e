//! The origin as a process: what it answers, what it writes down, how it comes and goes.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use facts::journal::Entry;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// A daemonised origin; killed with its test.
struct Origin {
    address: SocketAddr,
    pid: Pid,
    directory: TempDir,
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn launch(directory: &TempDir, address: SocketAddr, extra: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_origin"))
        .args(["--name", "a", "--listen", &address.to_string(), "--daemon", "--journal"])
        .arg(directory.path().join("journal-a.bin"))
        .arg("--pid-file")
        .arg(directory.path().join("a.pid"))
        .args(extra)
        .output()
        .unwrap()
}

impl Origin {
    fn start(extra: &[&str]) -> Origin {
        let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
        let output = launch(&directory, address, extra);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pid = fs::read_to_string(directory.path().join("a.pid")).unwrap();
        Origin { address, pid: Pid::from_raw(pid.trim().parse().unwrap()), directory }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream
    }

    /// The answer to a request on a connection of its own, or why there is none.
    fn ask(&self, id: u64) -> Result<String, String> {
        let mut stream = self.connect();
        let sent = write!(
            stream,
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Changeover-Id: {id:016x}\r\n\r\n"
        );
        let mut answer = String::new();
        let end = sent.and_then(|()| stream.read_to_string(&mut answer));
        end.map(|_| answer).map_err(|error| format!("{:?}", error.kind()))
    }

    fn journal(&self) -> Vec<Entry> {
        ledger::read_journal(&self.directory.path().join("journal-a.bin")).unwrap()
    }

    fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        // A zombie is dead; its new parent has not taken note yet.
        !stat.is_empty() && !stat.contains(") Z ")
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.path().join("a.pid")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

#[test]
fn it_answers_and_writes_down_what_it_executed() {
    let origin = Origin::start(&[]);
    let answer = origin.ask(0x2a).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    assert!(
        answer.contains("x-changeover-origin: a\r\n") && !answer.contains("x-changeover-pid"),
        "{answer}"
    );
    let journal = origin.journal();
    assert_eq!(journal.len(), 1);
    let Entry { id, started, answered, pid, status, repeats } = journal[0];
    assert_eq!((id, pid as i32, status, repeats), (0x2a, origin.pid.as_raw(), 200, 0));
    assert!(0 < started && started <= answered);
}

#[test]
fn with_echo_it_is_a_target() {
    let origin = Origin::start(&["--echo"]);
    let answer = origin.ask(0x2a).unwrap();
    assert!(answer.contains("x-changeover-id: 000000000000002a\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-changeover-pid: {}\r\n", origin.pid)), "{answer}");
}

#[test]
fn it_ends_in_order_on_each_of_three_signals() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let origin = Origin::start(&[]);
        assert!(origin.is_alive());
        kill(origin.pid, signal).unwrap();
        wait_until("the process ends", || !origin.is_alive());
        assert!(!origin.pid_file().exists(), "{signal}");
        assert!(TcpStream::connect(origin.address).is_err());
    }
}

#[test]
fn an_address_in_use_is_one_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap();
    let output = launch(&directory, address, &[]);
    let error = format!(
        "origin a: listen on {address}: Address already in use (os error 98); choose a free address with --listen\n"
    );
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), error));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn each_third_request_is_reset_and_not_executed() {
    let origin = Origin::start(&["--fault", "reset-every=3"]);
    let answers: Vec<String> = (1..=6).map(|id| origin.ask(id).map_or_else(|e| e, |_| "ok".into())).collect();
    assert_eq!(answers, ["ok", "ok", "ConnectionReset", "ok", "ok", "ConnectionReset"]);
    assert_eq!(origin.journal().iter().map(|e| e.id).collect::<Vec<_>>(), [1, 2, 4, 5]);
}

#[test]
fn each_second_request_is_executed_and_never_answered() {
    let origin = Origin::start(&["--fault", "swallow-every=2"]);
    let answers: Vec<String> = (1..=4).map(|id| origin.ask(id).map_or_else(|e| e, |_| "ok".into())).collect();
    assert_eq!(answers, ["ok", "WouldBlock", "ok", "WouldBlock"]);
    let journal = origin.journal();
    assert_eq!(journal.iter().map(|e| e.answered > 0).collect::<Vec<_>>(), [true, false, true, false]);
}

#[test]
fn a_queue_is_dropped_on_usr2_and_service_goes_on() {
    let origin = Origin::start(&["--fault", "drop-queue-on-usr2"]);
    assert!(origin.ask(1).is_ok());
    kill(origin.pid, Signal::SIGUSR2).unwrap();
    wait_until("a queued connection is reset", || origin.ask(2) == Err("ConnectionReset".into()));
    wait_until("requests are answered again", || origin.ask(3).is_ok());
    assert!(origin.ask(4).is_ok());
}
