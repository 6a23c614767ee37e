//! `reuseport`: however many workers there are, every queue of the address is looked after, and none is ever closed.

mod daemon;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use daemon::{DEADLINE, Server};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

fn configure(server: &Server, workers: u32, listen: &str) {
    let address = &server.address;
    let text = format!(
        "worker_processes {workers}; pid server.pid; error_log error.log notice; events {{}}\n\
         http {{ server {{ listen {address} {listen}; location / {{ return 200 $pid; }} }} }}"
    );
    fs::write(server.path("nginx.conf"), text).expect("write the configuration");
}

fn start() -> Server {
    Server::start_with(|server| configure(server, 4, "reuseport"))
}

/// How many sockets listen at its address, as proc_net(5) tells.
fn queues(server: &Server) -> usize {
    let port: u16 = server.address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let text = fs::read_to_string("/proc/net/tcp").expect("reads");
    let local = format!(":{port:04X}");
    let listens = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1).is_some_and(|address| address.ends_with(&local)) && fields.get(3) == Some(&"0A")
    };
    text.lines().filter(listens).count()
}

fn workers(master: i32) -> Vec<Pid> {
    let path = format!("/proc/{master}/task/{master}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect()
}

fn ask(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sends");
    stream
}

/// Everybody who has asked gets a whole answer.
fn all_answered(asked: Vec<TcpStream>) {
    for mut stream in asked {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    }
}

#[test]
fn what_waits_in_any_queue_is_answered_by_fewer_and_by_more_workers() {
    let server = start();
    assert_eq!(queues(&server), 4);
    let first = server.master();
    let stopped = workers(first);
    assert_eq!(stopped.len(), 4);
    stopped.iter().for_each(|worker| kill(*worker, Signal::SIGSTOP).expect("stops"));
    let asked: Vec<TcpStream> = (0..40).map(|_| ask(&server)).collect();
    configure(&server, 2, "reuseport");
    let (old, new) = server.upgrade();
    all_answered(asked);
    assert_eq!(workers(new).len(), 2);
    stopped.iter().for_each(|worker| kill(*worker, Signal::SIGCONT).expect("continues"));
    server.signal(old, Signal::SIGQUIT);
    server.wait("the old master is gone", |s| s.pid("server.pid.oldbin").is_none());
    all_answered((0..40).map(|_| ask(&server)).collect());
    configure(&server, 5, "reuseport");
    server.signal(new, Signal::SIGHUP);
    server.wait("five workers serve", |s| {
        s.log().contains("configuration 2 is in force") && workers(new).len() == 5
    });
    all_answered((0..40).map(|_| ask(&server)).collect());
    assert_eq!(queues(&server), 4, "no queue was closed");
}

#[test]
fn a_new_generation_that_is_killed_takes_no_queue_with_it() {
    let server = start();
    let old = server.master();
    configure(&server, 6, "reuseport");
    let (_, new) = server.upgrade();
    // The master of the new generation is a child of the old one, too.
    let stay: Vec<Pid> = workers(old).into_iter().filter(|pid| pid.as_raw() != new).collect();
    let others = [stay.clone(), workers(new)].concat();
    others.iter().for_each(|worker| kill(*worker, Signal::SIGSTOP).expect("stops"));
    let asked: Vec<TcpStream> = (0..40).map(|_| ask(&server)).collect();
    let killed = [vec![Pid::from_raw(new)], workers(new)].concat();
    // Who lost his master may be ended by the other one first.
    let is_gone = |killed| matches!(killed, Ok(()) | Err(Errno::ESRCH));
    assert!(killed.iter().all(|pid| is_gone(kill(*pid, Signal::SIGKILL))));
    stay.iter().for_each(|worker| kill(*worker, Signal::SIGCONT).expect("continues"));
    all_answered(asked);
}

#[test]
fn one_worker_that_is_stopped_holds_nobody_up() {
    let server = start();
    let stopped = workers(server.master())[0];
    kill(stopped, Signal::SIGSTOP).expect("stops");
    all_answered((0..40).map(|_| ask(&server)).collect());
    kill(stopped, Signal::SIGCONT).expect("continues");
}

#[test]
fn a_busy_port_is_not_shared_with_a_stranger() {
    let server = start();
    let text = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    fs::write(server.path("other.conf"), text.replace("server.pid", "other.pid")).expect("writes");
    let mut command = assert_cmd::Command::cargo_bin("changeoverd").expect("the binary of this package");
    let failed = command.current_dir(server.directory.path()).args(["-c", "other.conf"]).assert().failure();
    let said = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(said.contains(&format!("failed to bind {}", server.address)), "{said}");
}

#[test]
fn whoever_does_not_want_several_queues_keeps_those_that_there_are() {
    let server = start();
    configure(&server, 4, "");
    let (_, new) = server.upgrade();
    server.wait("the new generation serves", |_| workers(new).len() == 4);
    assert_eq!(queues(&server), 4);
}
