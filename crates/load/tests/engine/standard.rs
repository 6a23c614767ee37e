//! A later answer is measured by the first good one.

use std::sync::atomic::{AtomicUsize, Ordering};

use facts::plan::Population;

use crate::{keepalive, outcomes, population, run, server::Server};

/// What the second answer gets, and all after it. In both texts `|` is a line end and `ID` the id of the request.
fn later(first: &'static str, second: &'static str) -> &'static str {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |mut peer, _| {
        if let Some(id) = peer.request() {
            let text = if asked.fetch_add(1, Ordering::SeqCst) == 0 { first } else { second };
            peer.say(&text.replace("ID", &id));
        }
    });
    // One at a time, so that the first is the first.
    let records = run(Population { connections: 1, ..population() }, server.address, 20);
    assert_eq!(records[0].outcome().name(), "ok", "{first}");
    let classes: Vec<&str> = outcomes(&records[1..]).into_keys().collect();
    assert_eq!(classes.len(), 1, "{second}: {classes:?}");
    classes[0]
}

const GOOD: &str = "HTTP/1.1 200 OK|Content-Length: 5||hello";

#[test]
fn another_body_is_wrong_however_consistent_it_is() {
    assert_eq!(later(GOOD, GOOD), "ok");
    for wrong in [
        "HTTP/1.1 200 OK|Content-Length: 0||",
        "HTTP/1.1 200 OK|Content-Length: 4||hell",
        "HTTP/1.1 200 OK|Content-Length: 6||hello!",
        "HTTP/1.1 200 OK|Content-Length: 5||hullo",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||4|hell|0||",
        "HTTP/1.1 200 OK||hullo",
        "HTTP/1.1 200 OK||hello hello",
    ] {
        assert_eq!(later(GOOD, wrong), "wrong_body", "{wrong}");
    }
    assert_eq!(later(GOOD, "HTTP/1.1 204 No Content||"), "status_other");
    assert_eq!(later(GOOD, "HTTP/1.1 206 Partial|Content-Length: 5||hello"), "status_other");
}

#[test]
fn the_same_body_in_another_framing_is_the_same() {
    assert_eq!(later(GOOD, "HTTP/1.1 200 OK|Transfer-Encoding: chunked||2|he|3|llo|0||"), "ok");
    assert_eq!(later(GOOD, "HTTP/1.1 200 OK||hello"), "ok");
}

#[test]
fn a_body_that_only_the_close_ends_is_cut_when_it_is_shorter() {
    assert_eq!(later("HTTP/1.1 200 OK||hello", "HTTP/1.1 200 OK||hel"), "cut_in_body");
    assert_eq!(later(GOOD, "HTTP/1.1 200 OK||"), "cut_in_body");
}

#[test]
fn each_origin_has_its_own_body_and_who_names_none_must_say_what_one_of_them_says() {
    let of_a = "HTTP/1.1 200 OK|X-Changeover-Origin: a|Content-Length: 1||a";
    assert_eq!(later(of_a, "HTTP/1.1 200 OK|X-Changeover-Origin: b|Content-Length: 1||b"), "ok");
    assert_eq!(later(of_a, "HTTP/1.1 200 OK|X-Changeover-Origin: a|Content-Length: 1||b"), "wrong_body");
    assert_eq!(later(of_a, "HTTP/1.1 200 OK|Content-Length: 0||"), "wrong_body");
    assert_eq!(later(of_a, "HTTP/1.1 200 OK|Content-Length: 1||a"), "ok");
}

#[test]
fn an_echo_that_stops_is_a_wrong_id_but_an_error_page_is_an_error() {
    let echoing = "HTTP/1.1 200 OK|X-Changeover-Id: ID|Content-Length: 0||";
    assert_eq!(later(echoing, echoing), "ok");
    assert_eq!(later(echoing, "HTTP/1.1 200 OK|Content-Length: 0||"), "wrong_id");
    assert_eq!(later(echoing, "HTTP/1.1 503 No|Content-Length: 0||"), "status_5xx");
}

/// The class of every attempt but the first of a client that looks, when this lies on its idle connection.
fn on_the_idle_connection(unasked: &'static str) -> &'static str {
    let server = Server::start(move |mut peer, _| {
        if let Some(id) = peer.request() {
            peer.answer(&id);
            // Later than the answer, so that it is not read with it.
            peer.until_read();
            peer.say(unasked);
            peer.hold();
        }
    });
    let pace = facts::plan::Pace::Think { nanos: 200_000_000 };
    let records = run(Population { looks: true, pace, ..keepalive() }, server.address, 6);
    let second = records[1].outcome().name();
    if second == "wrong_id" {
        let (first, second) = (&records[0], &records[1]);
        assert_eq!((second.connection, second.sequence, second.bytes_out), (first.connection, 1, 0));
        assert_eq!(records[2].outcome().name(), "ok", "the next connection is a fresh one");
    }
    second
}

#[test]
fn bytes_nobody_asked_for_are_no_orderly_close() {
    assert_eq!(on_the_idle_connection("HTTP/1.1 200 OK|Content-Length: 2||ok"), "wrong_id");
    assert_eq!(on_the_idle_connection("x"), "wrong_id");
    assert_eq!(on_the_idle_connection("HTTP/1.1 408 Slow|Content-Length: 0||"), "wrong_id");
    assert_eq!(on_the_idle_connection("HTTP/1.1 408 Slow|Connection: close|Content-Length: 0||"), "ok");
}
