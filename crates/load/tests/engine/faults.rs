//! The truth table: a fault of the server, and the class every attempt must get.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream},
    sync::atomic::AtomicBool,
};

use facts::{
    Record,
    plan::{Method, Population},
};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

use crate::{
    keepalive, outcomes, population, run,
    server::{Peer, Server},
};

/// Every one of at least `count` attempts of `population` gets `class` when the server does `serve`.
fn check(
    class: &str,
    population: Population,
    count: u64,
    serve: impl Fn(Peer, &AtomicBool) + Send + Sync + 'static,
) -> Vec<Record> {
    let server = Server::start(serve);
    let records = run(population, server.address, count);
    let all = records.len();
    assert_eq!(outcomes(&records), [(class, all)].into(), "every attempt is {class}");
    records
}

/// As [`check`], one connection per request; `serve` is called with the request read.
fn short(class: &str, serve: impl Fn(Peer, &str) + Send + Sync + 'static) -> Vec<Record> {
    check(class, population(), 50, move |mut peer, _| {
        if let Some(id) = peer.request() {
            serve(peer, &id);
        }
    })
}

fn hasty() -> Population {
    Population { timeout_ms: 200, ..population() }
}

#[test]
fn ok() {
    let records = short("ok", |mut peer, id| peer.answer(id));
    assert!(records.iter().all(|r| r.server_pid == 77 && r.status == 200 && r.sequence == 0 && r.errno == 0));
    assert!(
        records.iter().all(|r| r.connected <= r.sent && r.sent <= r.first_byte && r.first_byte <= r.done)
    );
    assert!(records.iter().all(|r| r.local_port != 0 && r.bytes_in > 80 && r.bytes_out > 60));
}

#[test]
fn an_answer_without_echo_is_ok_and_names_no_process() {
    let records = short("ok", |mut peer, _| peer.say("HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|0||"));
    assert!(records.iter().all(|r| r.server_pid == 0));
}

#[test]
fn a_body_that_ends_with_the_connection_is_ok() {
    short("ok", |mut peer, _| peer.say("HTTP/1.1 200 OK||everything"));
}

#[test]
fn refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let records = run(population(), address, 50);
    assert_eq!(outcomes(&records), [("refused", records.len())].into());
    assert!(records.iter().all(|r| r.errno == 111 && r.bytes_out == 0));
}

#[test]
fn connect_timeout() {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, 0).unwrap();
    let address: SocketAddr = getsockname(&listener).unwrap().try_into().unwrap();
    let _fills_the_queue = TcpStream::connect(address).unwrap();
    let records = run(hasty(), address, 20);
    assert_eq!(outcomes(&records), [("connect_timeout", records.len())].into());
    assert!(records.iter().all(|r| r.latency() >= 200_000_000));
}

#[test]
fn a_handshake_that_had_to_be_asked_for_twice_is_noted() {
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, 0).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let fills_the_queue = TcpStream::connect(address).unwrap();
    let (load, directory) = crate::start(vec![keepalive()], address);
    crate::wait_for_planned(&load, 1);
    // The kernel asks again after a second; by then the queue has room.
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop((listener.accept().unwrap(), fills_the_queue));
    let (mut stream, _) = listener.accept().unwrap();
    let serving = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(1..) = std::io::Read::read(&mut stream, &mut buffer) {
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
        }
    });
    let (_, records) = crate::stop(load, &directory);
    serving.join().unwrap();
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let retried: Vec<bool> = records.iter().map(|r| r.has(facts::record::flag::SYN_RETRY)).collect();
    assert!(retried[0] && records[0].connected >= 9_000_000 && !retried[1..].contains(&true), "{retried:?}");
}

#[test]
fn reset_or_end_before_any_byte_on_a_fresh_connection() {
    let reset = short("reset_in_accept_queue", |peer, _| peer.reset());
    assert!(reset.iter().all(|r| r.errno == 104 && r.bytes_in == 0));
    let end = short("reset_in_accept_queue", |peer, _| drop(peer));
    assert!(end.iter().all(|r| r.errno == 0 && r.bytes_in == 0));
}

#[test]
fn a_queue_that_is_thrown_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (load, directory) = crate::start(vec![population()], listener.local_addr().unwrap());
    crate::wait_for_planned(&load, 10);
    drop(listener);
    crate::wait_for_planned(&load, 30);
    let (_, records) = crate::stop(load, &directory);
    let outcomes = outcomes(&records);
    assert!(outcomes["reset_in_accept_queue"] >= 9 && outcomes["refused"] >= 10, "{outcomes:?}");
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
}

#[test]
fn cut_in_headers() {
    short("cut_in_headers", |mut peer, _| peer.say("HTTP/1.1 200 OK|Content-"));
    let reset = short("cut_in_headers", |mut peer, _| {
        peer.say("HTTP/1.1 200 OK|Content-");
        peer.reset();
    });
    assert!(reset.iter().all(|r| r.bytes_in == 25 && r.status == 0));
}

#[test]
fn cut_in_body() {
    short("cut_in_body", |mut peer, _| peer.say("HTTP/1.1 200 OK|Content-Length: 10||half"));
    short("cut_in_body", |mut peer, _| peer.say("HTTP/1.1 200 OK|Transfer-Encoding: chunked||a|half"));
    let reset = short("cut_in_body", |mut peer, _| {
        peer.say("HTTP/1.1 200 OK||until the close");
        peer.reset();
    });
    assert!(reset.iter().all(|r| r.errno == 104 && r.status == 200));
}

#[test]
fn a_server_that_hangs() {
    let silent = check("timeout_first_byte", hasty(), 20, |peer, _| peer.hold());
    assert!(silent.iter().all(|r| r.bytes_in == 0 && r.latency() >= 200_000_000));
    // The half must come in time, however late this machine gives the server its turn.
    let patient = Population { timeout_ms: 1500, ..population() };
    check("timeout_body", patient, 20, |mut peer, _| {
        peer.request();
        peer.say("HTTP/1.1 200 OK|Content-Length: 10||half");
        peer.hold();
    });
}

/// The history of a run.
fn history(
    population: Population,
    serve: impl Fn(Peer, &AtomicBool) + Send + Sync + 'static,
) -> facts::History {
    let server = Server::start(serve);
    let (load, directory) = crate::start(vec![population], server.address);
    crate::wait_for_planned(&load, 5);
    crate::stop(load, &directory);
    ledger::EventLog::create(&directory.path().join(ledger::EVENT_LOG_NAME)).unwrap();
    ledger::read_history(directory.path()).unwrap()
}

#[test]
fn what_the_kernel_knew_of_a_failed_connection_is_kept() {
    let hang = history(hasty(), |peer, _| peer.hold());
    let closed = history(population(), |mut peer, _| drop(peer.request()));
    let good = history(population(), |mut peer, _| {
        if let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let states = |history: &facts::History| {
        let ids: Vec<u64> = history.sockets.iter().map(|socket| socket.id).collect();
        let mut failed: Vec<u64> =
            history.records.iter().filter(|r| r.outcome().name() != "ok").map(|r| r.id).collect();
        failed.sort_unstable();
        assert_eq!(ids, failed, "a line for each failed attempt");
        history.sockets.iter().map(|socket| socket.state_name()).collect::<Vec<_>>()
    };
    assert!(states(&hang).iter().all(|state| *state == "ESTABLISHED"), "{:?}", states(&hang));
    assert!(states(&closed).iter().all(|state| *state == "CLOSE_WAIT"), "{:?}", states(&closed));
    assert!(states(&good).is_empty());
    assert!(hang.sockets.iter().all(|socket| socket.rtt_us > 0 && socket.unacked == 0));
}

#[test]
fn stuck_write() {
    let upload = Population { method: Method::Post, body_bytes: 16 << 20, timeout_ms: 200, ..keepalive() };
    check("stuck_write", upload, 3, Peer::freeze);
}

#[test]
fn an_early_answer_to_an_upload_counts() {
    let upload = Population { method: Method::Post, body_bytes: 16 << 20, ..keepalive() };
    check("status_other", upload, 3, |mut peer, _| {
        peer.say("HTTP/1.1 413 Too Large|Content-Length: 0||");
        peer.leave_unread();
    });
}

#[test]
fn statuses() {
    short("status_5xx", |mut peer, _| peer.say("HTTP/1.1 503 No|Content-Length: 2||no"));
    short("status_other", |mut peer, _| peer.say("HTTP/1.1 404 No|Content-Length: 2||no"));
    short("status_other", |mut peer, _| peer.say("SSH-2.0-OpenSSH_9||"));
}

#[test]
fn wrong_answers() {
    short("wrong_id", |mut peer, _| peer.answer("00000000deadbeef"));
    short("wrong_body", |mut peer, _| peer.say("HTTP/1.1 200 OK|Content-Length: 2||more than two"));
}

#[test]
fn an_upload_is_read_and_answered() {
    let upload = Population { method: Method::Post, body_bytes: 300_000, ..keepalive() };
    let records = check("ok", upload, 20, |mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    assert!(records.iter().all(|r| r.bytes_out > 300_000 && r.has(facts::record::flag::UNSAFE_METHOD)));
}

#[test]
fn what_never_got_a_connection_is_unsent_and_nobodys_fault() {
    let server = Server::start(|peer, _| peer.hold());
    let records = run(Population { connections: 1, ..hasty() }, server.address, 100);
    let outcomes = outcomes(&records);
    assert!(outcomes["timeout_first_byte"] >= 1 && outcomes["unsent"] >= 50, "{outcomes:?}");
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
}

#[test]
fn a_hang_at_the_end_keeps_its_whole_timeout() {
    let server = Server::start(|peer, _| peer.hold());
    let patient = Population { timeout_ms: 700, ..population() };
    // Stopped long before the timeout of the first attempt.
    let records = run(patient, server.address, 20);
    assert_eq!(outcomes(&records), [("timeout_first_byte", records.len())].into());
    assert!(records.iter().all(|r| r.latency() >= 700_000_000));
}
