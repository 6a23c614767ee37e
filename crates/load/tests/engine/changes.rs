//! Populations that are told to send faster, or nothing more, while they run.

use facts::{
    Record,
    plan::{LoadChange, Pace, Population},
};
use load::Error;

use crate::{keepalive, population, server::Server, start, stop, wait_for_planned};

fn of(records: &[Record], population: u8) -> Vec<u64> {
    let mut intended: Vec<u64> =
        records.iter().filter(|r| r.population == population).map(|r| r.intended).collect();
    intended.sort_unstable();
    intended
}

#[test]
fn a_population_that_is_stopped_begins_nothing_more_and_the_others_go_on() {
    let server = Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let constant = Population { pace: Pace::Constant { per_second: 400.0 }, ..population() };
    let (load, directory) = start(vec![constant, keepalive()], server.address);
    wait_for_planned(&load, 100);
    let told = ledger::clock::now();
    load.change(1, LoadChange::Stop).expect("it runs");
    load.change(0, LoadChange::Rate { per_second: 2000.0 }).expect("it runs");
    wait_for_planned(&load, 1000);
    let (_, records) = stop(load, &directory);
    let last = of(&records, 1).into_iter().max().expect("it sent something");
    assert!(last < told + 100_000_000, "{} ms after it was told", (last - told) / 1_000_000);
    let open = of(&records, 0);
    let gap = |pair: &[u64]| pair[1] - pair[0];
    assert_eq!(gap(&open[..2]), 2_500_000);
    assert!((499_999..=500_001).contains(&gap(&open[open.len() - 2..])));
}

#[test]
fn a_population_that_was_stopped_can_be_given_a_rate_again() {
    let server = Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let (load, directory) = start(vec![population()], server.address);
    wait_for_planned(&load, 10);
    load.change(0, LoadChange::Stop).expect("it runs");
    load.change(0, LoadChange::Rate { per_second: 1000.0 }).expect("it runs");
    wait_for_planned(&load, 200);
    stop(load, &directory);
}

#[test]
fn clients_that_think_have_no_rate() {
    let server = Server::start(|mut peer, _| while peer.request().is_some() {});
    let (load, _directory) = start(vec![keepalive()], server.address);
    let refused = load.change(0, LoadChange::Rate { per_second: 10.0 });
    assert!(matches!(refused, Err(Error::Change { population: 0, .. })), "{refused:?}");
    assert!(load.change(1, LoadChange::Stop).is_err());
}
