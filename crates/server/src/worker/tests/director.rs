//! Which peer answers, and over which connection, seen from both sides.

use std::sync::{
    Arc,
    mpsc::{Receiver, channel},
};

use super::*;

/// What a scripted peer does with a request.
enum Reply {
    Answer(&'static str),
    /// Closes without an answer.
    Close,
    /// Answers, and closes without having said that it would.
    AnswerAndClose(&'static str),
}

/// A request as a scripted peer got it.
#[derive(Debug)]
struct Got {
    /// Of this peer, from 0.
    connection: usize,
    head: String,
    body: String,
}

/// A peer whose answers depend on the connection and on the request of that connection, both counted from 0.
struct Scripted {
    address: SocketAddr,
    got: Receiver<Got>,
    /// Connections that ended.
    ended: Receiver<usize>,
}

fn scripted(reply: impl Fn(usize, usize) -> Reply + Send + Sync + 'static) -> Scripted {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let ((sender, got), (ending, ended)) = (channel(), channel());
    let reply = Arc::new(reply);
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().enumerate() {
            let (reply, sender, ending) = (Arc::clone(&reply), sender.clone(), ending.clone());
            let mut client = Client { stream: stream.expect("accepts"), read: Vec::new() };
            thread::spawn(move || {
                for number in 0.. {
                    let Some((head, body)) = request(&mut client) else { break };
                    // The test may be over.
                    let _ = sender.send(Got { connection, head, body });
                    match reply(connection, number) {
                        Reply::Answer(answer) => client.send(answer),
                        Reply::Close => break,
                        Reply::AnswerAndClose(answer) => {
                            client.send(answer);
                            break;
                        }
                    }
                }
                drop(client);
                let _ = ending.send(connection);
            });
        }
    });
    Scripted { address, got, ended }
}

/// The next request; `None` if the other side has closed.
fn request(client: &mut Client) -> Option<(String, String)> {
    while !client.read.windows(4).any(|window| window == b"\r\n\r\n") {
        client.more().ok()?;
    }
    let head = Answer { head: client.head(), body: String::new() };
    let length: usize = head.header("content-length").map_or(0, |text| text.parse().expect("a number"));
    while client.read.len() < length {
        client.more().ok()?;
    }
    let body = client.read.drain(..length).collect();
    Some((head.head, String::from_utf8(body).expect("text")))
}

impl Scripted {
    fn next(&self) -> Got {
        self.got.recv_timeout(DEADLINE).expect("a request")
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nbroken";
const KEPT: &str = "proxy_http_version 1.1; proxy_set_header Connection \"\";";

fn site(upstream: &str, settings: &str) -> String {
    format!(
        "{settings}
         upstream back {{ {upstream} }}
         server {{
             listen LISTEN; add_header X-Peer $upstream_addr always; add_header X-Client $remote_addr:$remote_port;
             location / {{ proxy_pass http://back; }}
         }}"
    )
}

fn always(answer: &'static str) -> Scripted {
    scripted(move |_, _| Reply::Answer(answer))
}

#[test]
fn a_network_stays_with_its_peer() {
    let (a, b) = (always(OK), always(OK));
    let rig = Rig::accepting(&site(
        &format!("ip_hash; server {} weight=1; server {} weight=2;", a.address, b.address),
        "set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;",
    ));
    let mut client = rig.connect();
    let networks = ["127.0.1", "127.0.2", "127.0.3", "127.1.0", "10.0.0", "192.168.1", "8.8.8"];
    let picked: String = networks
        .iter()
        .map(|network| {
            let answer = client.request("GET /", &format!("X-Forwarded-For: {network}.77\r\n"));
            assert_eq!(answer.header("x-client"), Some(format!("{network}.77:").as_str()));
            if answer.header("x-peer") == Some(a.address.to_string().as_str()) { 'a' } else { 'b' }
        })
        .collect();
    assert_eq!(picked, "abbbabb", "as nginx 1.22.1");
}

#[test]
fn a_part_of_the_clients_gets_an_upstream_of_its_own() {
    let (stable, canary) = (always(OK), always(OK));
    let rig = Rig::accepting(&format!(
        "split_clients $arg_user $variant {{ 30% canary; * stable; }}
         upstream stable {{ server {}; }}
         upstream canary {{ server {}; }}
         server {{
             listen LISTEN; add_header X-Variant $variant; add_header X-Host $proxy_host;
             location / {{ proxy_pass http://$variant; }}
             location /none {{ proxy_pass http://no$variant; }}
         }}",
        stable.address, canary.address
    ));
    let mut client = rig.connect();
    // By MurmurHash2: 0.11, 0.33, 0.20 and 0.52 of all.
    for (user, variant) in [("alice", "canary"), ("bob", "stable"), ("carol", "canary"), ("dave", "stable")] {
        let answer = client.request(&format!("GET /?user={user}"), "");
        assert_eq!(
            (answer.header("x-variant"), answer.header("x-host")),
            (Some(variant), Some(variant)),
            "{user}"
        );
        let asked = if variant == "canary" { &canary } else { &stable };
        assert!(asked.next().head.contains(user));
    }
    assert_eq!(client.request("GET /none?user=bob", "").status(), 502);
    assert!(rig.log().contains("there is no upstream \"nostable\""), "{}", rig.log());
}

#[test]
fn a_map_says_what_a_peer_hears() {
    let peer = always(OK);
    let rig = Rig::accepting(&format!(
        "map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
         upstream up {{ server {}; keepalive 2; }}
         server {{
             listen LISTEN;
             location / {{
                 proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade;
                 proxy_set_header Upgrade $http_upgrade; proxy_pass http://up;
             }}
         }}",
        peer.address
    ));
    let mut client = rig.connect();
    let mut heard = |headers: &str| {
        client.request("GET /", headers);
        let head = peer.next().head.to_ascii_lowercase();
        (head.contains("connection: upgrade\r\n"), head.contains("upgrade: websocket\r\n"))
    };
    assert_eq!(heard(""), (false, false));
    assert_eq!(heard("Connection: Upgrade\r\nUpgrade: websocket\r\n"), (true, true));
}

#[test]
fn a_connection_to_a_peer_is_used_again() {
    for answer in [OK, CHUNKED] {
        let peer = always(answer);
        let rig = Rig::accepting(&site(&format!("server {}; keepalive 2;", peer.address), KEPT));
        let mut client = rig.connect();
        for _ in 0..5 {
            assert_eq!(client.get().status(), 200);
            if answer == CHUNKED {
                assert_eq!(client.read_chunks(), "ok");
            }
            let got = peer.next();
            assert_eq!(got.connection, 0);
            assert!(!got.head.to_ascii_lowercase().contains("connection:"), "{}", got.head);
        }
        rig.drain();
        assert_eq!(peer.ended.recv_timeout(DEADLINE), Ok(0), "whoever leaves keeps no connection");
        assert_eq!(client.get().status(), 200, "and still asks peers");
        assert_eq!(peer.next().connection, 1);
    }
}

#[test]
fn kept_connections_are_limited_in_number_requests_and_time() {
    let peer = always(OK);
    let limits = "keepalive 1; keepalive_requests 2; keepalive_timeout 100ms;";
    let rig = Rig::accepting(&site(&format!("server {}; {limits}", peer.address), KEPT));
    let mut client = rig.connect();
    let connections: Vec<usize> = (0..4)
        .map(|_| {
            client.get();
            peer.next().connection
        })
        .collect();
    assert_eq!(connections, [0, 0, 1, 1]);
    client.get();
    assert_eq!(peer.next().connection, 2);
    let ended: Vec<usize> = (0..3).map(|_| peer.ended.recv_timeout(DEADLINE).expect("it ends")).collect();
    assert_eq!(ended, [0, 1, 2], "the last one for being idle");
}

#[test]
fn a_peer_that_closes_a_kept_connection_loses_no_request() {
    // It says nothing and closes: seen before the connection is used again.
    let peer = scripted(|_, _| Reply::AnswerAndClose(OK));
    let rig = Rig::accepting(&site(&format!("server {}; keepalive 2;", peer.address), KEPT));
    let mut client = rig.connect();
    for connection in 0..4 {
        assert_eq!(client.request("POST /", "Content-Length: 0\r\n").status(), 200);
        assert_eq!(peer.next().connection, connection);
        peer.ended.recv_timeout(DEADLINE).expect("it closes");
    }
    // It closes when the connection is used again: another one is made for what can be repeated.
    let peer = scripted(|_, number| if number == 0 { Reply::Answer(OK) } else { Reply::Close });
    let rig = Rig::accepting(&site(&format!("server {}; keepalive 2;", peer.address), KEPT));
    let mut client = rig.connect();
    let statuses = [("GET /", 200), ("GET /", 200), ("PUT /", 200), ("POST /", 502), ("POST /", 200)];
    for (line, status) in statuses {
        assert_eq!(client.request(line, "Content-Length: 4\r\n\r\nbody\r\n").status(), status, "{line}");
    }
    assert!(!rig.log().contains("no live upstreams"));
}

#[test]
fn what_each_peer_came_to_has_a_name() {
    let (bad, good) = (always(BROKEN), always(OK));
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("an address");
    let rig = Rig::accepting(&format!(
        "upstream back {{ server {dead}; server {}; server {} backup; }}
         server {{
             listen LISTEN; proxy_next_upstream error http_500; add_header X-Status $upstream_status always;
             location / {{ proxy_pass http://back; }}
         }}",
        bad.address, good.address
    ));
    let mut client = rig.connect();
    let mut status = || client.get().header("x-status").map(str::to_owned);
    assert_eq!(status().as_deref(), Some("502, 500, 200"));
    assert_eq!(status().as_deref(), Some("200"), "the others rest");
}

#[test]
fn what_is_retried_and_what_is_held_against_a_peer() {
    let post = "Content-Length: 4\r\n\r\nbo";
    let check = |settings: &str, line: &str, expected: &[(u16, &str)]| {
        let (bad, good) = (always(BROKEN), always(OK));
        let upstream =
            format!("server {} max_fails=1 fail_timeout=1h; server {};", bad.address, good.address);
        let rig = Rig::accepting(&site(&upstream, settings));
        let mut client = rig.connect();
        for (number, (status, peers)) in expected.iter().enumerate() {
            client.send(&format!("{line} HTTP/1.1\r\nHost: a\r\n{post}"));
            client.send("dy");
            let answer = client.answer();
            let tried: Vec<&str> = answer.header("x-peer").expect("peers").split(", ").collect();
            let name = |address: &&str| if *address == bad.address.to_string() { 'x' } else { 'o' };
            let tried: String = tried.iter().map(name).collect();
            assert_eq!((answer.status(), tried.as_str()), (*status, *peers), "{settings} {line} {number}");
        }
        for got in good.got.try_iter().chain(bad.got.try_iter()) {
            assert_eq!(got.body, "body", "whoever is asked is sent all of it: {}", got.head);
        }
    };
    check("", "PUT /", &[(500, "x"), (200, "o"), (500, "x")]);
    let retried = "proxy_next_upstream error http_500;";
    check(retried, "PUT /", &[(200, "xo"), (200, "o"), (200, "o")]);
    // The blind spot of nginx: what may not be done twice is not retried, and what is not retried does not count.
    check(retried, "POST /", &[(500, "x"), (200, "o"), (500, "x"), (200, "o")]);
    check("proxy_next_upstream http_500 non_idempotent;", "POST /", &[(200, "xo"), (200, "o"), (200, "o")]);
    check(&format!("{retried} proxy_next_upstream_tries 1;"), "PUT /", &[(500, "x"), (200, "o"), (500, "x")]);
}

#[test]
fn a_peer_is_busy_until_the_end_of_its_answer_is_passed_on() {
    const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok";
    let (a, b) = (always(HALF), always(HALF));
    let upstream = format!("server {} max_conns=1; server {} max_conns=1;", a.address, b.address);
    let rig = Rig::accepting(&site(&upstream, "proxy_next_upstream off;"));
    let (mut first, mut second) = (rig.connect(), rig.connect());
    for client in [&mut first, &mut second] {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.head();
    }
    let mut third = rig.connect();
    assert_eq!((third.get().status(), third.get().header("x-peer")), (502, Some("back")), "both are full");
    drop(first);
    rig.wait_for_log("client prematurely closed connection");
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(third.head().contains("200 OK"));
}

/// A peer that switches, says hello with it, and then echoes; how many bytes it got, once the other side has closed.
fn switching_peer() -> (SocketAddr, thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let peer = thread::spawn(move || {
        let mut client = Client { stream: listener.accept().expect("accepts").0, read: Vec::new() };
        let head = Answer { head: client.head(), body: String::new() };
        assert_eq!((head.header("upgrade"), head.header("connection")), (Some("echo"), Some("upgrade")));
        client.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhello ");
        let mut count = 0;
        loop {
            count += client.read.len();
            let text = String::from_utf8(std::mem::take(&mut client.read)).expect("text");
            client.send(&text);
            if client.more().is_err() {
                return count;
            }
        }
    });
    (address, peer)
}

const SWITCHED: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection upgrade; keepalive_timeout 100ms;";

/// The client sends before it knows of the switch, as well as after.
fn switch(rig: &Rig) -> Client {
    let mut client = rig.connect();
    client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly ");
    let answer = Answer { head: client.head(), body: String::new() };
    assert_eq!(
        (answer.status(), answer.header("upgrade"), answer.header("connection")),
        (101, Some("echo"), Some("upgrade"))
    );
    client.expect_bytes("hello early ");
    client
}

#[test]
fn a_switch_of_protocols_is_passed_through_and_bytes_after_it() {
    let (address, peer) = switching_peer();
    let rig = Rig::accepting(&site(&format!("server {address};"), SWITCHED));
    let mut client = switch(&rig);
    // Longer than an idle connection may live.
    thread::sleep(Duration::from_millis(200));
    for _ in 0..3 {
        client.send("again");
        client.expect_bytes("again");
    }
    drop(client);
    assert_eq!(peer.join().expect("no panic"), "early againagainagain".len());
    rig.drain();
    rig.expect(Report::Drained);
}

#[test]
fn a_tunnel_lives_through_a_drain_until_its_deadline() {
    let (address, peer) = switching_peer();
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let http = site(&format!("server {address};"), SWITCHED);
    let rig = Rig::with(&format!("worker_shutdown_timeout 300ms; events {{ }} http {{ {http} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = switch(&rig);
    rig.drain();
    client.send("still");
    client.expect_bytes("still");
    assert_eq!(client.rest(), "", "closed at the deadline");
    drop(client);
    rig.expect(Report::Drained);
    assert_eq!(peer.join().expect("no panic"), "early still".len());
}

#[test]
fn a_tunnel_ends_with_its_silence() {
    let (address, peer) = switching_peer();
    let rig = Rig::accepting(&site(
        &format!("server {address};"),
        &format!("{SWITCHED} proxy_read_timeout 100ms;"),
    ));
    assert_eq!(switch(&rig).rest(), "");
    peer.join().expect("no panic");
}

/// A switch to a websocket on which the peer says what it is told, when it is told; and a worker with a deadline.
fn websocket() -> (Rig, Client, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let http = site(&format!("server {address};"), SWITCHED);
    let http =
        format!("log_format own '$status|$body_bytes_sent|$bytes_sent'; access_log own.log own; {http}");
    let socket = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("worker_shutdown_timeout 300ms; events {{ }} http {{ {http} }}"), socket);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n");
    let mut peer = Client { stream: listener.accept().expect("accepts").0, read: Vec::new() };
    peer.head();
    peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\n");
    assert!(client.head().contains("101"));
    (rig, client, peer)
}

/// Everything up to the end, which must not be a reset.
fn last_bytes(client: &mut Client) -> Vec<u8> {
    client.stream.read_to_end(&mut client.read).expect("an orderly end");
    std::mem::take(&mut client.read)
}

#[test]
fn a_websocket_is_told_that_the_workers_time_is_over() {
    let (rig, mut client, mut peer) = websocket();
    peer.send("\x01\x02hi");
    client.expect_bytes("\x01\x02hi");
    client.stream.write_all(b"\x81\x82mask..").expect("sends");
    rig.drain();
    assert_eq!(last_bytes(&mut client), b"\x88\x02\x03\xe9");
    // The peer hears the same, as from a client.
    assert_eq!(last_bytes(&mut peer), b"\x81\x82mask..\x88\x82\0\0\0\0\x03\xe9");
    drop(client);
    rig.expect(Report::Drained);
}

/// As nginx tells of a connection that was switched: when it ends, and with all that was sent.
#[test]
fn the_access_log_tells_of_a_websocket_when_it_ends() {
    let read = |rig: &Rig| fs::read_to_string(rig.directory.path().join("own.log")).unwrap_or_default();
    let (rig, mut client, mut peer) = websocket();
    peer.send("\u{1}\u{3}abc");
    client.expect_bytes("\u{1}\u{3}abc");
    assert_eq!(read(&rig), "");
    drop(peer);
    client.rest();
    rig.wait_for("a line", || !read(&rig).is_empty());
    let (told, text) = (read(&rig), "101|5|");
    let sent: u64 = told.strip_prefix(text).and_then(|rest| rest.trim().parse().ok()).expect(&told);
    assert!(sent > 5 + 50, "with its head: {told}");

    let (rig, client, _peer) = websocket();
    rig.drain();
    rig.expect(Report::Drained);
    drop(client);
    assert!(read(&rig).starts_with("101|4|"), "with the goodbye: {}", read(&rig));
}

#[test]
fn a_frame_that_has_begun_is_finished_before_a_websocket_ends() {
    let (rig, mut client, mut peer) = websocket();
    peer.send("\x01\x05he");
    client.expect_bytes("\x01\x05he");
    rig.drain();
    rig.wait_for_log("worker_shutdown_timeout is over");
    peer.send("llo\x01\x01x");
    assert!(last_bytes(&mut client).ends_with(b"\x88\x02\x03\xe9"));
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn a_websocket_that_has_said_goodbye_is_not_told_again() {
    let (rig, mut client, mut peer) = websocket();
    peer.stream.write_all(b"\x88\x00").expect("sends");
    rig.drain();
    assert_eq!(last_bytes(&mut client), b"\x88\x00");
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn an_event_stream_ends_between_two_events_when_the_workers_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    let socket = TcpListener::bind("127.0.0.1:0").expect("binds");
    let http = site(&format!("server {address};"), "");
    let rig = Rig::with(&format!("worker_shutdown_timeout 300ms; events {{ }} http {{ {http} }}"), socket);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    let mut client = rig.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut peer = Client { stream: listener.accept().expect("accepts").0, read: Vec::new() };
    peer.head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer.send("7\r\ndata: a\r\n");
    client.head();
    client.expect_bytes("7\r\ndata: a\r\n");
    rig.drain();
    rig.wait_for_log("worker_shutdown_timeout is over");
    peer.send("2\r\n\n\n\r\n");
    assert_eq!(client.rest(), "2\r\n\n\n\r\n0\r\n\r\n");
    drop(client);
    rig.expect(Report::Drained);
}
