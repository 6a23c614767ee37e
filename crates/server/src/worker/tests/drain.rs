//! A worker that leaves finishes everything it has begun.

use super::*;

const HELLO: &str = "server { listen LISTEN; location / { return 200 hello; } }";

#[test]
fn an_idle_connection_gets_its_next_answer_and_with_it_the_news() {
    let rig = Rig::accepting(HELLO);
    let mut client = rig.connect();
    assert!(!client.get().closes());
    rig.drain();
    let last = client.get();
    assert_eq!((last.body.as_str(), last.closes()), ("hello", true));
    assert_eq!(client.rest(), "");
    drop(client);
    rig.expect(Report::Drained);
    assert_eq!(rig.exit_code(), 0);
}

#[test]
fn a_connection_that_has_sent_nothing_is_served() {
    let rig = Rig::accepting(HELLO);
    let mut silent = rig.connect();
    // Connections are accepted in the order they came: when the second is answered, the first is accepted.
    rig.connect().get();
    rig.drain();
    let answer = silent.get();
    assert_eq!((answer.body.as_str(), answer.closes()), ("hello", true));
    drop(silent);
    rig.expect(Report::Drained);
}

#[test]
fn half_a_body_and_half_a_head_are_waited_for() {
    let rig = Rig::accepting(HELLO);
    let (mut body, mut head) = (rig.connect(), rig.connect());
    body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    head.send("GET / HTT");
    rig.connect().get();
    rig.drain();
    body.send("67890");
    head.send("P/1.1\r\nHost: a\r\n\r\n");
    for client in [&mut body, &mut head] {
        let answer = client.answer();
        assert_eq!((answer.body.as_str(), answer.closes()), ("hello", true));
    }
    drop((body, head));
    rig.expect(Report::Drained);
}

#[test]
fn pipelined_requests_are_all_answered_and_only_the_last_answer_says_close() {
    let rig = Rig::accepting(HELLO);
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n12");
    rig.connect().get();
    rig.drain();
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(&format!("3{get}{get}"));
    let closes: Vec<bool> = (0..3).map(|_| client.answer().closes()).collect();
    assert_eq!(closes, [false, false, true]);
    assert_eq!(client.rest(), "");
}

#[test]
fn what_waits_in_the_queue_is_left_to_others() {
    let rig = Rig::accepting(HELLO);
    rig.tell(Command::StopAccepting);
    rig.expect(Report::Stopped);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\n");
    rig.tell(Command::Drain);
    rig.expect(Report::Drained);
    rig.listener.set_nonblocking(false).expect("sets a mode");
    let (mut taken, _) = rig.listener.accept().expect("the connection is still there");
    let mut bytes = [0; 16];
    taken.read_exact(&mut bytes).expect("reads");
    assert_eq!(&bytes, b"GET / HTTP/1.1\r\n");
}

#[test]
fn a_worker_that_drains_holds_no_listener() {
    let rig = Rig::accepting(HELLO);
    let mut idle = rig.connect();
    idle.get();
    let socket = |fd: &str| fs::read_link(format!("/proc/self/fd/{fd}")).ok();
    let own = socket(&std::os::fd::AsRawFd::as_raw_fd(&rig.listener).to_string());
    let held = || {
        let names = fs::read_dir("/proc/self/fd").expect("lists").flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_str().and_then(socket) == own).count()
    };
    assert!(held() > 1);
    rig.drain();
    let deadline = Instant::now() + DEADLINE;
    while held() > 1 {
        assert!(Instant::now() < deadline, "the worker still holds {} of the listener", held() - 1);
        thread::yield_now();
    }
    assert!(idle.get().closes());
}

#[test]
fn a_worker_that_stopped_can_accept_again() {
    let rig = Rig::accepting(HELLO);
    for _ in 0..3 {
        rig.tell(Command::StopAccepting);
        rig.expect(Report::Stopped);
        let mut client = rig.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        rig.tell(Command::Accept);
        rig.expect(Report::Accepting);
        assert_eq!(client.answer().body, "hello");
    }
}

#[test]
fn idle_connections_end_with_keepalive_timeout() {
    let rig = Rig::accepting(&format!("keepalive_timeout 100ms; {HELLO}"));
    let mut client = rig.connect();
    client.get();
    rig.drain();
    assert_eq!(client.rest(), "");
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn worker_shutdown_timeout_ends_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("worker_shutdown_timeout 100ms; events {{ }} http {{ {HELLO} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = rig.connect();
    client.get();
    rig.tell(Command::Drain);
    rig.expect(Report::Drained);
    assert_eq!(client.rest(), "");
    assert_eq!(rig.exit_code(), 0);
}

/// A reset could overtake an answer, and tells the client nothing.
#[test]
fn a_cut_is_no_reset_even_for_a_client_that_is_still_sending() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("worker_shutdown_timeout 100ms; events {{ }} http {{ {HELLO} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n12345");
    rig.connect().get();
    rig.drain();
    rig.wait_for_log("worker_shutdown_timeout is over");
    for _ in 0..5 {
        client.send("67890");
    }
    assert_eq!(client.rest(), "");
    drop(client);
    rig.expect(Report::Drained);
}
