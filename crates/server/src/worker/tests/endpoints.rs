//! The test endpoints: what they answer, and how they end with the worker.

use super::*;

const SITE: &str = "server {
    listen LISTEN;
    location /echo { changeover_echo; }
    location /delay { changeover_delay; }
    location /stream { changeover_stream; }
    location /sink { changeover_sink; }
    location /websocket { changeover_websocket; }
    location /events { changeover_events; }
    location /counter { changeover_counter; }
}";

/// A worker whose time is over soon after it is told to drain.
fn short_lived() -> Rig {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let rig = Rig::with(&format!("worker_shutdown_timeout 300ms; events {{ }} http {{ {SITE} }}"), listener);
    rig.tell(Command::Accept);
    rig.expect(Report::Accepting);
    rig
}

fn bytes(client: &mut Client, count: usize) -> Vec<u8> {
    while client.read.len() < count {
        client.more().unwrap_or_else(|error| panic!("{error} after {:?}", client.read));
    }
    client.read.drain(..count).collect()
}

#[test]
fn short_answers() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let mut check = |line: &str, headers: &str, status: u16, body: &str| {
        let answer = client.request(line, headers);
        assert_eq!((answer.status(), answer.body.as_str(), answer.closes()), (status, body, false), "{line}");
    };
    check("GET /delay?ms=1", "", 200, "ok\n");
    check("GET /delay", "", 400, "write ms=N\n");
    check("GET /counter", "", 200, "1\n");
    check("GET /counter", "", 200, "2\n");
    check("GET /stream?bytes=0", "", 200, "");
    check(
        "GET /stream?bytes=9&per_second=0",
        "",
        400,
        "write bytes=N, and if it is to be slow per_second=N (from 1)\n",
    );
    check("GET /events?every_ms=0", "", 400, "write every_ms=N (from 1)\n");
    check("GET /sink", "", 405, "use POST, PUT\n");
    check("POST /websocket", "Content-Length: 0\r\n", 405, "use GET\n");
    check("GET /websocket", "", 426, "");
}

#[test]
fn uploads_come_back_or_are_summed() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello");
    let answer = client.answer();
    assert_eq!((answer.body.as_str(), answer.header("content-type")), ("hello", Some("text/x")));
    client.send("PUT /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let answer = client.answer();
    let mut content = facts::Content::EMPTY;
    content.take(b"hello");
    assert_eq!(answer.body, format!("5 {:016x}\n", content.checksum()));
    assert_eq!(answer.header("x-changeover-received"), Some("5"));
}

#[test]
fn a_stream_is_the_same_every_time() {
    let rig = Rig::accepting(SITE);
    let mut client = rig.connect();
    let mut foretold = vec![0; 300];
    facts::content::fill(0, &mut foretold);
    for query in ["bytes=300", "bytes=300&per_second=100000"] {
        client.send(&format!("GET /stream?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.head().contains("Content-Length: 300\r\n"));
        assert_eq!(bytes(&mut client, 300), foretold, "{query}");
    }
    client.send("GET /stream?bytes=300&chunked=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().to_ascii_lowercase().contains("transfer-encoding: chunked"));
    let chunked = [b"12C\r\n", foretold.as_slice(), b"\r\n0\r\n\r\n"].concat();
    assert_eq!(bytes(&mut client, chunked.len()), chunked);
    assert_eq!(client.request("GET /counter", "").status(), 200, "the connection goes on");
}

#[test]
fn events_go_on_behind_the_last_one_and_end_in_order_with_the_worker() {
    let rig = short_lived();
    let mut client = rig.connect();
    client.send("GET /events?every_ms=20 HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 7\r\n\r\n");
    assert!(client.head().to_ascii_lowercase().contains("text/event-stream"));
    client.expect_bytes("F\r\nid: 8\ndata: 8\n\n\r\nF\r\nid: 9\ndata: 9\n\n\r\n");
    rig.drain();
    let rest = client.rest();
    assert!(rest.ends_with("\n\n\r\n0\r\n\r\n"), "{rest:?}");
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn a_websocket_echoes_and_is_told_that_the_workers_time_is_over() {
    let rig = short_lived();
    let mut client = rig.connect();
    client.send(
        "GET /websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head = client.head();
    // The example of RFC 6455, section 1.3.
    assert!(head.contains(" 101 ") && head.contains(": s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    client.stream.write_all(b"\x81\x82\0\0\0\0hi").expect("sends");
    assert_eq!(bytes(&mut client, 4), b"\x81\x02hi");
    rig.drain();
    client.stream.write_all(b"\x81\x82\0\0\0\0ho").expect("sends");
    let goodbye = b"\x81\x02ho\x88\x12\x03\xe9this worker ends";
    assert_eq!(bytes(&mut client, goodbye.len()), goodbye);
    client.stream.write_all(b"\x88\x82\0\0\0\0\x03\xe9").expect("sends");
    assert_eq!(client.rest(), "");
    drop(client);
    rig.expect(Report::Drained);
}

#[test]
fn what_is_cut_off_does_not_look_whole() {
    let rig = short_lived();
    let mut client = rig.connect();
    client.send("GET /stream?bytes=1000000&per_second=1000&chunked=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    rig.drain();
    client.stream.read_to_end(&mut client.read).expect("no reset");
    assert!(client.read.ends_with(b"\r\n") && !client.read.ends_with(b"\r\n0\r\n\r\n"));
    drop(client);
    rig.expect(Report::Drained);
}
