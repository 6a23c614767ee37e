//! Several requests at once: what becomes of those behind an answer.

use std::collections::BTreeMap;

use facts::{
    Record,
    plan::{Behaviour, Method, Population},
};

use crate::{
    keepalive, run,
    server::{Peer, Server},
};

const DEPTH: u16 = 4;

fn pipelined() -> Population {
    Population { behaviour: Behaviour::Pipelined { depth: DEPTH }, timeout_ms: 1000, ..keepalive() }
}

fn batch(peer: &mut Peer) -> Option<Vec<String>> {
    (0..DEPTH).map(|_| peer.request()).collect()
}

fn classes(records: &[Record]) -> Vec<&'static str> {
    let mut in_order: Vec<&Record> = records.iter().collect();
    in_order.sort_by_key(|record| record.id);
    in_order.into_iter().map(|record| record.outcome().name()).collect()
}

/// The classes of the requests of each batch, which are all the same when the server does `serve` with each.
fn each_batch(
    population: Population,
    serve: impl Fn(&mut Peer, &[String]) -> bool + Send + Sync + 'static,
) -> Vec<&'static str> {
    let server = Server::start(move |mut peer, _| {
        while let Some(ids) = batch(&mut peer) {
            if !serve(&mut peer, &ids) {
                return;
            }
        }
    });
    let classes = classes(&run(population, server.address, 3 * u64::from(DEPTH)));
    let first = classes[..usize::from(DEPTH)].to_vec();
    assert!(classes.chunks(usize::from(DEPTH)).all(|batch| batch == first), "{classes:?}");
    first
}

#[test]
fn answers_in_order_are_ok_however_they_are_cut() {
    let server = Server::start(|mut peer, _| {
        while let Some(ids) = batch(&mut peer) {
            let all: String = ids
                .iter()
                .map(|id| format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 2||ok"))
                .collect();
            let (begin, end) = all.split_at(all.len() / 3);
            peer.say(begin);
            peer.until_read();
            peer.say(end);
        }
    });
    let records = run(pipelined(), server.address, 40);
    assert_eq!(classes(&records), vec!["ok"; records.len()]);
    let mut positions = BTreeMap::new();
    records.iter().for_each(|r| positions.entry(r.connection).or_insert_with(Vec::new).push(r.sequence));
    let places: Vec<u16> = (0..records.len() as u16).collect();
    assert_eq!(positions, [(1, places)].into(), "one connection, each request in its place");
    assert!(records.iter().all(|r| r.bytes_in == records[0].bytes_in && r.bytes_out == records[0].bytes_out));
}

#[test]
fn those_behind_an_announced_close_may_be_sent_again() {
    let closing = |peer: &mut Peer, ids: &[String]| {
        peer.answer(&ids[0]);
        peer.say(&format!(
            "HTTP/1.1 200 OK|X-Changeover-Id: {}|Connection: close|Content-Length: 2||ok",
            ids[1]
        ));
        false
    };
    assert_eq!(each_batch(pipelined(), closing), ["ok", "ok", "retriable_close", "retriable_close"]);
    let post = Population { method: Method::Post, body_bytes: 3, ..pipelined() };
    assert_eq!(each_batch(post, closing), ["ok", "ok", "unsafe_close", "unsafe_close"]);
}

#[test]
fn those_behind_a_close_without_a_word_are_lost() {
    let one_and_away = |peer: &mut Peer, ids: &[String]| {
        peer.answer(&ids[0]);
        false
    };
    assert_eq!(each_batch(pipelined(), one_and_away), ["ok", "pipeline_cut", "pipeline_cut", "pipeline_cut"]);
    let half = |peer: &mut Peer, ids: &[String]| {
        peer.answer(&ids[0]);
        peer.say("HTTP/1.1 200 OK|Content-Length: 10||half");
        false
    };
    assert_eq!(each_batch(pipelined(), half), ["ok", "cut_in_body", "pipeline_cut", "pipeline_cut"]);
}

#[test]
fn a_batch_of_which_nothing_was_answered_is_one_lost_connection() {
    assert_eq!(each_batch(pipelined(), |_, _| false), ["reset_in_accept_queue"; 4]);
    let server = Server::start(|mut peer, _| {
        if let Some(ids) = batch(&mut peer) {
            ids.iter().for_each(|id| peer.answer(id));
            batch(&mut peer);
        }
    });
    let classes = classes(&run(pipelined(), server.address, 8));
    assert_eq!(classes[..8], [["ok"; 4], ["retriable_close"; 4]].concat());
}

#[test]
fn answers_in_another_order_are_told_from_strange_ones() {
    let swapped = |peer: &mut Peer, ids: &[String]| {
        [1, 0, 2, 3].into_iter().for_each(|n: usize| peer.answer(&ids[n]));
        true
    };
    assert_eq!(each_batch(pipelined(), swapped), ["out_of_order", "out_of_order", "ok", "ok"]);
    let strange = |peer: &mut Peer, ids: &[String]| {
        peer.answer(&ids[0]);
        peer.answer("00000000deadbeef");
        true
    };
    assert_eq!(each_batch(pipelined(), strange), ["ok", "wrong_id", "pipeline_cut", "pipeline_cut"]);
}

#[test]
fn a_server_that_stops_answering_makes_all_the_rest_hang() {
    let hasty = Population { timeout_ms: 150, ..pipelined() };
    let stuck = |peer: &mut Peer, ids: &[String]| {
        peer.answer(&ids[0]);
        peer.say("HTTP/1.1 200 OK|Content-Length: 10||half");
        true
    };
    assert_eq!(each_batch(hasty, stuck), ["ok", "timeout_body", "timeout_first_byte", "timeout_first_byte"]);
}
