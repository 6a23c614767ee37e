//! What it does wrong when it is asked to.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
};

use facts::fault::{Fault, Strike};
use nix::sys::signal::{Signal, kill};
use tokio_tungstenite::tungstenite::{Message, client};

use crate::{Origin, wait_until};

/// What happens to four requests on connections of their own when each second one is struck, and how often each of them
/// was executed.
#[track_caller]
fn check(fault: Fault, struck: &str, executed: [usize; 4]) {
    let origin = Origin::start(&["--echo", "--fault", &format!("{}-every=2", fault.name())]);
    let ends: Vec<String> = (1..=4).map(|id| end(&origin.ask(id))).collect();
    assert_eq!(ends, ["ok", struck, "ok", struck], "{}", fault.name());
    let mut counts = BTreeMap::from([(1, 0), (2, 0), (3, 0), (4, 0)]);
    origin.journal().iter().for_each(|entry| *counts.get_mut(&entry.id).unwrap() += 1);
    assert_eq!(counts.into_values().collect::<Vec<_>>(), executed, "{}", fault.name());
}

/// An answer in a word.
fn end(answer: &Result<String, String>) -> String {
    match answer {
        Err(error) => error.clone(),
        Ok(text) if text.is_empty() => "nothing".into(),
        Ok(text) if text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n\r\nok\n") => "ok".into(),
        Ok(text) => match text.split_once("\r\n\r\n") {
            None => "half a head".into(),
            Some((head, body)) => format!("{} {body:?}", head.split(' ').nth(1).unwrap_or_default()),
        },
    }
}

#[test]
fn requests_that_are_not_executed() {
    check(Fault::Reset, "ConnectionReset", [1, 0, 1, 0]);
    check(Fault::Close, "nothing", [1, 0, 1, 0]);
    check(Fault::Ignore, "WouldBlock", [1, 0, 1, 0]);
    check(Fault::Unavailable, "503 \"not now\\n\"", [1, 0, 1, 0]);
}

#[test]
fn requests_that_are_executed_and_not_answered() {
    check(Fault::Swallow, "WouldBlock", [1; 4]);
    check(Fault::LoseAnswer, "nothing", [1; 4]);
    check(Fault::ExecuteTwice, "ok", [1, 2, 1, 2]);
}

#[test]
fn answers_that_are_cut_or_wrong() {
    check(Fault::CutHead, "half a head", [1; 4]);
    check(Fault::ResetHead, "ConnectionReset", [1; 4]);
    check(Fault::CutBody, "200 \"o\"", [1; 4]);
    check(Fault::ResetBody, "ConnectionReset", [1; 4]);
    check(Fault::ResetTail, "ConnectionReset", [1; 4]);
    check(Fault::WrongBody, "200 \"ok\\u{b}\"", [1; 4]);
    check(Fault::WrongStatus, "404 \"ok\\n\"", [1; 4]);
    check(Fault::NotHttp, "is \"\"", [1; 4]);
    check(Fault::Surplus, "200 \"ok\\nsurplus\"", [1; 4]);
}

#[test]
fn only_what_reached_the_kernel_is_answered() {
    let answered = |fault: Fault| {
        let origin = Origin::start(&["--fault", &format!("{}-every=1", fault.name())]);
        let _ = origin.ask(1);
        origin.journal()[0].answered > 0
    };
    assert!(
        [Fault::CutHead, Fault::ResetBody, Fault::Swallow, Fault::LoseAnswer].iter().all(|f| !answered(*f))
    );
    assert!([Fault::ResetTail, Fault::WrongBody, Fault::AnnounceClose].iter().all(|fault| answered(*fault)));
}

#[test]
fn an_answer_can_bear_the_id_of_another() {
    let origin = Origin::start(&["--echo", "--fault", "wrong-id-every=1"]);
    assert!(origin.ask(1).unwrap().contains("x-changeover-id: 00000000deadbeef\r\n"));
}

#[test]
fn an_answer_can_drip() {
    let origin = Origin::start(&["--fault", "drip-every=1"]);
    let mut stream = origin.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Changeover-Id: 1\r\n\r\n").unwrap();
    let mut bytes = [0; 64];
    let counts: Vec<usize> = (0..8).map(|_| stream.read(&mut bytes).unwrap()).collect();
    assert_eq!(counts, [1; 8]);
}

/// The numbers of two requests that are sent in one piece, in the order of their answers.
fn pipelined(origin: &Origin) -> Vec<String> {
    let mut stream = origin.connect();
    let request = |id: u64, more: &str| {
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Changeover-Id: {id:016x}\r\n{more}\r\n")
    };
    stream
        .write_all(format!("{}{}", request(1, ""), request(2, "Connection: close\r\n")).as_bytes())
        .unwrap();
    let ids = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with("x-changeover-id"));
    ids.map(|line| line.trim_start_matches("x-changeover-id: 000000000000000").to_owned()).collect()
}

#[test]
fn pipelined_answers_can_be_swapped() {
    assert_eq!(pipelined(&Origin::start(&["--echo"])), ["1", "2"]);
    let origin = Origin::start(&["--echo", "--fault", "swap-answers-every=3"]);
    assert_eq!(pipelined(&origin), ["1", "2"]);
    assert_eq!(pipelined(&origin), ["2", "1"]);
    assert!(origin.journal().iter().all(|entry| entry.answered > 0));
    // Nothing is pipelined behind the sixth: it is answered as any other.
    assert!(origin.ask(5).is_ok() && origin.ask(6).is_ok());
}

#[test]
fn a_connection_can_end_when_it_is_idle() {
    for (fault, announced) in [("close-idle-every=1", false), ("announce-close-every=1", true)] {
        let origin = Origin::start(&["--fault", fault]);
        let answer = origin.say("GET / HTTP/1.1|Host: x|X-Changeover-Id: 1||").unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert_eq!(answer.contains("connection: close\r\n"), announced, "{answer}");
    }
}

#[test]
fn an_upload_can_be_miscounted() {
    let origin = Origin::start(&["--fault", "miscount-every=2"]);
    let put = "PUT /sink HTTP/1.1|Host: x|X-Changeover-Id: 1|Content-Length: 6|Connection: close||foobar";
    let counts: Vec<String> = (0..2).map(|_| origin.say(put).unwrap()).collect();
    assert!(
        counts[0].ends_with("6 85944171f73967e8\n") && counts[1].ends_with("5 85944171f73967e8\n"),
        "{counts:?}"
    );
}

#[test]
fn a_websocket_can_be_cut_and_an_event_skipped() {
    let origin = Origin::start(&["--fault", "cut-websocket-every=3", "skip-event-every=3"]);
    let (mut socket, _) = client(format!("ws://{}/websocket", origin.address), origin.connect()).unwrap();
    let mut echoed = |text: &'static str| socket.send(Message::text(text)).and_then(|()| socket.read());
    assert!(echoed("1").is_ok() && echoed("2").is_ok());
    assert!(echoed("3").is_err(), "no echo and no close frame");
    let mut stream = origin.connect();
    stream.write_all(b"GET /events?every_ms=1 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let ids = BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with("id: "));
    assert_eq!(ids.take(4).collect::<Vec<_>>(), ["id: 1", "id: 2", "id: 4", "id: 5"]);
}

#[test]
fn it_writes_down_what_it_does_wrong_and_ends_with_whoever_attends_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("faults.log");
    let mut process = Command::new(env!("CARGO_BIN_EXE_origin"))
        .args([
            "--name",
            "a",
            "--listen",
            "127.0.0.1:0",
            "--attended",
            "--fault",
            "close-every=2",
            "--fault-log",
        ])
        .arg(&log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    for id in 1..=4 {
        let mut stream = std::net::TcpStream::connect(line.trim()).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Changeover-Id: {id:016x}\r\n\r\n"
        )
        .unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
    let written = fs::read_to_string(&log).unwrap();
    let strikes: Vec<Strike> = written.lines().map(|line| Strike::parse(line).unwrap()).collect();
    assert_eq!(
        strikes.iter().map(|s| (s.id, s.fault)).collect::<Vec<_>>(),
        [(2, Fault::Close), (4, Fault::Close)]
    );
    assert!(strikes[0].at < strikes[1].at);
}

#[test]
fn a_queue_is_dropped_on_usr2_and_service_goes_on() {
    let origin = Origin::start(&["--fault", "drop-queue-on-usr2"]);
    assert!(origin.ask(1).is_ok());
    kill(origin.pid, Signal::SIGUSR2).unwrap();
    wait_until("a queued connection is reset", || origin.ask(2) == Err("ConnectionReset".into()));
    wait_until("requests are answered again", || origin.ask(3).is_ok());
    assert!(origin.ask(4).is_ok());
}
