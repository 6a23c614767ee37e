//! The engine against a server that does what each test tells it to.

mod addresses;
mod changes;
mod events;
mod faults;
mod latency;
mod ordinary_client;
mod pipelined;
mod reqwest_users;
mod reuse;
mod server;
mod setting_up;
mod slow;
mod standard;
mod threads;
mod volleys;
mod websocket;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU8},
    thread,
    time::{Duration, Instant},
};

use facts::{
    Record,
    plan::{Behaviour, Method, Pace, Population},
};
use load::{Load, Options, Setup, Totals};
use tempfile::TempDir;

/// A population of one connection a request, 500 a second.
fn population() -> Population {
    Population {
        name: "users".into(),
        target: 0,
        behaviour: Behaviour::Short,
        pace: Pace::Poisson { per_second: 500.0 },
        connections: 64,
        looks: false,
        method: Method::Get,
        path: "/".into(),
        body_bytes: 0,
        timeout_ms: 2000,
        ..Population::default()
    }
}

/// One connection that is kept, its requests 5 ms apart.
fn keepalive() -> Population {
    let (behaviour, pace) = (Behaviour::Keepalive, Pace::Think { nanos: 5_000_000 });
    Population { behaviour, pace, connections: 1, ..population() }
}

fn setup(populations: Vec<Population>, address: SocketAddr, directory: &TempDir) -> Setup {
    Setup {
        populations,
        addresses: vec![address.into()],
        origins: vec!["a".into(), "b".into()],
        seed: 1,
        phase: Arc::new(AtomicU8::new(0)),
        rates: vec![],
        directory: directory.path().to_owned(),
        longest: Duration::from_secs(10),
        // The servers of these tests are threads of this process, and must have their turn.
        options: Options { scheduling: load::Scheduling::Ordinary, ..Options::default() },
    }
}

/// Load on `address`, and the directory of its ledger.
fn start(populations: Vec<Population>, address: SocketAddr) -> (Load, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (load::start(setup(populations, address, &directory)).unwrap(), directory)
}

fn wait_for_planned(load: &Load, count: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while load.planned() < count {
        assert!(Instant::now() < deadline, "only {} of {count} starts were planned", load.planned());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Stops and reads the ledger; what must hold for every run is asserted here.
fn stop(load: Load, directory: &TempDir) -> (Totals, Vec<Record>) {
    let totals = load.stop().unwrap();
    let records = ledger::read_ledger(&directory.path().join(ledger::ledger_name(0))).unwrap();
    let counts = totals.counts;
    assert_eq!(counts.planned, counts.sent + counts.unsent);
    assert_eq!(records.len() as u64, totals.counts.planned, "every start has its record");
    let mut ids: Vec<u64> = records.iter().map(|record| record.id).collect();
    ids.sort_unstable();
    assert!(ids.iter().copied().eq(1..=totals.counts.planned), "ids have no gap");
    (totals, records)
}

/// Runs until `count` starts were planned.
fn run(population: Population, address: SocketAddr, count: u64) -> Vec<Record> {
    let (load, directory) = start(vec![population], address);
    wait_for_planned(&load, count);
    stop(load, &directory).1
}

/// How many attempts of each class there were.
fn outcomes(records: &[Record]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record.outcome().name()).or_insert(0) += 1;
    }
    counts
}
