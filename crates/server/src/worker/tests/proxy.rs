//! What clients see through `proxy_pass`, and what peers see.

use std::sync::mpsc::{Receiver, channel};

use super::*;

/// A peer that answers every connection with the same bytes and tells what it was sent.
struct Peer {
    address: SocketAddr,
    requests: Receiver<String>,
}

/// Serves until the test ends. `body_bytes` are read after the head of each request.
fn peer(body_bytes: usize, answer: &'static str) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let (sender, requests) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("accepts");
            let mut client = Client { stream, read: Vec::new() };
            let head = client.head();
            while client.read.len() < body_bytes {
                client.more().expect("reads");
            }
            client.send(answer);
            // The test may be over.
            if sender.send(head + &String::from_utf8_lossy(&client.read)).is_err() {
                return;
            }
        }
    });
    Peer { address, requests }
}

/// An address where nobody listens: bound, so that nobody else gets it.
fn nobody() -> (TcpListener, SocketAddr) {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, socket};
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("binds");
    let bound = TcpListener::from(fd);
    let address = bound.local_addr().expect("has an address");
    (bound, address)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Changeover-Origin: one\r\nX-Changeover-Pid: 1\r\n\
                  Connection: close, X-Private\r\nX-Private: secret\r\nServer: other\r\n\r\nok";

fn site(upstream: &str, settings: &str) -> String {
    format!(
        "upstream back {{ {upstream} }}
         server {{
             listen LISTEN; {settings}
             location / {{ proxy_pass http://back; }}
             location = /local {{ return 204; }}
         }}"
    )
}

#[test]
fn a_request_and_its_answer_pass_through() {
    let peer = peer(5, OK);
    let rig = Rig::accepting(&site(
        &format!("server {};", peer.address),
        "proxy_set_header X-Real $remote_addr; add_header X-Peer $upstream_addr;",
    ));
    let mut client = rig.connect();
    let headers =
        "Content-Length: 5\r\nX-Changeover-Id: 00000000000000aa\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nhel";
    client.send(&format!("POST /a%20b?c HTTP/1.1\r\nHost: shop\r\n{headers}"));
    client.send("lo");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.body.as_str(), answer.closes()), (200, "ok", false));
    assert_eq!(answer.headers("x-changeover-origin"), ["one"]);
    assert_eq!(answer.headers("x-changeover-pid"), [std::process::id().to_string()]);
    assert_eq!(answer.headers("x-peer"), [peer.address.to_string()]);
    assert_eq!((answer.headers("server").len(), answer.header("x-private")), (1, None));
    let seen = peer.requests.recv_timeout(DEADLINE).expect("a request");
    let seen = Answer { head: seen.clone(), body: seen };
    assert!(seen.head.starts_with("POST /a%20b?c HTTP/1.0\r\n"), "{}", seen.head);
    assert_eq!(seen.header("host"), Some("back"));
    assert_eq!(seen.headers("connection"), ["close"]);
    assert_eq!(seen.header("content-length"), Some("5"));
    assert_eq!((seen.header("x-real"), seen.header("x-hop")), (Some("127.0.0.1"), None));
    assert_eq!(seen.header("x-changeover-id"), Some("00000000000000aa"));
    assert!(seen.body.ends_with("\r\n\r\nhello"));
}

#[test]
fn the_next_peer_is_asked_when_one_refuses() {
    let (peer, (_kept, refusing)) = (peer(0, OK), nobody());
    let rig = Rig::accepting(&site(
        &format!("server {refusing} max_fails=1; server {};", peer.address),
        "add_header X-Peer $upstream_addr;",
    ));
    let mut client = rig.connect();
    assert_eq!(client.get().header("x-peer"), Some(format!("{refusing}, {}", peer.address).as_str()));
    assert_eq!(
        client.get().header("x-peer"),
        Some(peer.address.to_string().as_str()),
        "the other one is left alone"
    );
    assert!(rig.log().contains("connect() failed"), "{}", rig.log());
}

#[test]
fn shares_are_as_the_weights_say() {
    let (a, b) = (peer(0, OK), peer(0, OK));
    let upstream = format!("server {} weight=3; server {};", a.address, b.address);
    let rig = Rig::accepting(&site(&upstream, "add_header X-Peer $upstream_addr;"));
    let mut client = rig.connect();
    let first = a.address.to_string();
    let picked: Vec<bool> = (0..8).map(|_| client.get().header("x-peer") == Some(first.as_str())).collect();
    assert_eq!(picked, [true, true, false, true, true, true, false, true]);
}

#[test]
fn nobody_there_is_502_and_too_slow_is_504() {
    let (_kept, refusing) = nobody();
    let rig = Rig::accepting(&site(&format!("server {refusing};"), ""));
    let mut client = rig.connect();
    let answer = client.get();
    assert_eq!((answer.status(), answer.closes()), (502, false));
    assert_eq!(client.get().status(), 502, "a single peer is asked again and again");
    let silent = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = silent.local_addr().expect("has an address");
    let rig = Rig::accepting(&site(&format!("server {address};"), "proxy_read_timeout 100ms;"));
    assert_eq!(rig.connect().get().status(), 504);
}

#[test]
fn a_client_that_takes_nothing_of_a_forwarded_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let length = 40_000_000;
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.set_write_timeout(Some(DEADLINE)).expect("sets a timeout");
        assert!(stream.read(&mut [0; 4096]).expect("reads") > 0, "a request");
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").expect("writes");
        stream.write_all(&vec![b'x'; length]).expect_err("not all of it is wanted").kind()
    });
    let rig = Rig::accepting(&site(&format!("server {address};"), "send_timeout 200ms;"));
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let end = peer.join().expect("no panic");
    assert!(matches!(end, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{end}");
    assert!(client.head().starts_with("HTTP/1.1 200"));
    rig.drain();
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn a_post_that_was_sent_is_not_sent_again() {
    let (dying, other) = (peer(0, ""), peer(0, OK));
    let upstream = format!("server {}; server {};", dying.address, other.address);
    let rig = Rig::accepting(&site(&upstream, ""));
    let mut client = rig.connect();
    assert_eq!(client.request("POST /", "").status(), 502);
    assert!(other.requests.try_recv().is_err(), "the other peer saw nothing");
    drop(rig);
    let upstream = format!("server {}; server {};", dying.address, other.address);
    let rig = Rig::accepting(&site(&upstream, ""));
    assert_eq!(rig.connect().get().status(), 200, "a GET may be sent again");
}

#[test]
fn a_worker_that_drains_finishes_what_it_forwards() {
    let peer = peer(5, OK);
    let rig = Rig::accepting(&site(&format!("server {};", peer.address), ""));
    let mut client = rig.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12");
    rig.connect().request("GET /local", "");
    rig.drain();
    client.send("345");
    let answer = client.answer();
    assert_eq!((answer.body.as_str(), answer.closes()), ("ok", true));
    drop(client);
    rig.expect(Report::Drained);
}

/// A peer that takes one connection, reads the request and tells of it, sends this, and then waits for the other side to
/// close it.
fn stalling_peer(begins: &'static str) -> (SocketAddr, Receiver<()>, thread::JoinHandle<io::Result<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let (sender, asked) = channel();
    let peer = thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(DEADLINE))?;
        assert!(stream.read(&mut [0; 4096])? > 0, "a request");
        stream.write_all(begins.as_bytes())?;
        sender.send(()).expect("the test waits");
        stream.read(&mut [0; 4096])
    });
    (address, asked, peer)
}

#[test]
fn a_client_that_leaves_takes_its_request_to_the_peer_with_it() {
    for begins in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"] {
        let (address, asked, peer) = stalling_peer(begins);
        let rig = Rig::accepting(&site(&format!("server {address};"), ""));
        let mut client = rig.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        asked.recv_timeout(DEADLINE).expect("the peer is asked");
        if !begins.is_empty() {
            client.head();
        }
        drop(client);
        let end = peer.join().expect("no panic").expect("the worker closes, before the peer's patience ends");
        assert_eq!(end, 0, "nothing more is sent to the peer");
        rig.wait_for_log("client prematurely closed connection");
        rig.drain();
        rig.expect(Report::Drained);
    }
}

#[test]
fn a_client_that_only_stops_sending_is_answered_where_its_leaving_is_ignored() {
    let peer = peer(0, OK);
    let rig = Rig::accepting(&site(&format!("server {};", peer.address), "proxy_ignore_client_abort on;"));
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.stream.shutdown(std::net::Shutdown::Write).expect("closes one half");
    assert_eq!(client.answer().body, "ok");
}

#[test]
fn a_peer_is_asked_for_the_path_that_proxy_pass_names() {
    let peer = Rig::accepting("server { listen LISTEN; location / { return 200 $request_uri; } }");
    let a = peer.address();
    let rig = Rig::accepting(&format!(
        "server {{ listen LISTEN; location / {{ proxy_pass http://{a}; }} location /in/ {{ proxy_pass http://{a}/out/; }} \
         location /arg {{ proxy_pass http://$arg_to/t; }} location /all {{ proxy_pass http://{a}$arg_path; }} }}"
    ));
    let asked = |path: &str| rig.connect().request(&format!("GET {path}"), "").body;
    assert_eq!(asked("/a%20b?q"), "/a%20b?q");
    assert_eq!(asked("/in/a%20b?q"), "/out/a%20b?q");
    assert_eq!(asked(&format!("/arg?to={a}")), "/t");
    assert_eq!(asked("/all?path=/x"), "/x");
}

#[test]
fn names_of_headers_are_written_as_they_were() {
    let answer =
        "HTTP/1.1 200 OK\r\nContent-length: 0\r\nx-lower: 1\r\nETag: 2\r\nX-TWICE: 3\r\nx-twice: 4\r\n\r\n";
    let peer = peer(0, answer);
    let rig = Rig::accepting(&site(
        &format!("server {};", peer.address),
        "proxy_set_header X-Real-IP $remote_addr; add_header X-PEER 5; add_header x-lower 6;",
    ));
    let headers = "x-lower: 1\r\nETag: 2\r\nX-TWICE: 3\r\nx-twice: 4\r\nx-real-ip: 5\r\ncontent-TYPE: 6\r\n";
    let head = rig.connect().request("GET /", headers).head;
    let expected =
        ["Content-Length: 0", "x-lower: 1", "ETag: 2", "X-TWICE: 3", "x-twice: 4", "X-PEER: 5", "x-lower: 6"];
    expected.iter().for_each(|line| assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}"));
    let seen = peer.requests.recv_timeout(DEADLINE).expect("a request");
    let expected =
        ["X-Real-IP: 127.0.0.1", "x-lower: 1", "ETag: 2", "X-TWICE: 3", "x-twice: 4", "content-TYPE: 6"];
    expected.iter().for_each(|line| assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line} in {seen}"));
    assert!(seen.contains("\r\nHost: back\r\n"), "{seen}");
}
