//! Upgraded connections: what was said on them, and how they end.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use facts::{
    Record,
    plan::{Behaviour, Pace, Population},
    record::flag,
};

use crate::{
    keepalive, outcomes, run,
    server::{Peer, Server},
};

fn websocket() -> Population {
    Population {
        behaviour: Behaviour::Websocket { lasts_ms: None },
        path: "/websocket".into(),
        timeout_ms: 500,
        ..keepalive()
    }
}

/// Answers the handshake.
fn upgrade(peer: &mut Peer) -> Option<()> {
    let head = peer.head()?;
    assert!(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{head}");
    let id = head.lines().find_map(|line| line.strip_prefix("X-Changeover-Id: ")).unwrap().to_owned();
    peer.say(&format!(
        "HTTP/1.1 101 Switching Protocols|Connection: Upgrade|Upgrade: websocket|X-Changeover-Id: {id}|\
         X-Changeover-Pid: 77|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=||"
    ));
    Some(())
}

/// The opcode and the payload of a short masked frame.
fn frame(peer: &mut Peer) -> Option<(u8, Vec<u8>)> {
    let head = peer.read(6)?;
    assert!(head[0] & 0x80 != 0 && head[1] & 0x80 != 0, "whole and masked");
    let payload = peer.read(usize::from(head[1] & 0x7f))?;
    let unmasked = payload.iter().zip(head[2..].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((head[0] & 15, unmasked))
}

fn write_frame(peer: &mut Peer, opcode: u8, payload: &[u8]) {
    peer.write(&[&[0x80 | opcode, payload.len() as u8], payload].concat());
}

fn echo(peer: &mut Peer) -> Option<()> {
    let (opcode, payload) = frame(peer)?;
    assert_eq!(opcode, 1);
    write_frame(peer, 1, &payload);
    Some(())
}

fn served(count: u64, serve: impl Fn(&mut Peer) -> Option<()> + Send + Sync + 'static) -> Vec<Record> {
    let server = Server::start(move |mut peer, _| {
        if upgrade(&mut peer).is_some() {
            serve(&mut peer);
        }
    });
    let mut records = run(websocket(), server.address, count);
    records.sort_by_key(|record| record.id);
    records
}

fn classes(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.outcome().name()).collect()
}

#[test]
fn a_handshake_and_every_message_have_a_record() {
    let records = served(20, |peer| {
        while echo(peer).is_some() {}
        Some(())
    });
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert!(records.iter().all(|r| r.connection == 1 && r.status == 101 && r.server_pid == 77));
    assert!(records.iter().enumerate().all(|(n, r)| usize::from(r.sequence) == n));
    assert!(!records[0].has(flag::MESSAGE) && records[1..].iter().all(|r| r.has(flag::MESSAGE)));
    assert!(records.iter().all(|r| r.sent <= r.first_byte && r.first_byte <= r.done && r.bytes_in > 0));
}

#[test]
fn a_ping_is_answered_whether_anything_is_asked_or_not() {
    let ponged = Arc::new(AtomicUsize::new(0));
    let counted = ponged.clone();
    served(5, move |peer| {
        loop {
            write_frame(peer, 9, b"there?");
            match frame(peer)? {
                (10, payload) if payload == b"there?" => counted.fetch_add(1, Ordering::SeqCst),
                (1, payload) => {
                    write_frame(peer, 1, &payload);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            echo(peer)?;
        }
    });
    assert!(ponged.load(Ordering::SeqCst) >= 4);
}

#[test]
fn a_farewell_between_two_messages_is_no_loss() {
    let was_answered = std::sync::Arc::new(AtomicBool::new(false));
    let answered = was_answered.clone();
    let records = served(9, move |peer| {
        echo(peer)?;
        write_frame(peer, 8, &1001_u16.to_be_bytes());
        let (opcode, payload) = frame(peer)?;
        answered.store(opcode == 8 && payload == 1001_u16.to_be_bytes(), Ordering::SeqCst);
        Some(())
    });
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert!(was_answered.load(Ordering::SeqCst), "the client takes its leave, too");
    let again = records.iter().filter(|r| r.has(flag::IDLE_CLOSE_SEEN)).count();
    assert!(again >= 3, "each new handshake tells of the farewell before it: {again}");
}

#[test]
fn a_message_under_a_farewell_may_be_said_again() {
    let records = served(6, |peer| {
        echo(peer)?;
        frame(peer)?;
        write_frame(peer, 8, &1001_u16.to_be_bytes());
        frame(peer).map(drop)
    });
    assert_eq!(classes(&records)[..6], ["ok", "ok", "deadline", "ok", "ok", "deadline"]);
}

#[test]
fn who_lasts_for_a_time_takes_his_leave_and_comes_again() {
    let farewells = Arc::new(AtomicUsize::new(0));
    let seen = farewells.clone();
    let server = Server::start(move |mut peer, _| {
        upgrade(&mut peer);
        while let Some((opcode, payload)) = frame(&mut peer) {
            match opcode {
                1 => write_frame(&mut peer, 1, &payload),
                _ if payload == 1000_u16.to_be_bytes() => _ = seen.fetch_add(1, Ordering::SeqCst),
                _ => panic!("no farewell"),
            }
        }
    });
    let brief = Population { behaviour: Behaviour::Websocket { lasts_ms: Some(0) }, ..websocket() };
    let mut records = run(brief, server.address, 12);
    records.sort_by_key(|record| record.id);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    // A handshake and a message on each connection.
    assert!(records.iter().enumerate().all(|(n, r)| usize::from(r.connection as u16) == n / 2 + 1));
    assert!(farewells.load(Ordering::SeqCst) >= 4);
}

#[test]
fn who_takes_his_leave_waits_for_the_other_to_say_so_too() {
    let (in_order, reset) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (in_order.clone(), reset.clone());
    let server = Server::start(move |mut peer, _| {
        upgrade(&mut peer);
        while let Some((1, payload)) = frame(&mut peer) {
            write_frame(&mut peer, 1, &payload);
        }
        // Behind the farewell something may still be on its way, and the answer to it is.
        write_frame(&mut peer, 1, b"late");
        write_frame(&mut peer, 8, &1000_u16.to_be_bytes());
        let ends = if peer.ends_in_order() { &seen.0 } else { &seen.1 };
        ends.fetch_add(1, Ordering::SeqCst);
    });
    let brief = Population {
        behaviour: Behaviour::Websocket { lasts_ms: Some(0) },
        pace: Pace::Think { nanos: 100_000_000 },
        ..websocket()
    };
    let records = run(brief, server.address, 12);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let ends = (in_order.load(Ordering::SeqCst), reset.load(Ordering::SeqCst));
    assert!(ends.0 >= 4 && ends.1 == 0, "{ends:?}");
}

#[test]
fn an_end_without_a_farewell_is_abnormal() {
    let in_flight = served(6, |peer| {
        echo(peer)?;
        frame(peer).map(drop)
    });
    assert_eq!(
        classes(&in_flight)[..6],
        ["ok", "ok", "websocket_abnormal", "ok", "ok", "websocket_abnormal"]
    );
    // Nothing is under way then: the end has a record of its own, and the next attempt is a handshake.
    let idle = served(6, echo);
    assert_eq!(classes(&idle)[..6], ["ok", "ok", "websocket_abnormal", "ok", "ok", "websocket_abnormal"]);
    assert!(idle[2].has(flag::MESSAGE) && idle[2].connection == 1 && idle[2].bytes_out == 0);
    let failure = served(3, |peer| {
        echo(peer)?;
        write_frame(peer, 8, &1011_u16.to_be_bytes());
        frame(peer).map(drop)
    });
    assert_eq!(classes(&failure)[..3], ["ok", "ok", "websocket_abnormal"]);
}

#[test]
fn who_is_told_to_stop_takes_his_leave() {
    let farewell = std::sync::Arc::new(AtomicBool::new(false));
    let seen = farewell.clone();
    let server = Server::start(move |mut peer, _| {
        upgrade(&mut peer);
        while let Some((opcode, payload)) = frame(&mut peer) {
            match opcode {
                1 => write_frame(&mut peer, 1, &payload),
                _ => seen.store(opcode == 8 && payload == 1000_u16.to_be_bytes(), Ordering::SeqCst),
            }
        }
    });
    let (load, directory) = crate::start(vec![websocket()], server.address);
    crate::wait_for_planned(&load, 5);
    load.change(0, facts::plan::LoadChange::Stop).expect("it runs");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !farewell.load(Ordering::SeqCst) {
        assert!(std::time::Instant::now() < deadline, "no close frame came");
        std::thread::yield_now();
    }
    let (_, records) = crate::stop(load, &directory);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
}

#[test]
fn another_echo_is_wrong_and_none_is_a_hang() {
    let other = served(3, |peer| {
        frame(peer)?;
        write_frame(peer, 1, b"something else");
        frame(peer).map(drop)
    });
    assert_eq!(classes(&other)[..3], ["ok", "wrong_id", "ok"]);
    let silence = served(2, |peer| {
        while frame(peer).is_some() {}
        Some(())
    });
    assert_eq!(classes(&silence)[..2], ["ok", "timeout_first_byte"]);
}

#[test]
fn a_refused_handshake_is_what_its_status_says() {
    let check = |text: &'static str, class: &str| {
        let server = Server::start(move |mut peer, _| {
            peer.head();
            peer.say(text);
        });
        let records = run(websocket(), server.address, 3);
        assert_eq!(outcomes(&records), [(class, records.len())].into(), "{text}");
    };
    check("HTTP/1.1 200 OK|Content-Length: 2||ok", "status_other");
    check("HTTP/1.1 502 Bad Gateway|Content-Length: 0||", "status_5xx");
    check("HTTP/1.1 101 Switching Protocols|Sec-WebSocket-Accept: another||", "status_other");
    check("HTTP/1.1 101 Switching", "cut_in_headers");
}
