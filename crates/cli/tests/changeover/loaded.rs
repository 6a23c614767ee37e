//! `load` on servers of this test: what it says, and how it ends.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    thread,
};

use assert_cmd::cargo::cargo_bin;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

/// A server that answers with what `answer` makes of a request's id and number, until it makes nothing of it.
fn server(answer: impl Fn(&str, usize) -> Option<String> + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || serve(stream, answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: impl Fn(&str, usize) -> Option<String>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    for number in 0.. {
        let (mut id, mut line) = (String::new(), String::new());
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) && line != "\r\n" {
            if let Some(value) = line.strip_prefix("X-Changeover-Id: ") {
                id = value.trim().to_owned();
            }
            line.clear();
        }
        let Some(text) = answer(&id, number).filter(|_| line == "\r\n") else { return };
        if stream.write_all(text.replace('|', "\r\n").as_bytes()).is_err() {
            return;
        }
    }
}

/// Names the request it answers.
fn echoing() -> SocketAddr {
    server(|id, _| Some(format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 2||ok")))
}

fn load(address: SocketAddr, options: &str) -> Output {
    let url = format!("http://{address}/");
    let command = &mut Command::new(cargo_bin!("changeover"));
    command.arg("load").args(options.split_whitespace()).arg(url).output().expect("run changeover")
}

fn found(output: &Output) -> Value {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"))
}

#[test]
fn headers_are_sent_and_a_run_that_was_not_written_down_shows_nothing() {
    let address =
        server(|id, _| Some(format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 2||ok")));
    let output = load(address, "--closed -c 1 -n 5 --header A:b --json -");
    assert_eq!(output.status.code(), Some(0), "{}", found(&output));
    // As long as its name and value, the colon, the space and the end of the line.
    let bytes = |output: &Output| found(output)["bytes_out"].as_u64().expect("a number") / 5;
    let plain = load(address, "--closed -c 1 -n 5 --json -");
    assert_eq!(bytes(&output), bytes(&plain) + "A: b\r\n".len() as u64);
    let unwritten = load(address, "--closed -c 1 -n 5 --without-ledger --json -");
    assert_eq!(unwritten.status.code(), Some(3));
    assert_eq!(found(&unwritten)["why"], json!("no request was written down"));
}

#[test]
fn who_spins_is_as_exact_as_the_plan() {
    let output = load(echoing(), "--rate 300 -n 100 --pacing spin --json -");
    let found = found(&output);
    assert_eq!((&found["planned"], &found["ok"]), (&json!(100), &json!(100)), "{found}");
    assert_eq!(found["generator_priority"], json!("ordinary"), "who never sleeps does not run before others");
}

#[test]
fn every_request_is_counted_and_a_server_that_answers_all_lost_nothing() {
    let output = load(echoing(), "--closed -c 3 -n 500 --threads 2 --json -");
    let found = found(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert_eq!((&found["planned"], &found["sent"], &found["ok"]), (&json!(500), &json!(500), &json!(500)));
    assert_eq!((&found["loop"], &found["ids_checked"]), (&json!("closed"), &json!(true)));
    assert_eq!(found["latency_ns"]["count"], json!(500));
    assert!(found["latency_ns"]["p50"].is_u64() && found["latency_ns"]["p99"].is_null(), "{found}");
}

#[test]
fn a_loss_is_1_and_told_with_its_class() {
    // Every third request on a connection is the last, and gets no answer.
    let dying = server(|_, number| (number < 2).then(|| "HTTP/1.1 200 OK|Content-Length: 2||ok".to_owned()));
    let output = load(dying, "--rate 200 -c 2 -n 60 --body 10");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("unsafe_close           lost\n"), "{out}");
    assert!(out.contains("note         this server does not echo X-Changeover-Id"), "{out}");
    assert!(out.contains("\nLOST "), "{out}");
}

#[test]
fn answers_that_belong_to_nobody_are_corrupt() {
    let stranger =
        server(|_, _| Some("HTTP/1.1 200 OK|X-Changeover-Id: 00000000000000ff|Content-Length: 0||".into()));
    let output = load(stranger, "--closed -c 1 -n 5 --json -");
    assert_eq!((output.status.code(), &found(&output)["classes"]), (Some(1), &json!({ "wrong_id": 5 })));
}

#[test]
fn bodies_that_differ_are_wrong_unless_they_may() {
    let varying = server(|id, number| {
        Some(format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 4||{number:04}"))
    });
    let output = load(varying, "--closed -c 1 -n 5");
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("if that is as it should be: --vary"), "{out}");
    assert_eq!(load(varying, "--closed -c 1 -n 5 --vary --quiet").status.code(), Some(0));
}

#[test]
fn nobody_there_is_a_loss_and_what_cannot_be_asked_is_2() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a listener").local_addr().expect("an address");
    let output = load(nobody, "--rate 500 -n 20 --json -");
    assert_eq!((output.status.code(), &found(&output)["classes"]), (Some(1), &json!({ "refused": 20 })));
    let output = load(nobody, "--rate 5 --burst 3");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{err}");
    assert_eq!(err, "--burst has no effect with these arrivals; see --help\n");
}

#[test]
fn files_hold_what_was_found_and_nothing_else_is_left() {
    let here = tempfile::tempdir().expect("a folder");
    let path = |name: &str| here.path().join(name).to_str().expect("a name").to_owned();
    let (json, hlog, ledger) = (path("j"), path("h"), path("l"));
    let options = format!("--rate 400 -n 100 --json {json} --hlog {hlog} --ledger {ledger} --progress");
    let output = load(echoing(), &options);
    let found: Value = serde_json::from_str(&fs::read_to_string(&json).expect("the JSON")).expect("JSON");
    assert_eq!(found["sent"], serde_json::json!(100));
    assert!(fs::read_to_string(&hlog).expect("the log").contains("Tag=load.load,0.000,1.000,"));
    let records = ledger::read_ledger(&here.path().join("l").join(ledger::ledger_name(0)));
    assert_eq!(records.expect("a ledger").len(), 100);
    assert!(String::from_utf8_lossy(&output.stdout).contains("from intended start"));
    let again = load(echoing(), &format!("--closed -n 1 --ledger {ledger}"));
    let err = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.code() == Some(70) && err.contains("File exists"), "{err}");
}

#[test]
fn an_interrupted_load_ends_early_and_reports() {
    let url = format!("http://{}/", echoing());
    let mut command = Command::new(cargo_bin!("changeover"));
    let arguments = ["load", "--rate", "200", "-d", "10m", "--progress", &url];
    let command = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start changeover");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    err.read_line(&mut line).expect("a line a second");
    assert!(line.contains("/s  ok ") && line.contains("  lost 0"), "{line}");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).expect("signal changeover");
    let mut out = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("the table");
    assert_eq!(child.wait().expect("wait").code(), Some(130), "{out}");
    assert!(out.contains(", interrupted; seed 1\n"), "{out}");
}
