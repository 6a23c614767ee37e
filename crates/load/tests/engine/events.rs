//! Streams of events: their numbers, and how they end.

use std::sync::{Arc, Mutex};

use facts::{
    Record,
    plan::{Behaviour, Pace, Population},
    record::flag,
};

use crate::{
    keepalive, outcomes, run,
    server::{Peer, Server},
};

fn followers() -> Population {
    let pace = Pace::Think { nanos: 20_000_000 };
    Population { behaviour: Behaviour::Events, pace, path: "/events".into(), timeout_ms: 300, ..keepalive() }
}

/// The first number that is wanted, once the stream was asked for.
fn asked(peer: &mut Peer) -> Option<u64> {
    let head = peer.head()?;
    assert!(head.contains("Accept: text/event-stream\r\n"));
    let last = head.lines().find_map(|line| line.strip_prefix("Last-Event-ID: "));
    Some(last.map_or(0, |last| last.parse::<u64>().unwrap()) + 1)
}

const CHUNKED: &str = "HTTP/1.1 200 OK|Content-Type: text/event-stream|Transfer-Encoding: chunked||";

fn event(number: u64) -> String {
    format!("id: {number}\ndata: {number}\n\n")
}

fn chunk(peer: &mut Peer, text: &str) {
    peer.say(&format!("{:x}|{text}|", text.len()));
    // One every 20 ms, as the clients want them.
    std::thread::sleep(std::time::Duration::from_millis(20));
}

fn followed(count: u64, serve: impl Fn(&mut Peer, u64) + Send + Sync + 'static) -> Vec<Record> {
    let server = Server::start(move |mut peer, _| {
        if let Some(first) = asked(&mut peer) {
            serve(&mut peer, first);
        }
    });
    let mut records = run(followers(), server.address, count);
    records.sort_by_key(|record| record.id);
    records
}

fn classes(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.outcome().name()).collect()
}

#[test]
fn every_event_that_is_due_has_a_record() {
    let records = followed(20, |peer, first| {
        assert_eq!(first, 1);
        peer.say(CHUNKED);
        (first..200).for_each(|number| chunk(peer, &event(number)));
    });
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert!(records.iter().all(|r| r.connection == 1 && r.status == 200 && r.bytes_in > 0));
    assert!(!records[0].has(flag::MESSAGE) && records[1..].iter().all(|r| r.has(flag::MESSAGE)));
    assert!(records.iter().all(|r| r.first_byte <= r.done && r.sent != facts::record::NEVER));
}

#[test]
fn a_stream_that_ends_in_order_is_asked_for_again_behind_its_last_event() {
    for is_chunked in [true, false] {
        let firsts = Arc::new(Mutex::new(Vec::new()));
        let noted = firsts.clone();
        let records = followed(12, move |peer, first| {
            noted.lock().unwrap().push(first);
            if is_chunked {
                peer.say(CHUNKED);
                (first..first + 3).for_each(|number| chunk(peer, &event(number)));
                peer.say("0||");
            } else {
                peer.say("HTTP/1.1 200 OK|Content-Type: text/event-stream||");
                (first..first + 3).for_each(|number| peer.say(&event(number)));
            }
        });
        assert_eq!(outcomes(&records), [("ok", records.len())].into());
        let firsts = firsts.lock().unwrap();
        assert!(firsts.len() >= 3, "{firsts:?}");
        assert!(firsts.iter().enumerate().all(|(n, first)| *first == 3 * n as u64 + 1), "{firsts:?}");
        assert!(records.iter().any(|r| r.has(flag::IDLE_CLOSE_SEEN) && !r.has(flag::MESSAGE)));
    }
}

#[test]
fn a_missing_number_is_a_gap_and_one_that_comes_again_is_wrong() {
    let gap = followed(8, |peer, first| {
        peer.say(CHUNKED);
        std::iter::once(first).chain(first + 2..200).for_each(|number| chunk(peer, &event(number)));
    });
    assert_eq!(outcomes(&gap), [("event_gap", 1), ("ok", gap.len() - 1)].into());
    assert!(gap.iter().all(|r| r.connection == 1), "the stream goes on");
    // However many of them one read brings, each is told by an attempt of its own.
    let at_once = followed(8, |peer, first| {
        peer.say(CHUNKED);
        let odd: String = (0..5).map(|n| event(first + 2 * n)).collect();
        chunk(peer, &odd);
        (first + 9..200).for_each(|number| chunk(peer, &event(number)));
    });
    assert_eq!(outcomes(&at_once), [("event_gap", 4), ("ok", at_once.len() - 4)].into());
    let again = followed(8, |peer, first| {
        peer.say(CHUNKED);
        [first, first + 1, first + 1, first + 2].into_iter().for_each(|number| chunk(peer, &event(number)));
        peer.until_gone();
    });
    let classes = outcomes(&again);
    assert!(classes["wrong_body"] >= 1 && classes.keys().all(|class| ["ok", "wrong_body"].contains(class)));
}

#[test]
fn a_stream_that_breaks_off_is_cut() {
    let ends: [fn(&mut Peer); 3] = [
        // In an event, at its edge but in the chunked coding, and by a reset between two.
        |peer| peer.say("7|id: 3\n"),
        |_| {},
        |peer| peer.say("0|"),
    ];
    for end in ends {
        let records = followed(5, move |peer, first| {
            peer.say(CHUNKED);
            chunk(peer, &event(first));
            end(peer);
        });
        let classes = classes(&records);
        assert_eq!(classes[..2], ["ok", "cut_in_body"], "{classes:?}");
        assert!(classes.iter().filter(|class| **class == "cut_in_body").count() >= 2, "{classes:?}");
    }
}

#[test]
fn a_stream_that_falls_silent_hangs() {
    let records = followed(2, |peer, first| {
        peer.say(CHUNKED);
        chunk(peer, &event(first));
        peer.until_gone();
    });
    assert_eq!(classes(&records)[..2], ["ok", "timeout_body"]);
}

#[test]
fn what_is_no_stream_of_events_is_no_answer() {
    let check = |text: &'static str, class: &str| {
        let records = followed(3, move |peer, _| peer.say(text));
        assert_eq!(outcomes(&records), [(class, records.len())].into(), "{text}");
    };
    check("HTTP/1.1 200 OK|Content-Length: 3||ok|", "status_other");
    check("HTTP/1.1 503 No|Content-Length: 0||", "status_5xx");
    check("HTTP/1.1 200 OK|Content-Ty", "cut_in_headers");
    check("", "reset_in_accept_queue");
}

#[test]
fn an_event_that_came_just_before_the_break_is_no_answer_on_no_connection() {
    // The second event and the end meet a client that rests between two events.
    let records = followed(6, |peer, first| {
        peer.say(CHUNKED);
        peer.say(&format!("{:x}|{}|", event(first).len(), event(first)));
        std::thread::sleep(std::time::Duration::from_millis(5));
        peer.say(&format!("{:x}|{}|", event(first + 1).len(), event(first + 1)));
    });
    let ok: Vec<&Record> = records.iter().filter(|r| r.outcome() == facts::Outcome::Ok).collect();
    assert!(ok.len() >= 2, "{:?}", classes(&records));
    assert!(ok.iter().all(|r| r.connection > 0 && r.status == 200), "{ok:?}");
}
