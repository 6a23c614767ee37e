//! Upgrades of the real program and orders to it, as far as a test without load can tell: who serves, what the pid files name, what the log says.

mod daemon;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::{AsRawFd, OwnedFd},
};

use assert_cmd::Command;
use nix::{
    sys::{
        signal::{Signal, kill},
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, socket},
    },
    unistd::Pid,
};

use daemon::{DEADLINE, Server, order};

#[test]
fn usr2_winch_quit_hands_over_and_the_pid_file_names_the_new_master() {
    let server = Server::start();
    let (old, new) = server.upgrade();
    assert_ne!(old, new);
    server.signal(old, Signal::SIGWINCH);
    server.signal(old, Signal::SIGQUIT);
    server.wait(".oldbin is gone", |s| s.pid("server.pid.oldbin").is_none());
    assert_eq!(server.master(), new);
    assert_eq!(server.generation(), Some(2));
}

#[test]
fn a_new_generation_that_cannot_read_its_configuration_says_so_in_the_log_and_changes_nothing() {
    let server = Server::start();
    let old = server.master();
    server.configure("nonsense on;");
    server.signal(old, Signal::SIGUSR2);
    let failed =
        "the upgrade failed: generation 2 never served, and 1 goes on: its master exited with code 1: ";
    server.wait("it failed", |s| s.log().contains(failed));
    assert!(server.log().contains("unknown directive \"nonsense\""), "{}", server.log());
    assert_eq!((server.master(), server.generation()), (old, Some(1)));
}

#[test]
fn usr1_leaves_no_process_with_the_moved_log() {
    let server = Server::start();
    let children = format!("/proc/{0}/task/{0}/children", server.master());
    let children = fs::read_to_string(children).expect("a live master");
    let processes: Vec<i32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    assert_eq!(processes.len(), 2);
    fs::rename(server.path("error.log"), server.path("error.log.1")).expect("move the log");
    server.signal(server.master(), Signal::SIGUSR1);
    server.wait("standard error of all is the new log", |s| {
        let log = fs::canonicalize(s.path("error.log")).ok();
        let stderr = |pid: &i32| fs::read_link(format!("/proc/{pid}/fd/2")).ok();
        log.is_some() && processes.iter().chain([&s.master()]).all(|pid| stderr(pid) == log)
    });
}

#[test]
fn a_refused_reload_says_why_on_one_line_and_changes_nothing() {
    let server = Server::start();
    server.configure("nonsense on;");
    server.signal(server.master(), Signal::SIGHUP);
    server.wait("refused", |s| s.log().contains("the new configuration is refused"));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("nonsense")).expect("the reason");
    assert!(line.contains("nginx.conf:1:") && line.contains("[emerg]"), "{line}");
    assert_eq!(server.generation(), Some(1));
}

#[test]
fn the_old_master_takes_over_when_the_new_one_is_killed_after_winch() {
    let server = Server::start();
    let (old, new) = server.upgrade();
    server.signal(old, Signal::SIGWINCH);
    server.wait("only the new generation answers", |s| s.generation() == Some(2));
    server.signal(new, Signal::SIGKILL);
    server.wait("the pid file names the old master", |s| s.master() == old);
    server.wait("the old generation answers", |s| s.generation() == Some(1));
    // The pid file comes first, and a worker that had not heard of WINCH answers at any time.
    server.wait(".oldbin is gone", |s| s.pid("server.pid.oldbin").is_none());
}

#[test]
fn the_new_master_is_on_its_own_when_the_old_one_is_killed() {
    let server = Server::start();
    let (old, new) = server.upgrade();
    server.signal(old, Signal::SIGKILL);
    server.wait(".oldbin is gone", |s| s.pid("server.pid.oldbin").is_none());
    server.wait("its workers have left", |s| (0..16).all(|_| s.generation() == Some(2)));
    assert_eq!(server.master(), new);
}

#[test]
fn a_master_started_where_two_were_killed_finds_no_stale_name_of_an_old_one() {
    let server = Server::start();
    let (old, new) = server.upgrade();
    [old, new].iter().for_each(|master| server.signal(*master, Signal::SIGKILL));
    server.wait("its workers know", |s| s.log().matches("the master is gone").count() >= 4);
    Command::cargo_bin("changeoverd")
        .expect("the binary of this package")
        .current_dir(server.directory.path())
        .assert()
        .success();
    server.wait("no other master is named", |s| s.pid("server.pid.oldbin").is_none());
    server.wait("it serves alone", |s| (0..16).all(|_| s.generation() == Some(3)));
}

#[test]
fn a_master_started_for_orphans_does_not_take_the_number_of_a_generation_that_was_rolled_back() {
    let server = Server::start();
    let (old, new) = server.upgrade();
    server.signal(new, Signal::SIGKILL);
    server.wait("the rollback", |s| s.log().contains("rolled back to this one"));
    server.signal(old, Signal::SIGKILL);
    server.wait("its workers know", |s| s.log().matches("the master is gone").count() >= 2);
    let mut start = Command::cargo_bin("changeoverd").expect("the binary of this package");
    start.current_dir(server.directory.path()).assert().success();
    server.wait("generation 3 is alone", |s| (0..16).all(|_| s.generation() == Some(3)));
}

#[test]
fn status_tells_who_serves_and_what_was_said_to_each_signal() {
    let server = Server::start();
    server.signal(server.master(), Signal::SIGWINCH);
    server.wait("the log refuses WINCH", |s| s.log().contains("WINCH is refused"));
    let (code, told, _) = order(&server, &["status"]);
    assert_eq!(code, Some(0));
    for word in ["generation 1: serving", "2 wanted", "accepting", "WINCH is refused: no other generation"] {
        assert!(told.contains(word), "no {word:?} in\n{told}");
    }
    let (old, new) = server.upgrade();
    let (_, told, _) = order(&server, &["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let masters = told["masters"].as_array().expect("both masters");
    let pids: Vec<_> = masters.iter().map(|master| master["pid"].as_i64()).collect();
    assert_eq!(pids, [Some(i64::from(old)), Some(i64::from(new))]);
    assert_eq!(
        (&masters[0]["new"]["stage"], &masters[1]["old"]["stage"]),
        (&"ready".into(), &"ready".into())
    );
    server.signal(old, Signal::SIGQUIT);
}

#[test]
fn callers_that_have_hung_up_are_forgotten() {
    let server = Server::start();
    let files = || fs::read_dir(format!("/proc/{}/fd", server.master())).expect("lists").count();
    assert_eq!(order(&server, &["status"]).0, Some(0));
    let before = files();
    for _ in 0..40 {
        assert_eq!(order(&server, &["status"]).0, Some(0));
    }
    server.wait("the master has closed what they left", |_| files() <= before);
}

#[test]
fn one_order_upgrades_and_one_rolls_back() {
    let server = Server::start();
    let first = server.master();
    let (code, told, said) = order(&server, &["upgrade"]);
    assert_eq!(code, Some(0), "{told}{said}");
    assert!(told.contains("generation 2 (master") && told.ends_with("serves\n"), "{told}");
    assert_ne!(server.master(), first);
    assert_eq!((server.generation(), server.pid("server.pid.oldbin")), (Some(2), None));
    let (second, third) = server.upgrade();
    let (code, _, said) = order(&server, &["upgrade"]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("generation 2 (the old master {second}) is still there")), "{said}");
    let (code, told, said) = order(&server, &["rollback"]);
    assert_eq!(code, Some(0), "{told}{said}");
    assert_eq!((server.master(), server.generation()), (second, Some(2)));
    assert!(kill(Pid::from_raw(third), None).is_err(), "the new master is gone");
    let (code, _, said) = order(&server, &["rollback"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("changeoverd: no rollback: generation 2 is alone; to go back"), "{said}");
}

#[test]
fn an_upgrade_that_fails_says_why_and_the_old_generation_serves_on() {
    let server = Server::start();
    let busy = TcpListener::bind("127.0.0.1:0").expect("bind");
    let listen = busy.local_addr().expect("address");
    let text = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    fs::write(server.path("nginx.conf"), text.replace("listen ", &format!("listen {listen}; listen ")))
        .expect("writes");
    let first = server.master();
    let (code, told, said) = order(&server, &["upgrade"]);
    assert_eq!(code, Some(1), "{told}{said}");
    let why = format!(
        "the upgrade failed: generation 2 never served, and 1 goes on: its master exited with code 1: \
         failed to bind {listen}: Address already in use"
    );
    assert!(said.contains(&why), "{said}");
    assert!(said.ends_with("no upgrade; the old generation serves on\n"), "{said}");
    // Whoever asks later is told, too.
    let (_, told, _) = order(&server, &["status"]);
    assert!(told.lines().any(|line| line.contains("failed upgrade") && line.contains(&why)), "{told}");
    let (_, told, _) = order(&server, &["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let failure = &told["masters"][0]["failed_upgrade"];
    assert_eq!(failure["generation"], 2, "{told}");
    assert!(failure["why"].as_str().is_some_and(|told| told.starts_with(&why)), "{told}");
    assert_eq!((server.master(), server.generation()), (first, Some(1)));
}

/// How an upgrade fails, as the last master says it.
fn failure(server: &Server) -> String {
    let (code, told, said) = order(server, &["upgrade"]);
    assert_eq!(code, Some(1), "{told}{said}");
    let line = said.lines().find(|line| line.contains("the upgrade failed"));
    line.unwrap_or_else(|| panic!("it says that it failed: {said}")).to_owned()
}

#[test]
fn an_upgrade_says_why_workers_did_not_come_up_and_how_far_a_late_generation_was() {
    let server = Server::start();
    // Workers open their journals themselves, and there is no such directory.
    server.configure("changeover_journal nowhere/journal;");
    let failed = failure(&server);
    let why = "giving up the start (worker process ";
    assert!(failed.contains(why) && failed.contains("exited with code 2: "), "{failed}");
    // A program that never comes to be a master.
    let server = Server::start_as(|server| {
        server.configure("changeover_ready_timeout 1s;");
        let program = server.path("program");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_changeoverd"), &program).expect("names the program");
        program
    });
    fs::remove_file(server.path("program")).expect("removes");
    let failed = failure(&server);
    assert!(failed.contains("exited with code 127: failed to execute "), "{failed}");
    let script = server.path("program");
    fs::write(&script, "#!/bin/sh\nexec sleep 100\n").expect("writes");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let failed = failure(&server);
    let late = "generation 3 was not ready by its deadline: it is killed; the last it said: nothing";
    assert!(failed.contains(late), "{failed}");
    assert_eq!(server.generation(), Some(1));
}

#[test]
fn a_signal_that_is_not_carried_out_is_told_to_whoever_ordered_it() {
    let server = Server::start();
    let check = |words: &str, code: i32, expected: &str| {
        let (found, told, said) = order(&server, &[words]);
        assert_eq!((found, format!("{told}{said}")), (Some(code), expected.to_owned()), "{words}");
    };
    check("reopen", 0, "");
    check("reload", 0, "changeoverd: configuration 2 is in force\n");
    let (old, new) = server.upgrade();
    server.signal(old, Signal::SIGWINCH);
    server.wait("only the new generation answers", |s| s.generation() == Some(2));
    check("reload", 0, "changeoverd: configuration 2 is in force\n");
    // To the old one by its own pid file.
    let text = fs::read_to_string(server.path("nginx.conf")).expect("reads");
    let right = text.clone();
    fs::write(server.path("nginx.conf"), text.replace("pid server.pid", "pid server.pid.oldbin"))
        .expect("writes");
    check("reload", 0, "changeoverd: generation 1 serves again\n");
    let refused = "HUP is refused: this generation serves already and another one is there; reload that one, or stop it first";
    check("reload", 1, &format!("changeoverd: {refused}\n"));
    fs::write(server.path("nginx.conf"), right).expect("writes");
    check("quit", 0, "");
    server.wait("the old one is alone", |s| s.master() == old && s.pid("server.pid.oldbin").is_none());
    server.wait("the new one is gone", |_| kill(Pid::from_raw(new), None).is_err() || is_zombie(new));
    check("stop", 0, "");
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z"))
}

#[test]
fn a_reload_that_fails_says_why() {
    let server = Server::start();
    let busy = TcpListener::bind("127.0.0.1:0").expect("bind");
    let listen = busy.local_addr().expect("address");
    server.configure_server(&format!("listen {listen};"), "");
    let (code, told, said) = order(&server, &["reload"]);
    assert_eq!(code, Some(1), "{told}{said}");
    assert!(said.contains(&format!("failed to bind {listen}: Address already in use")), "{said}");
    assert!(said.ends_with("the new configuration is refused: the old one stays\n"), "{said}");
    server.configure("changeover_journal nowhere/journal;");
    let (code, told, said) = order(&server, &["reload"]);
    assert_eq!(code, Some(1), "{told}{said}");
    assert!(said.ends_with("did not come up: the old configuration stays\n"), "{said}");
    server.configure("nonsense on;");
    let (code, _, said) = order(&server, &["reload"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nginx.conf:1:"), "{said}");
    assert_eq!(server.generation(), Some(1));
}

#[test]
fn many_may_ask_at_once_and_one_too_many_is_told_so() {
    let server = Server::start();
    let namespace = fs::read_link("/proc/self/ns/pid").expect("a namespace");
    let name = format!("changeoverd/{}/{}", namespace.display(), server.master());
    let call = || {
        let flags = SockFlag::SOCK_CLOEXEC;
        let caller = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).expect("a socket");
        connect(caller.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes()).expect("a name"))
            .expect("calls");
        let mut first = [0; 65536];
        assert!(recv(caller.as_raw_fd(), &mut first, MsgFlags::empty()).expect("answers") > 0);
        caller
    };
    let mut callers: Vec<OwnedFd> = (0..40).map(|_| call()).collect();
    let (code, _, said) = order(&server, &["status"]);
    assert_eq!(code, Some(0), "{said}");
    callers.extend((40..256).map(|_| call()));
    let (code, _, said) = order(&server, &["status"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("does not answer now: 256 others listen to it"), "{said}");
    drop(callers);
    // Another test's child may have a copy of them until it executes its program.
    server.wait("there is room again", |s| order(s, &["status"]).0 == Some(0));
}

#[test]
fn a_rollback_makes_an_upgrade_step_aside_and_a_second_upgrade_is_refused() {
    let server = Server::start_with(|s| s.configure_server("location /slow { changeover_stream; }", ""));
    let first = server.master();
    // Keeps the old generation draining.
    let mut download = TcpStream::connect(&server.address).expect("connects");
    let request = b"GET /slow?bytes=100000&per_second=1000 HTTP/1.1\r\nHost: x\r\n\r\n";
    download.write_all(request).expect("sends");
    let mut begin = [0; 12];
    download.read_exact(&mut begin).expect("begins");
    assert_eq!(&begin, b"HTTP/1.1 200");
    std::thread::scope(|scope| {
        let upgrade = scope.spawn(|| order(&server, &["upgrade"]));
        server.wait("it drains", |s| s.log().contains("signal WINCH received"));
        let (code, _, said) = order(&server, &["upgrade"]);
        assert_eq!(code, Some(1));
        assert!(said.contains("is at an upgrade or a rollback already"), "{said}");
        let (code, told, said) = order(&server, &["rollback"]);
        assert_eq!(code, Some(0), "{told}{said}");
        let (code, told, said) = upgrade.join().expect("no panic");
        assert_eq!(code, Some(1), "{told}{said}");
        assert!(said.contains("gives orders now (-s rollback): this order ends here"), "{said}");
    });
    assert_eq!((server.master(), server.generation()), (first, Some(1)));
}

#[test]
fn upgrades_and_rollbacks_all_at_once_stop_no_server() {
    let server = Server::start();
    std::thread::scope(|scope| {
        for at in 0..10 {
            let what = if at % 2 == 0 { "upgrade" } else { "rollback" };
            let server = &server;
            scope.spawn(move || order(server, &[what]));
        }
    });
    assert!(server.generation().is_some(), "{}", server.log());
    let (code, told, said) = order(&server, &["status"]);
    assert_eq!(code, Some(0), "{told}{said}");
}

#[test]
fn after_a_failed_upgrade_the_new_master_knows_the_number_of_the_old_one() {
    let server = Server::start();
    server.configure("nonsense on;");
    server.signal(server.master(), Signal::SIGUSR2);
    server.wait("it failed", |s| {
        s.log().contains("the upgrade failed: generation 2 never served, and 1 goes on")
    });
    server.configure("");
    let (old, new) = server.upgrade();
    let (_, told, _) = order(&server, &["status", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let latest = &told["masters"][1];
    assert_eq!((&latest["pid"], &latest["generation"]), (&new.into(), &3.into()), "{told}");
    assert_eq!((&latest["old"]["pid"], &latest["old"]["generation"]), (&old.into(), &1.into()), "{told}");
    server.signal(old, Signal::SIGQUIT);
    server.wait("generation 3 says who left", |s| s.log().contains("generation 1 is gone"));
}

#[test]
fn a_server_that_lost_its_last_master_is_taken_over_by_the_next_one() {
    let server = Server::start();
    let first = server.master();
    let mut kept = TcpStream::connect(&server.address).expect("connects");
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sends");
    assert!(kept.read(&mut [0; 1024]).expect("is answered") > 0);
    server.signal(first, Signal::SIGKILL);
    // At once: the workers may not even know.
    let mut start = Command::cargo_bin("changeoverd").expect("the binary of this package");
    start.current_dir(server.directory.path()).assert().success();
    server
        .wait("the pid file names the next master", |s| s.pid("server.pid").is_some_and(|pid| pid != first));
    server.wait("the old workers drain", |s| s.log().matches("gracefully shutting down").count() == 2);
    assert_eq!(server.generation(), Some(2));
    // An idle client of the old workers goes on with the new ones.
    server.wait("the client has gone over", |s| s.log().contains("1 connections handed over"));
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("sends");
    kept.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
    let (mut answer, mut bytes) = (String::new(), [0; 1024]);
    while !answer.ends_with("\r\n\r\nok") {
        let count = kept.read(&mut bytes).unwrap_or_else(|error| panic!("{error}: {answer}"));
        assert!(count > 0, "closed after {answer:?}; the log:\n{}", server.log());
        answer.push_str(std::str::from_utf8(&bytes[..count]).expect("text"));
    }
    assert!(answer.contains("X-Changeover-Generation: 2\r\n"), "{answer}");
    let (_, told, _) = order(&server, &["status"]);
    assert!(told.starts_with("generation 2: serving"), "{told}");
    server.wait("no worker of the dead master is left", |s| {
        !order(s, &["status"]).1.contains("workers of dead generations")
    });
}

/// A server with a back end behind /held that never answers.
fn start_with_a_back_end() -> (Server, TcpListener) {
    let (server, back_end) = (Server::start(), TcpListener::bind("127.0.0.1:0").expect("bind"));
    let address = back_end.local_addr().expect("address");
    server.configure_server(&format!("location /held {{ proxy_pass http://{address}; }}"), "");
    server.signal(server.master(), Signal::SIGHUP);
    server.wait("the back end is known", |s| s.log().contains("configuration 2 is in force"));
    (server, back_end)
}

/// A request that holds the generation that has it until its client is dropped, and the back end's side of it.
fn hold(server: &Server, back_end: &TcpListener) -> (TcpStream, TcpStream) {
    let mut stream = TcpStream::connect(&server.address).expect("connects");
    let request = "GET /held HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sends");
    (stream, back_end.accept().expect("the server forwards the request").0)
}

/// Three generations: the first two are held by a client each and were told to leave, the third serves.
fn three_generations(server: &Server, back_end: &TcpListener) -> ([i32; 3], [(TcpStream, TcpStream); 2]) {
    let first_client = hold(server, back_end);
    let (first, second) = server.upgrade();
    server.signal(first, Signal::SIGQUIT);
    server.wait("only the second generation answers", |s| (0..16).all(|_| s.generation() == Some(2)));
    let second_client = hold(server, back_end);
    let (also_second, third) = server.upgrade();
    assert_eq!(also_second, second);
    ([first, second, third], [first_client, second_client])
}

#[test]
fn an_upgrade_begins_while_an_older_generation_drains_and_a_fourth_generation_is_refused() {
    let (server, back_end) = start_with_a_back_end();
    let ([first, second, third], [first_client, second_client]) = three_generations(&server, &back_end);
    server.signal(second, Signal::SIGQUIT);
    server.wait("only the third generation answers", |s| (0..16).all(|_| s.generation() == Some(3)));
    let (_, told, _) = order(&server, &["status"]);
    for line in ["generation 1: leaving", "generation 2: leaving", "generation 3: serving", "oldest "] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
    server.signal(third, Signal::SIGUSR2);
    let refused = format!("generation 1 waits for its last connections (master process {first})");
    server.wait("USR2 is refused", |s| s.log().contains(&refused));
    let (code, _, said) = order(&server, &["upgrade"]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("generation 1 (master {first}) waits")), "{said}");
    // The middle one goes first: the oldest is the predecessor of the newest then, and stays away.
    drop(second_client);
    server.wait(".oldbin names the oldest", |s| s.pid("server.pid.oldbin") == Some(first));
    assert_eq!((server.master(), server.generation()), (third, Some(3)));
    let (_, fourth) = server.upgrade();
    assert_eq!(server.pid("server.pid.oldbin"), Some(third));
    drop(first_client);
    server.wait("the oldest has ended", |_| kill(Pid::from_raw(first), None).is_err());
    server.signal(third, Signal::SIGQUIT);
    server.wait("one generation is left", |s| s.pid("server.pid.oldbin").is_none());
    assert_eq!((server.master(), server.generation()), (fourth, Some(4)));
}

#[test]
fn the_newest_is_on_its_own_when_the_middle_one_is_killed_and_the_oldest_when_both_are() {
    let (server, back_end) = start_with_a_back_end();
    let ([first, second, third], _clients) = three_generations(&server, &back_end);
    server.signal(second, Signal::SIGKILL);
    server.wait(".oldbin names the oldest", |s| s.pid("server.pid.oldbin") == Some(first));
    server.wait("its workers have left", |s| (0..16).all(|_| s.generation() == Some(3)));
    assert_eq!(server.master(), third);
    server.signal(third, Signal::SIGKILL);
    server.wait("the oldest serves again", |s| s.pid("server.pid") == Some(first));
    server.wait("nobody else does", |s| (0..16).all(|_| s.generation() == Some(1)));
    server.wait(".oldbin is gone", |s| s.pid("server.pid.oldbin").is_none());
}

#[test]
fn the_oldest_serves_while_the_newest_starts_and_leaves_again_when_that_is_ready() {
    let (server, back_end) = start_with_a_back_end();
    let _client = hold(&server, &back_end);
    let (first, second) = server.upgrade();
    server.signal(first, Signal::SIGQUIT);
    server.wait("only the second generation answers", |s| (0..16).all(|_| s.generation() == Some(2)));
    // Both at once: whatever the new master comes to, the one that started it is gone.
    server.signal(second, Signal::SIGUSR2);
    server.wait("a third master is there", |s| s.log().contains("start new master process"));
    server.wait("and was forked by the second", |s| s.log().matches("start new master process").count() == 2);
    server.signal(second, Signal::SIGKILL);
    server.wait("the third serves, and the first is its predecessor", |s| {
        s.pid("server.pid.oldbin") == Some(first) && ![first, second].contains(&s.master())
    });
    server.wait("nobody else does", |s| (0..16).all(|_| s.generation() == Some(3)));
}

/// What a master wrote down of its turns.
fn turns(directory: &std::path::Path, master: i32) -> String {
    fs::read_to_string(directory.join(format!("turns.{master}.ndjson"))).expect("reads")
}

#[test]
fn every_turn_of_real_masters_is_one_that_the_protocol_takes() {
    use simulator::{Conformance, End, conform};
    let directory = tempfile::TempDir::new().expect("tempdir");
    let prefix = directory.path().join("turns");
    let server =
        Server::start_in(tempfile::TempDir::new().expect("tempdir"), &[("CHANGEOVER_TURNS", prefix)]);
    let (first, second) = server.upgrade();
    server.signal(first, Signal::SIGWINCH);
    server.signal(first, Signal::SIGQUIT);
    server.wait(".oldbin is gone", |s| s.pid("server.pid.oldbin").is_none());
    server.signal(second, Signal::SIGHUP);
    server.wait("the reload is over", |s| s.log().contains("configuration 2 is in force"));
    let (_, third) = server.upgrade();
    server.signal(third, Signal::SIGKILL);
    server.wait("rolled back", |s| s.master() == second && s.pid("server.pid.oldbin").is_none());
    // The third may have come as far as its readiness in four.
    let is_whole = |found| matches!(found, Conformance::Conforms { turns: 4.., .. });
    let ended = turns(directory.path(), first);
    assert!(is_whole(conform(&ended, End::ByItself)), "{:?}", conform(&ended, End::ByItself));
    let killed = turns(directory.path(), third);
    assert!(is_whole(conform(&killed, End::Killed)), "{:?}", conform(&killed, End::Killed));
    assert!(matches!(conform(&killed, End::ByItself), Conformance::Unknown { .. }));
    let alive = turns(directory.path(), second);
    assert!(is_whole(conform(&alive, End::Killed)), "{:?}", conform(&alive, End::Killed));
    let planted = ended.replacen("RemoveOldBin", "WriteOldBin", 1);
    assert!(matches!(conform(&planted, End::ByItself), Conformance::Diverges(_)));
}
