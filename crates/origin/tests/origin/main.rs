//! The origin as a process: what it answers, what it writes down, how it comes and goes.

mod endpoints;
mod faults;
mod process;

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
        self.say(&format!("GET / HTTP/1.1|Host: x|Connection: close|X-Changeover-Id: {id:016x}||"))
    }

    /// All that comes back for `text`, in which `|` is a line end, or why it does not end well.
    fn say(&self, text: &str) -> Result<String, String> {
        let mut stream = self.connect();
        let mut answer = Vec::new();
        let sent = stream.write_all(text.replace('|', "\r\n").as_bytes());
        let end = sent.and_then(|()| stream.read_to_end(&mut answer));
        end.map(|_| String::from_utf8_lossy(&answer).into_owned())
            .map_err(|error| format!("{:?}", error.kind()))
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
