//! Several threads are one generator: one plan, one account, one set of names.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use facts::{
    Blame, Outcome, Record,
    plan::{Pace, Population},
};
use load::{Bodies, Load, Options, Scheduling, Setup, Totals};

use crate::{keepalive, population, server::Server, setup, wait_for_planned};

fn ordinary() -> Options {
    Options { scheduling: Scheduling::Ordinary, ..Options::default() }
}

fn echoing() -> Server {
    Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    })
}

/// Runs until it is over by itself or `planned` starts were planned.
fn run(
    populations: Vec<Population>,
    address: SocketAddr,
    options: Options,
    planned: u64,
) -> (Totals, Vec<Record>) {
    let directory = tempfile::tempdir().unwrap();
    let load = load::start(Setup { options, ..setup(populations, address, &directory) }).unwrap();
    wait_for_planned(&load, planned);
    let totals = load.stop().unwrap();
    let read = |thread| ledger::read_ledger(&directory.path().join(ledger::ledger_name(thread))).unwrap();
    (totals, (0..options.threads as usize).flat_map(read).collect())
}

#[test]
fn what_is_counted_and_timed_is_what_the_ledgers_say() {
    let server = echoing();
    let pace = Pace::Poisson { per_second: 1000.0 };
    let open = Population { name: "open".into(), pace, connections: 7, ..keepalive() };
    let loops = Population { pace: Pace::Closed, connections: 2, ..keepalive() };
    let populations = vec![open, loops, population()];
    let options = Options { threads: 3, ..ordinary() };
    let (totals, records) = run(populations, server.address, options, 2000);
    let ids: BTreeSet<u64> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), records.len(), "ids are unique");
    let threads: BTreeSet<u64> = ids.iter().map(|id| id >> 48).collect();
    assert_eq!(threads, [0, 1, 2].into());
    assert_eq!(totals.counts.sent, records.len() as u64);
    assert_eq!(totals.counts.of(Outcome::Ok), records.len() as u64);
    assert_eq!(totals.counts.blamed(Blame::Nobody), totals.counts.finished());
    let written = |field: fn(&Record) -> u32| records.iter().map(|r| u64::from(field(r))).sum::<u64>();
    assert_eq!(totals.counts.bytes_in, written(|r| r.bytes_in));
    assert_eq!(totals.counts.bytes_out, written(|r| r.bytes_out));
    let mut counted = BTreeMap::new();
    for record in &records {
        let place = (usize::from(record.population), usize::from(record.phase_intended));
        *counted.entry(place).or_insert(0_u64) += 1;
    }
    let timed = totals.times.iter().map(|(population, phase, times)| {
        assert_eq!(times.latency.count(), times.service.count());
        ((population, phase), times.latency.count())
    });
    assert_eq!(timed.collect::<BTreeMap<_, _>>(), counted);
    assert!(totals.echoed);
}

#[test]
fn a_connection_has_one_number_and_a_population_no_more_than_its_connections() {
    let server = echoing();
    let kept = Population { pace: Pace::Constant { per_second: 2000.0 }, connections: 5, ..keepalive() };
    let options = Options { threads: 2, ..ordinary() };
    let (totals, records) = run(vec![kept], server.address, options, 1000);
    let mut places = BTreeMap::new();
    for record in &records {
        let place = places.entry(record.connection).or_insert((record.id >> 48, record.local_port));
        assert_eq!(*place, (record.id >> 48, record.local_port), "connection {}", record.connection);
    }
    assert_eq!((places.len(), totals.counts.connections), (5, 5));
    let of_one = records.iter().filter(|record| record.id >> 48 == 1).count();
    assert!(of_one.abs_diff(records.len() / 2) <= 1, "{of_one} of {}", records.len());
}

#[test]
fn the_plan_of_two_threads_is_the_plan_of_one() {
    let server = echoing();
    let gaps = |threads| {
        let options = Options { threads, ..ordinary() };
        let (_, records) = run(vec![population()], server.address, options, 200);
        let mut intended: Vec<u64> = records.iter().map(|record| record.intended).collect();
        intended.sort_unstable();
        intended.windows(2).take(190).map(|pair| pair[1] - pair[0]).collect::<Vec<u64>>()
    };
    // A nanosecond may be rounded either way.
    assert!(gaps(1).iter().zip(gaps(2)).all(|(one, two)| one.abs_diff(two) <= 1));
}

#[test]
fn no_more_starts_are_planned_than_were_asked_for() {
    let server = echoing();
    for pace in
        [Pace::Closed, Pace::Poisson { per_second: 5000.0 }, Pace::Burst { per_second: 5000.0, size: 9 }]
    {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { threads: 2, most_starts: Some(501), ..ordinary() };
        let some = vec![Population { pace, connections: 4, ..keepalive() }];
        let load = load::start(Setup { options, ..setup(some, server.address, &directory) }).unwrap();
        until_over(&load);
        let counts = load.stop().unwrap().counts;
        assert_eq!((counts.planned, counts.of(Outcome::Ok)), (501, 501), "{pace:?}");
    }
}

fn until_over(load: &Load) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !load.is_over() {
        assert!(Instant::now() < deadline, "it goes on; so far: {:?}", load.counts());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn bodies_that_differ_by_design_are_no_corruption() {
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let server = Server::start(move |mut peer, _| {
        while let Some(id) = peer.request() {
            let body = format!("{:05}", count.fetch_add(1, Ordering::Relaxed));
            peer.say(&format!("HTTP/1.1 200 OK|X-Changeover-Id: {id}|Content-Length: 5||{body}"));
        }
    });
    let wrong = |bodies| {
        let options = Options { bodies, ..ordinary() };
        let (totals, _) = run(vec![keepalive()], server.address, options, 5);
        totals.counts.of(Outcome::WrongBody)
    };
    assert_eq!(wrong(Bodies::Varying), 0);
    assert!(wrong(Bodies::Alike) > 0);
}
