//! A unix domain socket through upgrades, rollbacks and crashes: its path leads to whoever serves, and to nobody else.

mod daemon;

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
};

use assert_cmd::Command;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use daemon::{DEADLINE, Server, order};

const SOCKET: &str = "server.sock";

/// A server that also listens on a path.
fn start() -> Server {
    let server = Server::start();
    listen(&server, true);
    server.signal(server.master(), Signal::SIGHUP);
    // New workers accept a moment before their configuration is in force.
    server.wait("the reload is over", |s| s.log().contains("configuration 2 is in force"));
    assert_eq!(generation(&server), Some(1));
    server
}

fn listen(server: &Server, on_path: bool) {
    let path = server.path(SOCKET);
    let also = if on_path { format!("listen unix:{};", path.display()) } else { String::new() };
    server.configure_server(&also, "");
}

/// The generation that answers on the path.
fn generation(server: &Server) -> Option<u32> {
    let answer = ask(server)?;
    let line = answer.lines().find(|line| line.starts_with("X-Changeover-Generation"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn ask(server: &Server) -> Option<String> {
    let mut stream = UnixStream::connect(server.path(SOCKET)).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn inode(server: &Server) -> u64 {
    fs::metadata(server.path(SOCKET)).expect("the path is there").ino()
}

#[test]
fn a_path_outlives_the_master_that_made_it() {
    let server = start();
    let made = inode(&server);
    let (old, _) = server.upgrade();
    server.signal(old, Signal::SIGQUIT);
    // `.oldbin` is gone a moment before its master is.
    server.wait("the old master has left", |_| kill(Pid::from_raw(old), None).is_err());
    assert_eq!((generation(&server), inode(&server)), (Some(2), made));
    let (_, newest) = server.upgrade();
    server.signal(newest, Signal::SIGTERM);
    server.wait("rolled back", |s| s.log().contains("rolled back to this one"));
    server.wait("the old generation answers", |s| generation(s) == Some(2));
    assert_eq!(inode(&server), made);
}

#[test]
fn a_path_is_gone_with_its_last_server_or_its_last_directive() {
    let server = start();
    listen(&server, false);
    server.signal(server.master(), Signal::SIGHUP);
    server.wait("no directive, no path", |s| !s.path(SOCKET).exists());
    for how in [Signal::SIGQUIT, Signal::SIGTERM] {
        let server = start();
        server.signal(server.master(), how);
        server.wait("no server, no path", |s| !s.path("server.pid").exists() && !s.path(SOCKET).exists());
    }
}

#[test]
fn a_path_that_the_new_generation_does_without_goes_with_the_old_one() {
    let server = start();
    listen(&server, false);
    let (old, new) = server.upgrade();
    assert!(generation(&server).is_some(), "the old generation may still come back to it");
    server.signal(new, Signal::SIGQUIT);
    server.wait("rolled back", |s| s.log().contains("rolled back to this one"));
    assert_eq!(generation(&server), Some(1));
    let (_, new) = server.upgrade();
    server.signal(old, Signal::SIGQUIT);
    server.wait("no generation, no path", |s| !s.path(SOCKET).exists());
    assert_eq!(server.master(), new);
    // Not that of a generation that has it again.
    listen(&server, true);
    let (old, _) = server.upgrade();
    server.signal(old, Signal::SIGQUIT);
    server.wait("the old master has left", |_| kill(Pid::from_raw(old), None).is_err());
    assert_eq!(generation(&server), Some(4));
}

#[test]
fn a_path_that_a_restart_does_without_goes_with_the_orphans() {
    let server = start();
    listen(&server, false);
    server.signal(server.master(), Signal::SIGKILL);
    Command::cargo_bin("changeoverd")
        .expect("a binary")
        .current_dir(server.directory.path())
        .assert()
        .success();
    server.wait("no generation, no path", |s| !s.path(SOCKET).exists());
}

#[test]
fn the_path_of_a_killed_server_hinders_no_start() {
    let server = start();
    let (_, told, _) = order(&server, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let first = server.master();
    server.signal(first, Signal::SIGKILL);
    assert!(status["masters"][0]["listeners"].to_string().contains("unix:/"), "{status}");
    let mut next = Command::cargo_bin("changeoverd").expect("the binary of this package");
    next.current_dir(server.directory.path()).assert().success();
    server.wait("its workers' socket is taken over", |s| generation(s) == Some(2));
    assert_ne!(server.master(), first);
}

#[test]
fn a_path_that_somebody_listens_on_is_not_taken() {
    let server = start();
    let other = Server::start();
    let text = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    let text = text.replace(&server.address, &other.address);
    fs::write(other.path("nginx.conf"), text).expect("writes");
    other.signal(other.master(), Signal::SIGHUP);
    other.wait("refused", |s| s.log().contains("server.sock: Address already in use"));
    assert_eq!(generation(&server), Some(1));
}
