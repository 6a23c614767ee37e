//! What a worker does when it is told something, or nobody is left to tell it.

use super::*;

const HELLO: &str = "server { listen LISTEN; location / { return 200 hello; } }";

#[test]
fn nothing_is_accepted_before_the_order() {
    let rig = Rig::prepared(HELLO);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\n");
    // A worker that has accepted nothing has nothing to drain: it leaves at once, and the connection is still queued.
    rig.tell(Command::Drain);
    let listener = rig.listener.try_clone().expect("clones");
    assert_eq!(rig.exit_code(), 0);
    listener.set_nonblocking(false).expect("sets a mode");
    let (mut taken, _) = listener.accept().expect("the connection is still there");
    taken.read_exact(&mut [0; 16]).expect("its request too");
}

#[test]
fn term_int_and_terminate_end_at_once() {
    for end in [Signal::Term, Signal::Int] {
        let rig = Rig::accepting(HELLO);
        let mut client = rig.connect();
        client.get();
        rig.signal(end);
        assert_eq!(rig.exit_code(), 0);
        assert_eq!(client.rest(), "");
    }
    let rig = Rig::accepting(HELLO);
    rig.tell(Command::Terminate);
    assert_eq!(rig.exit_code(), 0);
}

#[test]
fn quit_drains() {
    let rig = Rig::accepting(HELLO);
    let mut client = rig.connect();
    client.get();
    rig.signal(Signal::Quit);
    rig.expect(Report::Draining);
    rig.wait_for_log("gracefully shutting down, 1 connections open");
    assert!(client.get().closes());
    drop(client);
    rig.expect(Report::Drained);
    assert_eq!(rig.exit_code(), 0);
}

#[test]
fn signals_for_masters_are_refused_aloud() {
    let rig = Rig::accepting(HELLO);
    for signal in [Signal::Hup, Signal::Usr2, Signal::Winch] {
        rig.signal(signal);
        rig.wait_for_log(&format!("signal {} ignored by a worker: send it to the master", signal.name()));
    }
    assert_eq!(rig.connect().get().status(), 200);
}

#[test]
fn usr1_and_reopen_reopen_the_log() {
    let rig = Rig::accepting(HELLO);
    let path = log_path(&rig.directory);
    for (turn, order) in [("1", None), ("2", Some(Command::Reopen))] {
        rig.wait_for_log("");
        fs::rename(&path, path.with_extension(turn)).or_else(|_| fs::write(&path, "")).expect("moves");
        match order {
            None => rig.signal(Signal::Usr1),
            Some(command) => rig.tell(command),
        }
        let deadline = Instant::now() + DEADLINE;
        while !path.exists() {
            assert!(Instant::now() < deadline, "the log was not opened again");
            thread::yield_now();
        }
    }
}

#[test]
fn an_orphan_that_never_accepted_leaves() {
    let mut rig = Rig::prepared(HELLO);
    rig.orphan();
    assert_eq!(rig.exit_code(), 0);
}

#[test]
fn an_orphan_that_serves_serves_on_until_quit() {
    let mut rig = Rig::accepting(HELLO);
    let mut client = rig.connect();
    client.get();
    rig.orphan();
    rig.wait_for_log("the master is gone");
    assert_eq!(rig.connect().get().body, "hello");
    rig.signal(Signal::Quit);
    rig.wait_for_log("gracefully shutting down");
    assert!(client.get().closes());
    drop(client);
    assert_eq!(rig.exit_code(), 0);
}

#[test]
fn more_connections_than_allowed_wait_in_the_queue() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("events {{ worker_connections 1; }} http {{ {HELLO} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut first = rig.connect();
    first.get();
    first.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1");
    let mut second = rig.connect();
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    first.send("2");
    assert_eq!(first.answer().body, "hello");
    drop(first);
    assert_eq!(second.answer().body, "hello");
}

#[test]
fn at_the_limit_the_longest_idle_connection_makes_room() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("events {{ worker_connections 3; }} http {{ {HELLO} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let (mut busy, mut older, mut newer) = (rig.connect(), rig.connect(), rig.connect());
    busy.send("GET / HTT");
    newer.get();
    older.get();
    newer.get();
    assert_eq!(rig.connect().get().body, "hello");
    assert_eq!(older.rest(), "", "it was idle for longest");
    assert_eq!(newer.get().body, "hello");
    busy.send("P/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(busy.answer().body, "hello");
}
