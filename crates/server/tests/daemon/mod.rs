//! The real program as a daemon in a directory of its own, for tests without load.
#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use assert_cmd::Command;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A daemon in a directory of its own; stopped when dropped.
pub(crate) struct Server {
    pub(crate) directory: TempDir,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_in(TempDir::new().expect("tempdir"), &[])
    }

    /// With these variables in its environment.
    pub(crate) fn start_in(directory: TempDir, environment: &[(&str, PathBuf)]) -> Server {
        Server::begin(directory, environment, |server| server.configure(""))
    }

    /// With the configuration that `configure` writes.
    pub(crate) fn start_with(configure: impl Fn(&Server)) -> Server {
        Server::begin(TempDir::new().expect("tempdir"), &[], configure)
    }

    /// By the program that `prepare` names, once it has written the configuration.
    pub(crate) fn start_as(prepare: impl Fn(&Server) -> PathBuf) -> Server {
        let server = Server::place(TempDir::new().expect("tempdir"));
        let program = prepare(&server);
        Command::new(program).current_dir(server.directory.path()).assert().success();
        server
    }

    fn begin(directory: TempDir, environment: &[(&str, PathBuf)], configure: impl Fn(&Server)) -> Server {
        let server = Server::place(directory);
        configure(&server);
        let mut command = Command::cargo_bin("changeoverd").expect("the binary of this package");
        command.envs(environment.iter().cloned());
        command.current_dir(server.directory.path()).assert().success();
        server
    }

    /// Everything but the process; with `more` in the main context.
    pub(crate) fn prepare(more: &str) -> Server {
        let server = Server::place(TempDir::new().expect("tempdir"));
        server.configure(more);
        server
    }

    fn place(directory: TempDir) -> Server {
        let free = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = free.local_addr().expect("address").to_string();
        drop(free);
        let server = Server { directory, address };
        // Workers of a root master are nobody, and reopen the log by its path.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(server.directory.path(), open).expect("open the directory");
        server
    }

    /// The configuration with `more` in its main context.
    pub(crate) fn configure(&self, more: &str) {
        self.configure_server("", more);
    }

    /// The same, with `inside` in its server.
    pub(crate) fn configure_server(&self, inside: &str, more: &str) {
        let address = &self.address;
        let text = format!(
            "worker_processes 2; pid server.pid; error_log error.log notice; events {{}} {more}\n\
             http {{ server {{ listen {address}; {inside} location / {{ return 200 ok; }} }} }}"
        );
        fs::write(self.path("nginx.conf"), text).expect("write the configuration");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn pid(&self, file: &str) -> Option<i32> {
        fs::read_to_string(self.path(file)).ok()?.trim().parse().ok()
    }

    pub(crate) fn master(&self) -> i32 {
        self.pid("server.pid").expect("the pid file always names somebody")
    }

    pub(crate) fn signal(&self, pid: i32, signal: Signal) {
        kill(Pid::from_raw(pid), signal).expect("signal a live master");
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("error.log")).unwrap_or_default()
    }

    /// The generation that answers a fresh connection.
    pub(crate) fn generation(&self) -> Option<u32> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let request = "GET / HTTP/1.1\r\nHost: x\r\nX-Changeover-Id: 1\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let line = answer.lines().find(|line| line.starts_with("X-Changeover-Generation"))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Waits for a fact; says what it waited for and shows the log if it does not come.
    pub(crate) fn wait(&self, what: &str, fact: impl Fn(&Server) -> bool) {
        let begun = Instant::now();
        while !fact(self) {
            assert!(begun.elapsed() < DEADLINE, "{what} did not come true; the log:\n{}", self.log());
            std::thread::yield_now();
        }
    }

    pub(crate) fn upgrade(&self) -> (i32, i32) {
        let old = self.master();
        self.signal(old, Signal::SIGUSR2);
        self.wait(".oldbin names the old master", |s| s.pid("server.pid.oldbin") == Some(old));
        (old, self.master())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for file in ["server.pid.oldbin", "server.pid"] {
            if let Some(pid) = self.pid(file) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        let begun = Instant::now();
        while self.path("server.pid").exists() && begun.elapsed() < DEADLINE {
            std::thread::yield_now();
        }
        // A test that failed after it had killed the last master leaves workers that nobody would ever tell to leave.
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

impl Server {
    /// Every process that was started in our directory.
    pub(crate) fn processes(&self) -> Vec<Pid> {
        let Ok(own) = self.directory.path().canonicalize() else { return Vec::new() };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let is_own =
            |entry: &fs::DirEntry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == own);
        let pid = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw);
        all.filter(is_own).filter_map(pid).collect()
    }
}

/// Exit code, standard output and standard error of `changeoverd -s ORDER`.
pub(crate) fn order(server: &Server, order: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("changeoverd").expect("the binary of this package");
    let output = command.current_dir(server.directory.path()).arg("-s").args(order).output().expect("runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
