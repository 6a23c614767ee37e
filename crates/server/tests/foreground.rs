//! Upgrades of a server that was started in the foreground: as a service manager sees it, and as the first process of a
//! container.

mod daemon;

use std::{
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use daemon::{DEADLINE, Server, order};

/// A server whose supervisor is our child.
struct Foreground {
    supervisor: Child,
    server: Server,
    pids: Pids,
}

/// Whose numbers the pid files hold.
#[derive(PartialEq, Eq)]
enum Pids {
    Ours,
    /// Of another namespace, which ends with its first process: here they are somebody else's.
    Foreign,
}

impl Foreground {
    fn start(environment: &[(&str, &str)]) -> Foreground {
        let server = Server::prepare("daemon off;");
        let mut command = Command::new(env!("CARGO_BIN_EXE_changeoverd"));
        Foreground::run(command.envs(environment.iter().copied()), server, Pids::Ours)
    }

    /// `command`, with what tells it where.
    fn run(command: &mut Command, server: Server, pids: Pids) -> Foreground {
        command.current_dir(server.directory.path()).stdin(Stdio::null());
        let foreground = Foreground { supervisor: command.spawn().expect("it starts"), server, pids };
        foreground
            .server
            .wait("generation 1 answers", |s| s.generation() == Some(1) && s.pid("server.pid").is_some());
        foreground
    }

    fn pid(&self) -> i32 {
        self.supervisor.id().cast_signed()
    }

    fn signal(&self, signal: Signal) {
        // It is our child, not yet waited for: the pid is its own.
        kill(Pid::from_raw(self.pid()), signal).expect("the supervisor lives");
    }

    fn upgrade(&self) -> (i32, i32) {
        let old = self.server.master();
        self.signal(Signal::SIGUSR2);
        self.server.wait(".oldbin names the old master", |s| s.pid("server.pid.oldbin") == Some(old));
        (old, self.server.master())
    }

    fn assert_lives(&mut self) {
        assert!(self.supervisor.try_wait().expect("our child").is_none(), "the supervisor stays");
    }

    fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            match self.supervisor.try_wait().expect("our child") {
                Some(status) => return status,
                None => {
                    assert!(begun.elapsed() < DEADLINE, "it does not end; the log:\n{}", self.server.log())
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // The server itself ends what is left when it is dropped.
        let _ = kill(Pid::from_raw(self.pid()), Signal::SIGKILL);
        let _ = self.supervisor.wait();
        if self.pids == Pids::Foreign {
            ["server.pid", "server.pid.oldbin"]
                .iter()
                .for_each(|file| drop(fs::remove_file(self.server.path(file))));
        }
    }
}

#[test]
fn generations_come_and_go_and_the_process_that_was_started_stays() {
    let mut foreground = Foreground::start(&[]);
    let (old, new) = foreground.upgrade();
    assert!(![old, new].contains(&foreground.pid()));
    foreground.server.signal(old, Signal::SIGWINCH);
    foreground.server.signal(old, Signal::SIGQUIT);
    foreground.server.wait("the old generation has left", |s| s.pid("server.pid.oldbin").is_none());
    foreground.assert_lives();
    assert_eq!(foreground.server.generation(), Some(2));
    // Again, and by one order.
    let (code, told, why) = order(&foreground.server, &["upgrade"]);
    assert_eq!(code, Some(0), "{told}{why}");
    foreground.assert_lives();
    assert_eq!(foreground.server.generation(), Some(3));
    foreground.signal(Signal::SIGQUIT);
    assert_eq!(foreground.end().code(), Some(0));
    assert!(!foreground.server.path("server.pid").exists());
}

#[test]
fn the_old_generation_serves_again_when_the_new_master_is_killed() {
    let mut foreground = Foreground::start(&[]);
    let (old, new) = foreground.upgrade();
    foreground.server.signal(old, Signal::SIGWINCH);
    foreground.server.wait("only the new generation answers", |s| s.generation() == Some(2));
    foreground.server.signal(new, Signal::SIGKILL);
    foreground.server.wait("the old one is named", |s| s.master() == old);
    foreground.server.wait("the old one answers", |s| s.generation() == Some(1));
    foreground.assert_lives();
    // What it passes on goes to the one that leads now.
    foreground.signal(Signal::SIGHUP);
    foreground.server.wait("the old one reloads", |s| s.log().contains("configuration 2"));
    foreground.signal(Signal::SIGTERM);
    assert_eq!(foreground.end().code(), Some(0));
}

#[test]
fn term_in_the_middle_of_an_upgrade_is_meant_for_both_generations() {
    let mut foreground = Foreground::start(&[]);
    foreground.upgrade();
    foreground.signal(Signal::SIGTERM);
    assert_eq!(foreground.end().code(), Some(0));
    assert!(foreground.server.generation().is_none(), "nobody listens");
}

#[test]
fn another_master_comes_when_the_last_one_is_killed() {
    let mut foreground = Foreground::start(&[]);
    let first = foreground.server.master();
    foreground.server.signal(first, Signal::SIGKILL);
    foreground.server.wait("another master is named", |s| s.master() != first);
    foreground.server.wait("it serves alone", |s| (0..16).all(|_| s.generation() == Some(2)));
    foreground.assert_lives();
    foreground.signal(Signal::SIGQUIT);
    assert_eq!(foreground.end().code(), Some(0));
}

#[test]
fn what_was_last_in_force_serves_when_the_last_master_is_killed_and_the_file_is_wrong() {
    let mut foreground = Foreground::start(&[]);
    let first = foreground.server.master();
    fs::write(foreground.server.path("nginx.conf"), "nonsense on;").expect("writes");
    foreground.server.signal(first, Signal::SIGKILL);
    foreground.server.wait("another one serves", |s| (0..16).all(|_| s.generation() == Some(2)));
    let log = foreground.server.log();
    assert!(log.contains("exited with code 1: ") && log.contains("nginx.conf:1:1: error["), "{log}");
    foreground.server.wait("the log says what it serves", |s| s.log().contains("last in force serves again"));
    // Its next generation and its next reload take the file, as ever.
    let (code, told, why) = order(&foreground.server, &["status"]);
    assert_eq!(code, Some(1), "the file is still wrong: {told}{why}");
    foreground.server.configure("daemon off;");
    let (_, new) = foreground.upgrade();
    foreground.signal(Signal::SIGHUP);
    foreground.server.wait("the new one reloads", |s| s.log().contains("configuration 2 is in force"));
    // And what is in force then is what is kept.
    fs::write(foreground.server.path("nginx.conf"), "nonsense on;").expect("writes");
    let old = foreground.server.pid("server.pid.oldbin").expect("the old one");
    [old, new].iter().for_each(|master| foreground.server.signal(*master, Signal::SIGKILL));
    foreground.server.wait("yet another one serves", |s| s.generation() == Some(4));
    foreground.assert_lives();
    foreground.signal(Signal::SIGQUIT);
    assert_eq!(foreground.end().code(), Some(0));
}

#[test]
fn a_file_that_is_right_but_cannot_serve_is_as_good_as_a_wrong_one() {
    let mut foreground = Foreground::start(&[]);
    foreground.server.configure("daemon off; user nobody-there;");
    foreground.server.signal(foreground.server.master(), Signal::SIGKILL);
    foreground.server.wait("what was last in force serves", |s| s.generation() == Some(2));
    foreground.assert_lives();
}

#[test]
fn where_no_master_can_start_the_workers_serve_on_and_it_is_tried_until_it_works() {
    let server = Server::prepare("daemon off;");
    let (program, away) = (server.path("program"), server.path("away"));
    fs::copy(env!("CARGO_BIN_EXE_changeoverd"), &program).expect("copies");
    let mut foreground = Foreground::run(&mut Command::new(&program), server, Pids::Ours);
    fs::rename(&program, &away).expect("renames");
    foreground.server.signal(foreground.server.master(), Signal::SIGKILL);
    let pauses = |s: &Server| s.log().matches("exited with code 127 instead: another one starts in").count();
    foreground.server.wait("it pauses a second time", |s| pauses(s) == 2);
    assert_eq!(foreground.server.generation(), Some(1));
    fs::rename(&away, &program).expect("renames");
    foreground.signal(Signal::SIGHUP);
    foreground.server.wait("another one serves", |s| s.generation() == Some(2));
    foreground.assert_lives();
    foreground.signal(Signal::SIGQUIT);
    assert_eq!(foreground.end().code(), Some(0));
}

#[test]
fn a_replacement_that_is_killed_is_replaced_after_a_pause() {
    let mut foreground = Foreground::start(&[]);
    let master = foreground.server.master();
    let starting = || children(foreground.pid()).into_iter().find(|pid| is_starting(*pid));
    foreground.server.signal(master, Signal::SIGKILL);
    let begun = Instant::now();
    let replacement = loop {
        match starting() {
            Some(pid) if pid != master => break pid,
            _ => assert!(begun.elapsed() < DEADLINE, "no replacement; the log:\n{}", foreground.server.log()),
        }
    };
    foreground.server.signal(replacement, Signal::SIGKILL);
    foreground.server.wait("another one is named", |s| ![master, replacement].contains(&s.master()));
    foreground.server.wait("it serves alone", |s| (0..16).all(|_| s.generation() != Some(1)));
    foreground.assert_lives();
    foreground.signal(Signal::SIGTERM);
    assert_eq!(foreground.end().code(), Some(0));
}

fn children(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("a live process");
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Neither a worker nor, any more, the master that was killed.
fn is_starting(pid: i32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    !title.is_empty() && !title.starts_with(b"changeoverd: worker")
}

#[test]
fn a_supervisor_that_is_killed_takes_nobody_with_it() {
    let mut foreground = Foreground::start(&[]);
    foreground.signal(Signal::SIGKILL);
    foreground.end();
    assert_eq!(foreground.server.generation(), Some(1));
    let (old, new) = foreground.server.upgrade();
    assert_ne!(old, new);
    assert_eq!(order(&foreground.server, &["stop"]).0, Some(0));
    foreground.server.wait("the old generation is left", |s| s.pid("server.pid") == Some(old));
}

#[test]
fn what_cannot_start_ends_with_its_code() {
    let server = Server::prepare("daemon off;");
    let _busy = TcpListener::bind(&server.address).expect("binds");
    let ended = Command::new(env!("CARGO_BIN_EXE_changeoverd")).current_dir(server.directory.path()).output();
    let ended = ended.expect("runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1));
    assert!(said.contains(&format!("failed to bind {}", server.address)), "{said}");
}

/// Everything that was told until a line comes, datagram by datagram.
fn told(socket: &UnixDatagram, until: &str) -> Vec<String> {
    socket.set_read_timeout(Some(DEADLINE)).expect("sets");
    let mut all = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap_or_else(|why| panic!("no {until}: {why}; {all:?}"));
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let found = text.lines().any(|line| line == until);
        all.push(text);
        if found {
            return all;
        }
    }
}

fn at_path(directory: &Path) -> (UnixDatagram, String) {
    let path = directory.join("notify");
    (UnixDatagram::bind(&path).expect("binds"), path.display().to_string())
}

fn at_name() -> (UnixDatagram, String) {
    let name = format!("changeoverd-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).expect("a name");
    (UnixDatagram::bind_addr(&address).expect("binds"), format!("@{name}"))
}

#[test]
fn a_service_manager_hears_when_it_is_ready_reloads_and_stops_and_its_main_process_stays_the_same() {
    let (socket, name) = at_name();
    let mut foreground = Foreground::start(&[("NOTIFY_SOCKET", &name)]);
    let main = format!("MAINPID={}", foreground.pid());
    let ready = told(&socket, "READY=1");
    assert!(ready.last().is_some_and(|text| text.lines().any(|line| line == main)), "{ready:?}");
    foreground.signal(Signal::SIGHUP);
    told(&socket, "RELOADING=1");
    told(&socket, "READY=1");
    foreground.upgrade();
    let upgraded = told(&socket, "READY=1");
    assert!(upgraded.last().is_some_and(|text| text.contains("STATUS=generation 2 serves")), "{upgraded:?}");
    assert!(upgraded.last().is_some_and(|text| text.lines().any(|line| line == main)), "{upgraded:?}");
    foreground.signal(Signal::SIGQUIT);
    told(&socket, "STOPPING=1");
    assert_eq!(foreground.end().code(), Some(0));
}

#[test]
fn of_a_daemon_it_hears_of_each_change_of_the_main_process() {
    let server = Server::prepare("");
    let (socket, path) = at_path(server.directory.path());
    let started = Command::new(env!("CARGO_BIN_EXE_changeoverd"))
        .current_dir(server.directory.path())
        .env("NOTIFY_SOCKET", path)
        .status();
    assert!(started.expect("runs").success());
    told(&socket, &format!("MAINPID={}", server.master()));
    let (old, new) = server.upgrade();
    told(&socket, &format!("MAINPID={new}"));
    server.signal(new, Signal::SIGKILL);
    told(&socket, &format!("MAINPID={old}"));
}

/// The first process of a pid namespace of its own.
#[test]
fn as_the_first_process_of_a_container_it_upgrades_and_reaps() {
    let server = Server::prepare("daemon off;");
    let mut command = Command::new("unshare");
    // Who is not root needs a user namespace, too.
    let is_root = nix::unistd::geteuid().is_root();
    let (own_user, same_user): (&[&str], &[&str]) = if is_root {
        (&[], &[])
    } else {
        (&["--user", "--map-current-user"], &["--user", "--preserve-credentials"])
    };
    command.args(own_user).args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    let mut foreground =
        Foreground::run(command.arg(env!("CARGO_BIN_EXE_changeoverd")), server, Pids::Foreign);
    let init = first_child(foreground.pid());
    let inside = |script: &str| {
        let pid = init.to_string();
        let mut command = Command::new("nsenter");
        command.args(["--target", &pid, "--pid", "--mount"]).args(same_user).args(["sh", "-c", script]);
        let output = command.output().expect("runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_ne!(foreground.server.master(), 1, "the first process is no master");
    // Whoever ends without a parent is reaped: somebody else's child, too.
    inside("sh -c 'sleep 0 & exec true'");
    let directory = foreground.server.directory.path().display();
    inside(&format!("{} -p {directory} -s upgrade", env!("CARGO_BIN_EXE_changeoverd")));
    foreground.server.wait("generation 2 answers", |s| s.generation() == Some(2));
    foreground.server.wait("no zombie is left", |_| !inside("cat /proc/[0-9]*/stat").contains(" Z "));
    // Who has nothing to do with the server, and stays, hinders nobody.
    inside("sh -c 'setsid sleep 1000 < /dev/null > /dev/null 2>&1 & exec true'");
    inside(&format!("kill -KILL $(cat {directory}/server.pid)"));
    foreground.server.wait("generation 3 answers", |s| s.generation() == Some(3));
    inside("kill -QUIT 1");
    assert_eq!(foreground.end().code(), Some(0));
}

fn first_child(pid: i32) -> i32 {
    *children(pid).first().expect("a child")
}
