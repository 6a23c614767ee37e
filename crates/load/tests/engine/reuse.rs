//! Connections that are kept: when they are reused, when their end is noticed and when it must not be.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use facts::{
    plan::{Method, Pace, Population},
    record::flag,
};

use crate::{keepalive, outcomes, population, run, server::Server};

/// Answers `n` requests on each connection, then closes it in order.
fn closes_after(n: usize) -> Server {
    Server::start(move |mut peer, _| {
        for _ in 0..n {
            let Some(id) = peer.request() else { return };
            peer.answer(&id);
        }
    })
}

#[test]
fn a_connection_is_reused_and_its_requests_are_numbered() {
    let server = closes_after(usize::MAX);
    let records = run(keepalive(), server.address, 50);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert!(records.iter().all(|r| r.connection == 1));
    assert!(records.iter().enumerate().all(|(n, r)| usize::from(r.sequence) == n));
    assert!(records[1..].iter().all(|r| r.connected == 0));
}

#[test]
fn a_client_that_does_not_look_loses_the_request_after_an_idle_close() {
    let server = closes_after(3);
    let records = run(keepalive(), server.address, 40);
    // Three answered, the fourth lost, and over again on a new connection.
    for (n, record) in records.iter().enumerate() {
        let expected = if n % 4 == 3 { "retriable_close" } else { "ok" };
        assert_eq!((record.outcome().name(), usize::from(record.sequence)), (expected, n % 4), "attempt {n}");
        assert_eq!(record.connection as usize, n / 4 + 1);
        assert!(!record.has(flag::LOOKED | flag::IDLE_CLOSE_SEEN));
    }
}

#[test]
fn an_idle_close_under_a_post_is_unsafe() {
    let server = closes_after(1);
    let posts = Population { method: Method::Post, body_bytes: 10, ..keepalive() };
    let records = run(posts, server.address, 20);
    let lost = records.iter().filter(|r| r.outcome().name() == "unsafe_close").count();
    assert_eq!(outcomes(&records), [("ok", records.len() - lost), ("unsafe_close", lost)].into());
    assert!(lost >= 9, "{lost} of {}", records.len());
}

#[test]
fn a_client_that_looks_loses_nothing_and_says_what_it_saw() {
    let server = closes_after(3);
    let records = run(Population { looks: true, ..keepalive() }, server.address, 40);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    for (n, record) in records.iter().enumerate() {
        assert_eq!(usize::from(record.sequence), n % 3, "attempt {n}");
        assert_eq!(record.has(flag::IDLE_CLOSE_SEEN), n > 0 && n % 3 == 0, "attempt {n}");
        assert_eq!(record.has(flag::LOOKED), n > 0, "attempt {n}");
    }
}

#[test]
fn an_announced_close_is_honoured() {
    let server = Server::start(|mut peer, _| {
        if peer.request().is_some() {
            peer.say("HTTP/1.1 200 OK|Connection: close|Content-Length: 0||");
        }
    });
    let records = run(keepalive(), server.address, 20);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert!(records.iter().all(|r| r.has(flag::CLOSE_ANNOUNCED) && r.sequence == 0));
}

#[test]
fn an_open_loop_opens_all_its_connections_and_no_more() {
    let most = Arc::new(AtomicUsize::new(0));
    let opened = most.clone();
    let server = Server::start(move |mut peer, _| {
        opened.fetch_add(1, Ordering::Relaxed);
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let pace = Pace::Constant { per_second: 500.0 };
    let records = run(Population { pace, connections: 8, ..keepalive() }, server.address, 100);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert_eq!(most.load(Ordering::Relaxed), 8);
}

#[test]
fn a_start_without_a_free_connection_waits_and_keeps_its_intended_time() {
    let server = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            peer.answer(&id);
        }
    });
    let pace = Pace::Constant { per_second: 100.0 };
    let records = run(Population { pace, connections: 1, ..population() }, server.address, 20);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    // One at a time, 20 ms each, wanted every 10 ms: the last of n waited about 10 n ms.
    let last = records.last().unwrap();
    let waited_ms = last.latency() / 1_000_000;
    assert!(waited_ms >= 10 * (records.len() as u64 - 1), "{waited_ms} ms after {} starts", records.len());
}
