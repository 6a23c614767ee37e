//! What users of an ordinary client library see, written down as far as the library tells.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU64, Ordering},
};

use facts::{
    Record,
    plan::{Behaviour, LoadChange, Method, Pace, Population},
    record::{NEVER, flag},
};
use load::Load;

use crate::{
    keepalive, outcomes, population,
    server::{Peer, Server},
    setup, start, wait_for_planned,
};

/// Ordinary clients, 100 requests a second.
fn users() -> Population {
    Population {
        behaviour: Behaviour::Reqwest,
        pace: Pace::Poisson { per_second: 100.0 },
        timeout_ms: 1000,
        ..population()
    }
}

/// Runs until `count` starts were planned; the records of the ordinary clients.
fn run(population: Population, address: SocketAddr, count: u64) -> Vec<Record> {
    let (load, directory) = start(vec![population], address);
    wait_for_planned(&load, count);
    stopped(load, &directory)
}

fn stopped(load: Load, directory: &tempfile::TempDir) -> Vec<Record> {
    let counts = load.stop().unwrap().counts;
    assert_eq!(counts.planned, counts.sent + counts.unsent);
    let records = ledger::read_ledger(&directory.path().join(ledger::ledger_name(1))).unwrap();
    let ids = records.iter().map(|record| record.id - (1 << 48));
    assert!(ids.eq(1..=records.len() as u64), "ids have no gap, behind those of the engine's thread");
    records
}

/// A server that does this to every third request, counted over all connections, and answers the others.
fn at_times(wrong: impl Fn(&mut Peer, &str) -> Then + Send + Sync + 'static) -> Server {
    let count = AtomicU64::new(0);
    Server::start(move |mut peer, _| {
        while let Some(id) = peer.request() {
            match count.fetch_add(1, Ordering::Relaxed) % 3 {
                2 => match wrong(&mut peer, &id) {
                    Then::GoOn => {}
                    Then::Close => return,
                    Then::Reset => return peer.reset(),
                    Then::Hang => return peer.hold(),
                },
                _ => peer.answer(&id),
            }
        }
    })
}

#[derive(Clone, Copy)]
enum Then {
    GoOn,
    Close,
    Reset,
    Hang,
}

fn no_other(records: &[Record], classes: &[&str]) {
    let found = outcomes(records);
    assert!(found.keys().all(|class| *class == "ok" || classes.contains(class)), "{found:?}");
    let wrong = classes.iter().filter_map(|class| found.get(class)).sum::<usize>();
    let third = records.len() / 3;
    assert!(wrong == third, "{third} of {} were to be {classes:?}: {found:?}", records.len());
}

#[test]
fn good_answers_on_pooled_connections_are_written_down_whole() {
    let server = at_times(|peer, id| {
        peer.answer(id);
        Then::GoOn
    });
    let records = run(users(), server.address, 60);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let reused = records.iter().filter(|record| record.reused()).count();
    assert!(reused * 2 > records.len(), "{reused} of {} found a pooled connection", records.len());
    for record in &records {
        assert_eq!((record.status, record.server_pid), (200, 77), "{record:?}");
        assert!(record.connection > 0 && record.local_port > 0 && record.bytes_in > 40, "{record:?}");
        assert!(record.first_byte <= record.done && record.sent == NEVER, "{record:?}");
    }
}

#[test]
fn connections_are_told_apart_and_their_requests_counted() {
    let server = at_times(|peer, id| {
        peer.answer(id);
        Then::GoOn
    });
    let mut records = run(users(), server.address, 60);
    records.sort_by_key(|record| (record.connection, record.sequence));
    for pair in records.windows(2) {
        let expected = if pair[0].connection == pair[1].connection { pair[0].sequence + 1 } else { 0 };
        assert_eq!(pair[1].sequence, expected, "{pair:?}");
    }
}

#[test]
fn the_size_of_a_request_is_what_came() {
    for (method, body_bytes) in [(Method::Get, 0), (Method::Post, 300)] {
        let (told, said) = std::sync::mpsc::channel();
        let server = Server::start(move |mut peer, _| {
            while let Some(head) = peer.head() {
                let (id, body) =
                    if body_bytes > 0 { peer.body(&head).unwrap() } else { (id_of(&head), vec![]) };
                told.send(head.len() + body.len()).unwrap();
                peer.answer(&id);
            }
        });
        let population = Population { method, body_bytes, path: "/a?b=c".into(), ..users() };
        let records = run(population, server.address, 5);
        let came = said.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert!(records.iter().all(|record| record.bytes_out as usize == came), "{came}: {records:?}");
    }
}

fn id_of(head: &str) -> String {
    head.lines()
        .find_map(|line| line.strip_prefix("x-changeover-id: "))
        .expect("hyper writes it so")
        .to_owned()
}

#[test]
fn an_unanswered_close_is_called_by_its_connection_and_says_what_is_not_told() {
    for (method, class) in [(Method::Get, "retriable_close"), (Method::Post, "unsafe_close")] {
        for reset in [false, true] {
            let server = at_times(move |_, _| if reset { Then::Reset } else { Then::Close });
            let body_bytes = if method == Method::Post { 10 } else { 0 };
            let records = run(Population { method, body_bytes, ..users() }, server.address, 60);
            no_other(&records, &[class, "reset_in_accept_queue"]);
            for record in records.iter().filter(|record| record.outcome().name() != "ok") {
                assert_eq!(record.outcome().name() == class, record.reused(), "{record:?}");
                assert!(record.has(flag::HEAD_UNTOLD) && record.connection > 0, "{record:?}");
                // A reset may come as the end of the stream did, where the request had not been read.
                assert!(reset || record.errno == 0 || record.errno == 104, "{record:?}");
            }
        }
    }
}

#[test]
fn a_head_that_was_cut_looks_as_if_nothing_had_come_and_is_said_to() {
    let server = at_times(|peer, _| {
        peer.say("HTTP/1.1 200 OK|Content-Le");
        Then::Close
    });
    let records = run(users(), server.address, 60);
    no_other(&records, &["retriable_close", "reset_in_accept_queue"]);
    let lost = records.iter().filter(|record| record.outcome().name() != "ok");
    assert!(lost.clone().all(|record| record.has(flag::HEAD_UNTOLD) && record.bytes_in == 0));
}

#[test]
fn what_comes_behind_a_head_is_told_apart() {
    let cut = "HTTP/1.1 200 OK|Content-Length: 9||ok";
    let chunks = "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|ok|";
    let rows = [
        (cut, Then::Close, "cut_in_body"),
        (cut, Then::Reset, "cut_in_body"),
        (chunks, Then::Close, "cut_in_body"),
        (cut, Then::Hang, "timeout_body"),
        ("HTTP/1.1 503 No|Content-Length: 2||no", Then::GoOn, "status_5xx"),
        ("HTTP/1.1 302 No|Location: /|Content-Length: 2||no", Then::GoOn, "status_other"),
        ("HTTP/1.1 200 OK|X-Changeover-Id: 0000000000000fff|Content-Length: 2||ok", Then::GoOn, "wrong_id"),
        ("HTTP/1.1 200 OK|Content-Length: 2||ok", Then::GoOn, "wrong_id"),
    ];
    for (answer, then, class) in rows {
        let server = at_times(move |peer, _| {
            peer.say(answer);
            then
        });
        no_other(&run(users(), server.address, 30), &[class]);
    }
}

#[test]
fn another_body_and_what_is_no_http_are_told_apart() {
    let server = at_times(|peer, id| {
        peer.say(&format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 2||ko"));
        Then::GoOn
    });
    no_other(&run(users(), server.address, 30), &["wrong_body"]);
    let server = at_times(|peer, _| {
        peer.say("SSH-2.0-OpenSSH||");
        Then::Close
    });
    no_other(&run(users(), server.address, 30), &["status_other"]);
}

#[test]
fn who_hangs_is_told_from_who_is_not_let_in() {
    let server = at_times(|_, _| Then::Hang);
    no_other(&run(users(), server.address, 30), &["timeout_first_byte"]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let fillers: Vec<_> = (0..2)
        .map(|_| std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(50)))
        .collect();
    let records = run(users(), address, 10);
    assert_eq!(outcomes(&records), [("connect_timeout", records.len())].into(), "{fillers:?}");
    drop(listener);
    let records = run(users(), address, 10);
    assert_eq!(outcomes(&records), [("refused", records.len())].into());
    assert!(records.iter().all(|record| record.errno == 111 && record.connected == NEVER));
}

#[test]
fn they_stand_beside_the_engines_own_clients_and_their_rate_can_be_changed() {
    let server = at_times(|peer, id| {
        peer.answer(id);
        Then::GoOn
    });
    let own = Population { name: "own".into(), ..keepalive() };
    let (load, directory) = start(vec![own, users()], server.address);
    wait_for_planned(&load, 60);
    assert!(load.change(1, LoadChange::Rate { per_second: 501.0 }).is_err());
    load.change(1, LoadChange::Rate { per_second: 400.0 }).unwrap();
    wait_for_planned(&load, 300);
    load.change(1, LoadChange::Stop).unwrap();
    let theirs = stopped(load, &directory);
    let own = ledger::read_ledger(&directory.path().join(ledger::ledger_name(0))).unwrap();
    assert!(own.iter().all(|record| record.population == 0) && !own.is_empty());
    assert!(theirs.iter().all(|record| record.population == 1) && theirs.len() > 60);
    let of = |records: &[Record]| {
        records.iter().map(|record| record.connection).collect::<std::collections::HashSet<_>>()
    };
    assert!(of(&own).is_disjoint(&of(&theirs)), "a connection has one number in the run");
}

#[test]
fn more_at_a_time_than_it_has_connections_wait_and_are_late_by_as_much() {
    let server = Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            peer.answer(&id);
        }
    });
    let pace = Pace::Burst { per_second: 100.0, size: 10 };
    let records = run(Population { connections: 2, pace, ..users() }, server.address, 20);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let latest = records.iter().map(Record::latency).max().unwrap();
    assert!(latest >= 5 * 20_000_000, "the tenth of ten waits for four pairs before it: {latest}");
    assert!(of_connections(&records) <= 2);
}

fn of_connections(records: &[Record]) -> usize {
    records.iter().map(|record| record.connection).collect::<std::collections::HashSet<_>>().len()
}

#[test]
fn what_they_cannot_do_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let refused = |population: Population, why: &str| {
        let error = load::start(setup(vec![population], address, &directory)).map(drop).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    refused(Population { pace: Pace::Poisson { per_second: 501.0 }, ..users() }, "500 requests a second");
    refused(Population { pace: Pace::Closed, ..users() }, "paced by a rate");
    refused(Population { sources: 3, ..users() }, "one address");
    refused(Population { method: Method::Post, body_bytes: 16_385, ..users() }, "16384 bytes");
}
