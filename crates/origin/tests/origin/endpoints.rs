//! What each path does.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use facts::Content;
use nix::sys::signal::{Signal, kill};
use tokio_tungstenite::tungstenite::{Error, Message, client, protocol::frame::coding::CloseCode};

use crate::{Origin, wait_until};

/// The head and the body of the answer to `request`, in which `|` is a line end.
fn ask(origin: &Origin, request: &str) -> (String, String) {
    let answer =
        origin.say(&format!("{}Connection: close||", request.split_once("||").unwrap().0.to_owned() + "|"));
    split(&answer.unwrap())
}

fn split(answer: &str) -> (String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn a_delay_takes_its_time() {
    let origin = Origin::start(&[]);
    let began = Instant::now();
    let (head, body) = ask(&origin, "GET /delay?ms=60 HTTP/1.1|Host: x||");
    assert!(head.starts_with("http/1.1 200 ok") && body == "ok\n", "{head} {body}");
    assert!(began.elapsed() >= Duration::from_millis(60));
}

/// The body of `target`, its chunks joined.
fn stretch(origin: &Origin, target: &str) -> (String, Vec<u8>) {
    let mut stream = origin.connect();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let mut body = Vec::new();
    if head.contains("content-length") {
        reader.read_to_end(&mut body).unwrap();
        return (head, body);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).unwrap();
        body.extend_from_slice(&chunk[..size]);
        if size == 0 {
            return (head, body);
        }
    }
}

fn content(bytes: &[u8]) -> Content {
    let mut content = Content::EMPTY;
    content.take(bytes);
    content
}

#[test]
fn a_stretch_can_be_foretold_however_it_is_framed() {
    let origin = Origin::start(&[]);
    let (head, body) = stretch(&origin, "/stream?bytes=200001");
    assert!(head.contains("content-length: 200001\r\n"), "{head}");
    assert_eq!(content(&body), Content::foretold(200_001));
    let (head, body) = stretch(&origin, "/stream?bytes=1000&chunked=1");
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(content(&body), Content::foretold(1000));
    let (_, body) = stretch(&origin, "/stream?bytes=0");
    assert!(body.is_empty());
}

#[test]
fn a_stretch_keeps_its_pace() {
    let origin = Origin::start(&[]);
    let began = Instant::now();
    let (_, body) = stretch(&origin, "/stream?bytes=300&per_second=3000");
    assert_eq!(content(&body), Content::foretold(300));
    // The last of ten pieces of 30 bytes is due after 90 ms.
    assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
}

#[test]
fn an_upload_is_counted_and_summed() {
    let origin = Origin::start(&[]);
    // FNV-1a of `foobar`, from its authors' test vectors.
    let expected = "6 85944171f73967e8\n";
    let (head, body) =
        ask_with(&origin, "PUT /sink HTTP/1.1|Host: x|Content-Length: 6|Connection: close||foobar");
    assert_eq!(body, expected);
    assert!(head.contains("x-changeover-received: 6\r\n"), "{head}");
    assert!(head.contains("x-changeover-checksum: 85944171f73967e8\r\n"), "{head}");
    let chunked = "POST /sink HTTP/1.1|Host: x|Transfer-Encoding: chunked|Connection: close||3|foo|3|bar|0||";
    assert_eq!(ask_with(&origin, chunked).1, expected);
}

fn ask_with(origin: &Origin, request: &str) -> (String, String) {
    split(&origin.say(request).unwrap())
}

#[test]
fn who_waits_for_leave_to_upload_gets_it() {
    let origin = Origin::start(&[]);
    let mut stream = origin.connect();
    let head = "POST /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    stream.write_all(b"foobar").unwrap();
    line.clear();
    reader.read_line(&mut line).unwrap();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "\r\nHTTP/1.1 200 OK\r\n");
}

#[test]
fn a_body_comes_back_and_requests_are_numbered() {
    let origin = Origin::start(&[]);
    let echo = "POST /echo HTTP/1.1|Host: x|Content-Type: text/x|Content-Length: 5|Connection: close||hello";
    let (head, body) = ask_with(&origin, echo);
    assert_eq!(body, "hello");
    assert!(head.contains("content-type: text/x"), "{head}");
    let number = || ask(&origin, "GET /counter HTTP/1.1|Host: x||").1.trim().parse::<u64>().unwrap();
    let first = number();
    assert_eq!(number(), first + 1);
}

#[test]
fn what_makes_no_sense_is_refused_with_what_does() {
    let origin = Origin::start(&[]);
    let (head, body) = ask(&origin, "GET /delay HTTP/1.1|Host: x||");
    assert!(head.starts_with("http/1.1 400") && body == "write ms=N\n", "{head} {body}");
    let (head, body) = ask(&origin, "GET /sink HTTP/1.1|Host: x||");
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: post, put"), "{head} {body}");
    let (head, _) = ask(&origin, "GET /websocket HTTP/1.1|Host: x||");
    assert!(head.starts_with("http/1.1 426") && head.contains("sec-websocket-version: 13"), "{head}");
}

/// The lines of an event stream.
fn events(origin: &Origin, more: &str) -> impl Iterator<Item = String> {
    let mut stream = origin.connect();
    write!(stream, "GET /events?every_ms=5 HTTP/1.1\r\nHost: x\r\n{more}\r\n").unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter(|line| line.starts_with("id: ") || line.starts_with("data: ") || line == "0")
}

#[test]
fn events_are_numbered_and_go_on_where_the_client_was() {
    let origin = Origin::start(&[]);
    let first: Vec<String> = events(&origin, "").take(4).collect();
    assert_eq!(first, ["id: 1", "data: 1", "id: 2", "data: 2"]);
    let later: Vec<String> = events(&origin, "Last-Event-ID: 41\r\n").take(2).collect();
    assert_eq!(later, ["id: 42", "data: 42"]);
}

#[test]
fn events_end_in_order_when_it_leaves() {
    let origin = Origin::start(&[]);
    let mut lines = events(&origin, "");
    assert_eq!(lines.next().as_deref(), Some("id: 1"));
    kill(origin.pid, Signal::SIGTERM).unwrap();
    // The last chunk of a chunked body: nothing was cut.
    assert_eq!(lines.last().as_deref(), Some("0"));
    wait_until("the process ends", || !origin.is_alive());
}

fn websocket(origin: &Origin) -> tokio_tungstenite::tungstenite::WebSocket<TcpStream> {
    let (socket, answer) = client(format!("ws://{}/websocket", origin.address), origin.connect()).unwrap();
    assert_eq!(answer.headers()["x-changeover-origin"], "a");
    socket
}

#[test]
fn a_websocket_echoes_answers_pings_and_closes() {
    let origin = Origin::start(&[]);
    let mut socket = websocket(&origin);
    for message in [Message::text("seven"), Message::binary(vec![0, 255]), Message::text("")] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.send(Message::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong("are you there".into()));
    socket.close(None).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Close(None));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
}

#[test]
fn a_websocket_is_told_when_the_origin_leaves() {
    let origin = Origin::start(&[]);
    let mut socket = websocket(&origin);
    socket.send(Message::text("x")).unwrap();
    socket.read().unwrap();
    kill(origin.pid, Signal::SIGTERM).unwrap();
    let Message::Close(Some(frame)) = socket.read().unwrap() else { panic!("no close frame with a code") };
    assert_eq!(frame.code, CloseCode::Away);
    wait_until("the process ends", || !origin.is_alive());
}

#[test]
fn a_stretch_is_answered_only_when_all_of_it_is_in_the_kernel() {
    let origin = Origin::start(&[]);
    let mut stream = origin.connect();
    let request =
        "GET /stream?bytes=100000000 HTTP/1.1\r\nHost: x\r\nX-Changeover-Id: 0000000000000007\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let entry = origin.journal()[0];
    assert_eq!((entry.id, entry.answered), (7, 0), "most of it is still to come");
    std::io::copy(&mut reader.take(100_000_000), &mut std::io::sink()).unwrap();
    wait_until("the journal says so", || origin.journal()[0].answered > 0);
}
