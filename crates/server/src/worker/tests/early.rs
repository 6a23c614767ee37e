//! Answers that come before the body of their request has ended. The client may send the rest whenever it likes: where it was
//! not told otherwise, its next request is answered too, whoever does it.

use std::sync::mpsc::{Sender, channel};

use super::*;

const BEGINNING: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n0123456789";
const REST: &str = "0123456789012345678901234567890123456789";
const NEXT: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxx";

/// What a peer does once it has answered the head of a request.
#[derive(Clone, Copy)]
enum Then {
    Closes,
    /// Reads no more, and keeps the connection open.
    Waits,
}

/// A peer that waits for no body. Ends with what is returned beside its address.
fn hasty(then: Then, answer: &'static str) -> (SocketAddr, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let (alive, ended) = channel::<()>();
    thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut client = Client { stream: stream.expect("accepts"), read: Vec::new() };
            client.head();
            client.send(answer);
            if matches!(then, Then::Waits) {
                open.push(client);
            }
            if ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected) {
                return;
            }
        }
    });
    (address, alive)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CLOSING: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

fn site(peer: SocketAddr, settings: &str) -> String {
    format!("server {{ listen LISTEN; {settings} location / {{ proxy_pass http://{peer}; }} }}")
}

/// An answer in the middle of its request.
fn early(rig: &Rig) -> Client {
    let mut client = rig.connect();
    client.send(BEGINNING);
    assert_eq!(told(&client.answer()), ("ok", false));
    client
}

/// What a client gets, and whether it was told that this is the end.
fn told(answer: &Answer) -> (&str, bool) {
    (&answer.body, answer.closes())
}

fn generation(answer: &Answer) -> &str {
    answer.header("x-changeover-generation").expect("a generation")
}

#[test]
fn the_next_request_follows_whatever_the_peer_did_after_its_answer() {
    for (then, answer) in [(Then::Closes, CLOSING), (Then::Waits, CLOSING), (Then::Waits, OK)] {
        let (peer, _alive) = hasty(then, answer);
        let rig = Rig::accepting(&site(peer, "proxy_http_version 1.1;"));
        let mut client = early(&rig);
        client.send(&REST[..20]);
        client.send(&REST[20..]);
        client.send(NEXT);
        assert_eq!(told(&client.answer()), ("ok", false));
    }
}

#[test]
fn a_large_rest_is_read_and_forgotten() {
    let (peer, _alive) = hasty(Then::Waits, OK);
    let rig = Rig::accepting(&site(peer, "client_max_body_size 0;"));
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    assert_eq!(told(&client.answer()), ("ok", false));
    client.send(&"x".repeat(20_000_000));
    client.send(NEXT);
    assert_eq!(told(&client.answer()), ("ok", false));
}

#[test]
fn a_chunked_rest_ends_too() {
    let (peer, _alive) = hasty(Then::Closes, CLOSING);
    let rig = Rig::accepting(&site(peer, ""));
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_eq!(told(&client.answer()), ("ok", false));
    client.send("3\r\nabc\r\n0\r\n\r\n");
    client.send(NEXT);
    assert_eq!(told(&client.answer()), ("ok", false));
}

#[test]
fn an_answer_of_our_own_is_early_too() {
    let rig = Rig::accepting("server { listen LISTEN; location / { proxy_pass http://nobody$uri; } }");
    let mut client = rig.connect();
    client.send(BEGINNING);
    let answer = client.answer();
    assert_eq!((answer.status(), answer.closes()), (502, false));
    client.send(REST);
    client.send(NEXT);
    assert_eq!(client.answer().status(), 502);
}

/// Nobody knows whether such a client will send its body after all.
#[test]
fn a_client_that_asked_first_is_told_that_this_is_the_end() {
    let rig = Rig::accepting("server { listen LISTEN; location / { proxy_pass http://nobody$uri; } }");
    let answer = rig.connect().request("POST /", "Content-Length: 5\r\nExpect: 100-continue\r\n");
    assert_eq!((answer.status(), answer.closes()), (502, true));
}

#[test]
fn the_connection_goes_on_in_the_next_generation_once_the_body_has_ended() {
    for (then, answer) in [(Then::Closes, CLOSING), (Then::Waits, OK)] {
        let (peer, _alive) = hasty(then, answer);
        let old = Rig::accepting(&site(peer, "proxy_http_version 1.1;"));
        let mut client = early(&old);
        let new = old.next(&site(peer, "proxy_http_version 1.1;"));
        old.drain();
        client.send(&REST[..20]);
        old.connect().request("POST /", "Content-Length: 0\r\n");
        client.send(&REST[20..]);
        old.expect(Report::Drained);
        client.send(NEXT);
        let next = client.answer();
        assert_eq!((generation(&next), told(&next)), ("8", ("ok", false)));
        drop(new);
    }
}

/// The next request may stand right behind the body, where nobody can hand it over.
#[test]
fn a_request_right_behind_the_body_is_answered_while_the_worker_drains() {
    let (peer, _alive) = hasty(Then::Closes, CLOSING);
    let old = Rig::accepting(&site(peer, ""));
    let mut client = early(&old);
    let _new = old.next(&site(peer, ""));
    old.drain();
    client.send(&format!("{REST}{NEXT}"));
    assert_eq!(told(&client.answer()), ("ok", false));
    client.send(NEXT);
    assert_eq!(told(&client.answer()), ("ok", false));
    old.expect(Report::Drained);
}

#[test]
fn where_nobody_takes_the_connection_its_next_answer_announces_the_end() {
    let (peer, _alive) = hasty(Then::Closes, CLOSING);
    let rig = Rig::accepting(&site(peer, ""));
    let mut client = early(&rig);
    rig.drain();
    client.send(REST);
    client.send(NEXT);
    assert_eq!(told(&client.answer()), ("ok", true));
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn a_rest_that_never_comes_is_not_waited_for_longer_than_a_body() {
    let (peer, _alive) = hasty(Then::Closes, CLOSING);
    let rig = Rig::accepting(&site(peer, "client_body_timeout 300ms;"));
    let mut client = early(&rig);
    assert_eq!(client.rest(), "");
}

#[test]
fn a_rest_that_is_too_large_ends_the_connection() {
    let (peer, _alive) = hasty(Then::Closes, CLOSING);
    let rig = Rig::accepting(&site(peer, "client_max_body_size 10;"));
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_eq!(told(&client.answer()), ("ok", false));
    client.send("9\r\nabcdefghi\r\n");
    assert_eq!(client.rest(), "");
}

#[test]
fn the_end_of_the_time_of_a_worker_is_the_end_of_the_wait() {
    let (peer, _alive) = hasty(Then::Waits, OK);
    let http = format!("events {{ }} worker_shutdown_timeout 300ms; http {{ {} }}", site(peer, ""));
    let rig = Rig::with(&http, TcpListener::bind("127.0.0.1:0").expect("binds"));
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = early(&rig);
    rig.drain();
    assert_eq!(client.rest(), "");
    drop(client);
    rig.expect(Report::Drained);
}
