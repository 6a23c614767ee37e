//! Orders that meet what they are not meant for: another process, another server, a broken configuration.

mod daemon;

use std::{
    fs,
    process::{Child, Command},
};

use daemon::{Server, order};
use nix::sys::signal::Signal;

/// Ended when dropped.
struct Stranger(Child);

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stranger() -> Stranger {
    Stranger(Command::new("sleep").arg("60").spawn().expect("sleeps"))
}

#[test]
fn a_process_that_is_no_master_gets_no_signal() {
    let server = Server::prepare("");
    let mut stranger = stranger();
    let pid = stranger.0.id();
    fs::write(server.path("server.pid"), format!("{pid}\n")).expect("writes");
    for asked in ["reload", "reopen", "quit", "stop", "status", "upgrade", "rollback"] {
        let (code, _, said) = order(&server, &[asked]);
        assert_eq!(code, Some(1), "{asked}: {said}");
        let told = format!("process {pid} is no master of a server: it is \"sleep 60\"");
        assert!(said.contains(&told) && said.contains("server.pid"), "{asked}: {said}");
    }
    assert!(stranger.0.try_wait().expect("our child").is_none(), "it sleeps on");
    drop(stranger);
    let (code, _, said) = order(&server, &["reload"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("there is no process {pid}")), "{said}");
    fs::remove_file(server.path("server.pid")).expect("removes");
}

#[test]
fn a_worker_gets_no_signal_that_is_meant_for_its_master() {
    let server = Server::start();
    let master = server.master();
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).expect("a master");
    let worker = children.split_whitespace().next().expect("a worker");
    fs::write(server.path("server.pid"), worker).expect("writes");
    let (code, _, said) = order(&server, &["stop"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("it is \"changeoverd: worker process\""), "{said}");
    fs::write(server.path("server.pid"), master.to_string()).expect("writes");
    assert_eq!(server.generation(), Some(1));
}

#[test]
fn a_second_server_does_not_take_the_pid_file_of_the_first() {
    for daemon in ["on", "off"] {
        let server = Server::start();
        let other = Server::prepare("");
        let configuration = fs::read_to_string(other.path("nginx.conf")).expect("reads");
        let shared = configuration.replace("server.pid", &server.path("server.pid").display().to_string());
        fs::write(other.path("nginx.conf"), format!("daemon {daemon}; {shared}")).expect("writes");
        let started =
            Command::new(env!("CARGO_BIN_EXE_changeoverd")).current_dir(other.directory.path()).output();
        let started = started.expect("runs");
        let said = String::from_utf8_lossy(&started.stderr);
        assert_eq!(started.status.code(), Some(1), "{said}");
        let master = server.master();
        assert!(
            said.contains(&format!("server.pid is that of a server that runs (master process {master})")),
            "{said}"
        );
        assert_eq!((server.generation(), other.generation()), (Some(1), None));
    }
}

#[test]
fn what_could_not_start_is_not_reloaded() {
    let server = Server::start();
    let sound = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    let refused = |to: &str, why: &str| {
        fs::write(server.path("nginx.conf"), sound.replace("error_log error.log", to)).expect("writes");
        let (code, told, said) = order(&server, &["reload"]);
        assert_eq!(code, Some(1), "{to}: {told}{said}");
        assert!(said.contains(why), "{to}: {said}");
        let (_, told, _) = order(&server, &["status", "--json"]);
        assert!(told.contains("\"configuration\": 1,"), "{told}");
    };
    assert!(sound.contains("error_log error.log"), "{sound}");
    refused("error_log nowhere/error.log", "nowhere/error.log");
    if nix::unistd::geteuid().is_root() {
        let both = "user nosuchuser; error_log error.log";
        fs::write(server.path("nginx.conf"), sound.replace("user root;", "")).expect("writes");
        refused(both, "there is no user \"nosuchuser\"");
    }
    assert_eq!(server.generation(), Some(1));
}

#[test]
fn a_broken_configuration_does_not_keep_orders_from_a_server_that_runs() {
    let server = Server::start();
    let sound = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    fs::write(server.path("nginx.conf"), format!("{sound}\nlots 1;\nhttp {{")).expect("writes");
    let (code, told, said) = order(&server, &["status"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(told.contains("generation 1: serving"), "{told}");
    assert!(said.contains("has mistakes") && said.contains("-t"), "{said}");
    let (code, _, said) = order(&server, &["reload"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("unknown directive \"lots\""), "{said}");
    let (code, _, said) = order(&server, &["stop"]);
    assert_eq!(code, Some(0), "{said}");
    server.wait("it ends", |s| s.pid("server.pid").is_none());
}

#[test]
fn a_generation_that_was_told_to_go_has_not_failed() {
    let server = Server::start();
    server.upgrade();
    let (code, _, said) = order(&server, &["rollback"]);
    assert_eq!(code, Some(0), "{said}");
    server.wait("the old generation is alone", |s| {
        s.log().contains("generation 2 is gone: rolled back to this one\n")
    });
    let (_, told, _) = order(&server, &["status"]);
    assert!(!told.contains("failed upgrade"), "{told}");
    let (old, new) = server.upgrade();
    server.signal(old, Signal::SIGWINCH);
    server.wait("the new generation serves alone", |s| (0..8).all(|_| s.generation() == Some(3)));
    server.signal(new, Signal::SIGKILL);
    server.wait("it is gone", |s| s.master() == old);
    server.wait("it is told", |s| order(s, &["status"]).1.contains("failed upgrade"));
}

#[test]
fn of_those_who_start_at_once_after_the_last_master_was_killed_one_takes_over() {
    for _ in 0..3 {
        let server = Server::start();
        let killed = server.master();
        server.signal(killed, Signal::SIGKILL);
        let start = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_changeoverd"));
            command.current_dir(server.directory.path()).stderr(std::process::Stdio::piped()).spawn()
        };
        let started: Vec<Child> = (0..3).map(|_| start().expect("starts")).collect();
        let ended: Vec<_> =
            started.into_iter().map(|child| child.wait_with_output().expect("ends")).collect();
        let said: Vec<String> =
            ended.iter().map(|one| String::from_utf8_lossy(&one.stderr).into_owned()).collect();
        assert_eq!(ended.iter().filter(|one| one.status.success()).count(), 1, "{said:?}");
        let master = server.master();
        assert_ne!(master, killed);
        let why = format!("is that of a server that runs (master process {master})");
        assert_eq!(said.iter().filter(|said| said.contains(&why)).count(), 2, "{said:?}");
        server.wait("one generation is left", |s| s.processes().len() == 3);
    }
}
