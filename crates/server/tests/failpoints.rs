//! The second program: the instants before and after each effect are in it, are listed, and fail as they are armed; the
//! program that is shipped has nothing of it.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assert_cmd::Command;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/targets/reference/target.toml");
const DEADLINE: Duration = Duration::from_secs(10);

fn binary(name: &str) -> PathBuf {
    PathBuf::from(Command::cargo_bin(name).expect("a binary of this package").get_program())
}

fn listed() -> Vec<String> {
    let mut command = Command::cargo_bin("changeoverd-failpoints").expect("a binary of this package");
    let output = command.arg("--failpoints").output().expect("runs");
    String::from_utf8(output.stdout).expect("names").lines().map(str::to_owned).collect()
}

#[test]
fn the_program_that_is_shipped_has_no_failpoint() {
    let has = |name: &str, word: &str| {
        let bytes = fs::read(binary(name)).expect("reads");
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    for word in ["CHANGEOVER_FAILPOINTS", "--failpoints", "drop-configuration"] {
        assert!(has("changeoverd-failpoints", word), "{word} would be found");
        assert!(!has("changeoverd", word), "{word}");
    }
    let mut command = Command::cargo_bin("changeoverd").expect("a binary of this package");
    command.arg("--failpoints").assert().failure();
}

#[test]
fn every_effect_has_two_instants_and_the_target_of_the_scenarios_names_them_all() {
    let listed = listed();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "no name means two");
    for name in ["master.spawn-successor.before", "master.tell-predecessor-ready.after", "worker.exit.before"]
    {
        assert!(listed.iter().any(|listed| listed == name), "{name}");
    }
    let before = listed.iter().filter(|name| name.ends_with(".before")).count();
    assert_eq!(2 * before, listed.len());
    let text = fs::read_to_string(TARGET).expect("the target");
    let (head, rest) = text.split_once("failpoints = [\n").expect("a list of failpoints");
    let (named, tail) = rest.split_once("]\n").expect("its end");
    let wanted: String = listed.iter().map(|name| format!("  \"{name}\",\n")).collect();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(TARGET, format!("{head}failpoints = [\n{wanted}]\n{tail}")).expect("write the target");
        return;
    }
    assert_eq!(named, wanted, "scenarios/targets/reference/target.toml; UPDATE=1 writes it anew");
}

/// A daemon of the second program in a directory of its own, and what it says at its failpoints.
struct Server {
    directory: TempDir,
    said: UnixDatagram,
}

impl Server {
    fn start() -> Server {
        let directory = TempDir::new().expect("tempdir");
        let free = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = free.local_addr().expect("address");
        drop(free);
        // Whoever fails removes the file that says so: nobody could not.
        let user = if nix::unistd::geteuid().is_root() { "user root;" } else { "" };
        let text = format!(
            "{user} worker_processes 1; pid server.pid; error_log error.log notice; events {{}}\n\
             http {{ server {{ listen {address}; location / {{ return 200 ok; }} }} }}"
        );
        fs::write(directory.path().join("nginx.conf"), text).expect("write the configuration");
        let said = UnixDatagram::bind(directory.path().join("f.sock")).expect("listens");
        said.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        // By a name of its own, so that a test may put something else there.
        let program = directory.path().join("server");
        symlink(env!("CARGO_BIN_EXE_changeoverd-failpoints"), &program).expect("names the program");
        let mut command = Command::new(program);
        let prefix = directory.path().join("f");
        command.current_dir(directory.path()).env("CHANGEOVER_FAILPOINTS", prefix).assert().success();
        Server { directory, said }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// From the next upgrade on.
    fn replace_program(&self, script: &str) {
        fs::write(self.path("draft"), script).expect("write");
        fs::set_permissions(self.path("draft"), Permissions::from_mode(0o755)).expect("make it a program");
        fs::rename(self.path("draft"), self.path("server")).expect("replace the program");
    }

    fn master(&self) -> i32 {
        pid(&self.path("server.pid")).expect("the pid file names somebody")
    }

    fn arm(&self, line: &str) {
        fs::write(self.path("f.draft"), line).expect("write");
        fs::rename(self.path("f.draft"), self.path("f.armed")).expect("arm");
    }

    /// What the next process says that comes to an armed instant.
    fn hear(&self) -> String {
        let mut bytes = [0; 512];
        let length = self.said.recv(&mut bytes).expect("somebody says something in time");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("error.log")).unwrap_or_default()
    }

    fn wait(&self, what: &str, fact: impl Fn() -> bool) {
        let begun = Instant::now();
        while !fact() {
            assert!(begun.elapsed() < DEADLINE, "{what} did not come true; the log:\n{}", self.log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = pid(&self.path("server.pid")) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let begun = Instant::now();
        while self.path("server.pid").exists() && begun.elapsed() < DEADLINE {
            std::thread::yield_now();
        }
    }
}

fn pid(file: &Path) -> Option<i32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[test]
fn a_new_master_dies_where_it_is_told_to_and_says_so_first() {
    let server = Server::start();
    let old = server.master();
    server.arm("1 kill master 2 * write-pid-file.before 1\n");
    kill(Pid::from_raw(old), Signal::SIGUSR2).expect("a live master");
    let said = server.hear();
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!((words[..3].join(" "), words[4]), ("kill master 2".into(), "write-pid-file.before"), "{said}");
    server.wait("it failed", || server.log().contains("the upgrade failed: generation 2 never served"));
    assert_eq!(server.master(), old);
    assert!(!server.path("f.armed").exists(), "it was for one only");
}

#[test]
fn the_n_th_time_and_the_age_of_a_process_are_told_apart() {
    let server = Server::start();
    server.arm("1 note worker * before exit.before 1\n");
    kill(Pid::from_raw(server.master()), Signal::SIGHUP).expect("a live master");
    assert!(server.hear().starts_with("note worker 1 "));
    server.wait("the reload", || server.log().contains("configuration 2 is in force"));
    server.arm("2 exit worker * after start-accepting.after 1\n");
    kill(Pid::from_raw(server.master()), Signal::SIGHUP).expect("a live master");
    assert!(server.hear().starts_with("exit worker 1 "));
    // Instead of a reload: the one that exited belonged to the new configuration.
    server.wait("the end of the reload", || server.log().contains("the old configuration stays"));
    server.arm("3 note master * * say.before 2\n");
    kill(Pid::from_raw(server.master()), Signal::SIGUSR1).expect("a live master");
    assert!(server.hear().ends_with(" say.before"), "a note is of every time");
}

#[test]
fn term_while_a_new_generation_comes_up_leaves_none_of_its_workers() {
    let server = Server::start();
    let old = server.master();
    server.arm("1 stop master 2 * tell-accept.after 1\n");
    kill(Pid::from_raw(old), Signal::SIGUSR2).expect("a live master");
    let said = server.hear();
    let new = said.split(' ').nth(3).expect("a pid");
    let workers = fs::read_to_string(format!("/proc/{new}/task/{new}/children")).expect("a stopped master");
    assert_eq!(workers.split_whitespace().count(), 1, "{said}");
    kill(Pid::from_raw(old), Signal::SIGTERM).expect("a live master");
    // Somebody else may have to reap it.
    let lives = |worker: &str| {
        fs::read_to_string(format!("/proc/{worker}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    };
    server.wait("nobody is left", || !workers.split_whitespace().any(lives));
}

#[test]
fn of_two_masters_that_leave_in_the_same_instant_one_removes_the_pid_file() {
    let server = Server::start();
    let old = server.master();
    kill(Pid::from_raw(old), Signal::SIGUSR2).expect("a live master");
    server
        .wait("the new one is named", || server.master() != old && server.path("server.pid.oldbin").exists());
    let new = server.master();
    server.arm("1 stop master 1 * exit.before 1\n");
    kill(Pid::from_raw(old), Signal::SIGQUIT).expect("a live master");
    assert!(server.hear().starts_with("stop master 1 "));
    // The old one has done all that it had to do: the new one is there.
    kill(Pid::from_raw(new), Signal::SIGQUIT).expect("a live master");
    server.wait("no master is named", || !server.path("server.pid").exists());
    kill(Pid::from_raw(old), Signal::SIGCONT).expect("a stopped master");
    server.wait("the old one has left", || kill(Pid::from_raw(old), None).is_err());
    assert!(!server.path("server.pid").exists());
    assert!(!server.path("server.pid.oldbin").exists());
}

#[test]
fn a_new_master_whose_predecessor_is_dead_corrects_the_pid_file_before_anything_else() {
    let server = Server::start();
    let old = server.master();
    server.replace_program(&format!(
        "#!/bin/sh\nwhile grep -q '^{old} ([^)]*) [^ZX]' /proc/{old}/stat 2>/dev/null; do :; done\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_changeoverd-failpoints")
    ));
    server.arm("1 kill master 1 * spawn-successor.after 1\n");
    kill(Pid::from_raw(old), Signal::SIGUSR2).expect("a live master");
    server.hear();
    server.wait("the new master serves", || server.log().contains("generation 2 is ready"));
    let log = server.log();
    let of_the_new = log.split_once("start new master process").expect("it was started").1;
    let gone = of_the_new.find("generation 1 is gone").expect("its death was noticed");
    assert!(gone < of_the_new.find("start worker process").expect("it has workers"), "{log}");
    assert_ne!(server.master(), old);
}
