//! Clients that take their time, each against a server that looks at how they do it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use facts::{
    Record,
    plan::{Behaviour, Framing, Method, Population},
    record::flag,
};

use crate::{
    outcomes, population, run,
    server::{Peer, Server},
};

fn all(class: &'static str, records: &[Record]) {
    assert_eq!(outcomes(records), [(class, records.len())].into());
}

fn few(behaviour: Behaviour) -> Population {
    let pace = facts::plan::Pace::Poisson { per_second: 50.0 };
    Population { behaviour, pace, connections: 16, ..population() }
}

#[test]
fn a_slow_head_comes_in_pieces_over_its_time() {
    let server = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            assert!(peer.pieces() >= 3, "{} pieces", peer.pieces());
            peer.answer(&id);
        }
    });
    let records = run(few(Behaviour::SlowHeader { over_ms: 200 }), server.address, 10);
    all("ok", &records);
    assert!(records.iter().all(|r| r.sent - r.connected >= 1_800_000), "the last byte is due after 180 ms");
}

fn upload(framing: Framing) -> Population {
    let behaviour = Behaviour::Upload { over_ms: 60, framing };
    Population { method: Method::Post, body_bytes: 100_000, path: "/sink".into(), ..few(behaviour) }
}

/// Answers an upload as the harness's own back end does, but as if `less` bytes had not come.
fn receipt(peer: &mut Peer, id: &str, body: &[u8], less: usize) {
    let body = &body[..body.len() - less];
    let text = format!("{} {:016x}\n", body.len(), fnv1a(body));
    peer.say(&format!(
        "HTTP/1.1 200 OK|X-Changeover-Id: {id}|X-Changeover-Received: {}|Content-Length: {}||{text}",
        body.len(),
        text.len()
    ));
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn an_upload_is_counted_and_summed_in_every_framing() {
    for framing in [Framing::Length, Framing::Chunked, Framing::Expect] {
        let server = Server::start(move |mut peer, _| {
            let Some(head) = peer.head() else { return };
            assert_eq!(head.contains("Expect: 100-continue"), framing == Framing::Expect);
            if framing == Framing::Expect {
                assert_eq!(peer.unread(), 0, "the body waits");
                peer.say("HTTP/1.1 100 Continue||");
            }
            if let Some((id, body)) = peer.body(&head) {
                assert_eq!(body.len(), 100_000);
                receipt(&mut peer, &id, &body, 0);
            }
        });
        let records = run(upload(framing), server.address, 10);
        all("ok", &records);
        assert!(records.iter().all(|r| r.bytes_out > 100_000 && r.sent - r.connected >= 400_000));
    }
}

#[test]
fn an_upload_that_arrived_short_or_changed_is_found() {
    let server = Server::start(|mut peer, _| {
        if let Some((id, body)) = peer.head().and_then(|head| peer.body(&head)) {
            receipt(&mut peer, &id, &body, 1);
        }
    });
    all("upload_short", &run(upload(Framing::Length), server.address, 5));
    let server = Server::start(|mut peer, _| {
        if let Some((id, mut body)) = peer.head().and_then(|head| peer.body(&head)) {
            body[77] ^= 1;
            receipt(&mut peer, &id, &body, 0);
        }
    });
    all("wrong_body", &run(upload(Framing::Chunked), server.address, 5));
}

#[test]
fn a_server_that_refuses_the_body_is_heard_and_one_that_says_nothing_is_not_waited_for() {
    let server = Server::start(|mut peer, _| {
        peer.head();
        peer.say("HTTP/1.1 417 Expectation Failed|Content-Length: 0||");
        peer.hold();
    });
    let records = run(upload(Framing::Expect), server.address, 5);
    all("status_other", &records);
    assert!(records.iter().all(|r| r.bytes_out < 300), "no byte of the body was sent");
    let server = Server::start(|mut peer, _| {
        if let Some((id, body)) = peer.head().and_then(|head| peer.body(&head)) {
            receipt(&mut peer, &id, &body, 0);
        }
    });
    let records = run(upload(Framing::Expect), server.address, 3);
    all("ok", &records);
    assert!(records.iter().all(|r| r.sent - r.connected > 10_000_000), "it waited a second first");
}

#[test]
fn an_upload_that_is_cut_is_lost() {
    let server = Server::start(|mut peer, _| {
        peer.head();
        peer.reset();
    });
    // So slow that the reset comes before its end on any machine.
    let behaviour = Behaviour::Upload { over_ms: 1_800, framing: Framing::Length };
    let records = run(Population { behaviour, ..upload(Framing::Length) }, server.address, 5);
    all("reset_in_accept_queue", &records);
    assert!(records.iter().all(|r| r.bytes_out > 0 && r.bytes_out < 100_000 && r.errno != 0), "{records:?}");
}

const STREAM_BYTES: u32 = 400_000;

fn download() -> Population {
    let behaviour = Behaviour::Download { bytes: STREAM_BYTES, over_ms: 300 };
    Population { path: format!("/stream?bytes={STREAM_BYTES}"), ..few(behaviour) }
}

fn stream(from: u32, to: u32) -> Vec<u8> {
    (from..to).map(|i| ((u64::from(i) * 31 + u64::from(i) / 251) % 256) as u8).collect()
}

#[test]
fn a_download_is_read_slowly_and_its_bytes_are_known() {
    let server = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            peer.say(&format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: {STREAM_BYTES}||"));
            peer.write(&stream(0, STREAM_BYTES));
        }
    });
    let records = run(download(), server.address, 5);
    all("ok", &records);
    assert!(records.iter().all(|r| r.done - r.sent >= 2_700_000), "the last piece is due after 270 ms");
}

#[test]
fn a_download_that_is_cut_or_changed_is_found() {
    let cut = Server::start(|mut peer, _| {
        peer.request();
        peer.say(&format!("HTTP/1.1 200 OK|Content-Length: {STREAM_BYTES}||"));
        peer.write(&stream(0, 100_000));
    });
    all("cut_in_body", &run(download(), cut.address, 3));
    let changed = Server::start(|mut peer, _| {
        peer.request();
        peer.say(&format!("HTTP/1.1 200 OK|Content-Length: {STREAM_BYTES}||"));
        peer.write(&stream(0, 100_000));
        peer.write(&stream(100_001, STREAM_BYTES + 1));
    });
    all("wrong_body", &run(download(), changed.address, 3));
}

#[test]
fn a_half_closed_connection_is_answered() {
    let server = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            assert!(peer.request().is_none(), "the client says that nothing follows");
            peer.answer(&id);
        }
    });
    all("ok", &run(few(Behaviour::HalfClose), server.address, 20));
    let server = Server::start(|mut peer, _| drop(peer.request()));
    all("reset_in_accept_queue", &run(few(Behaviour::HalfClose), server.address, 20));
}

#[test]
fn who_has_closed_his_own_side_sees_a_reset_behind_his_answer() {
    let reset = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            peer.answer(&id);
            // Half of the time that the client waits for it. Whether it has read its answer could be asked of the kernel's
            // table of sockets, which takes longer to read than that where a machine has many.
            thread::sleep(Duration::from_millis(100));
            peer.reset();
        }
    });
    let records = run(few(Behaviour::HalfClose), reset.address, 20);
    all("tail_reset", &records);
    assert!(records.iter().all(|r| r.errno == 104 && r.status == 200));
    let answered = |r: &Record| r.done_at().unwrap() - r.first_byte_at().unwrap();
    assert!(records.iter().all(|r| answered(r) < 10_000_000), "it took as long as its answer");
    let stays = Server::start(|mut peer, done| {
        if let Some(id) = peer.request() {
            peer.answer(&id);
            peer.freeze(done);
        }
    });
    let hasty = Population { timeout_ms: 100, ..few(Behaviour::HalfClose) };
    for population in [hasty, few(Behaviour::HalfClose)] {
        let records = run(population, stays.address, 20);
        all("ok", &records);
        assert!(records.iter().all(|r| answered(r) < 50_000_000), "nobody waits for ever");
    }
}

#[test]
fn an_answer_that_was_reset_before_its_reader_had_closed_his_side_is_read() {
    let server = Server::start(|mut peer, _| {
        peer.read(1);
        peer.say("HTTP/1.1 200 OK|Content-Length: 2||ok");
        peer.reset();
    });
    let pace = facts::plan::Pace::Poisson { per_second: 1000.0 };
    all("tail_reset", &run(Population { pace, ..few(Behaviour::HalfClose) }, server.address, 1000));
}

#[test]
fn a_server_that_answers_early_and_leaves_the_rest_unread_resets_behind_its_answer() {
    let server = Server::start(|mut peer, _| {
        peer.read(1);
        peer.say("HTTP/1.1 413 Content Too Large|Connection: close|Content-Length: 2||no");
        peer.reset();
    });
    let refused = run(few(Behaviour::SlowHeader { over_ms: 200 }), server.address, 10);
    all("status_other", &refused);
    let server = Server::start(|mut peer, _| {
        peer.read(1);
        peer.say("HTTP/1.1 200 OK|Connection: close|Content-Length: 2||ok");
        peer.reset();
    });
    let records = run(few(Behaviour::SlowHeader { over_ms: 200 }), server.address, 10);
    all("tail_reset", &records);
    assert!(records.iter().all(|r| r.errno == 104));
}

#[test]
fn a_silent_client_speaks_late_and_a_close_before_that_is_seen() {
    let silent = few(Behaviour::Silent { wait_ms: 100 });
    let server = Server::start(|mut peer, _| {
        if let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let records = run(silent.clone(), server.address, 10);
    all("ok", &records);
    assert!(records.iter().all(|r| !r.has(flag::IDLE_CLOSE_SEEN)));
    assert!(records.iter().all(|r| r.sent - r.connected >= 1_000_000), "100 ms of silence");

    // Every second connection is closed before anything was said on it.
    let accepted = AtomicU64::new(0);
    let server = Server::start(move |mut peer, _| {
        if accepted.fetch_add(1, Ordering::SeqCst) % 2 == 1
            && let Some(id) = peer.request()
        {
            peer.answer(&id);
        }
    });
    let one = Population { connections: 1, ..silent };
    let records = run(one, server.address, 10);
    all("ok", &records);
    assert!(records.iter().all(|r| r.has(flag::IDLE_CLOSE_SEEN)), "each is counted, none is lost");
}
