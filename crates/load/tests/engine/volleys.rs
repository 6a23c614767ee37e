//! Clients that all send at the same instant.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use facts::{
    Record,
    plan::{Fires, LoadChange, Pace, Population},
    record::flag,
};

use crate::{
    keepalive, outcomes, population,
    server::{Peer, Server},
    start, stop, wait_for_planned,
};

const CLIENTS: u32 = 40;

fn sniper(fires: Fires) -> Population {
    Population { pace: Pace::Volley { fires }, connections: CLIENTS, looks: true, ..keepalive() }
}

fn answering() -> Server {
    Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    })
}

/// The intended starts of the volley whose first id is `first`.
fn intended(records: &[Record], first: u64) -> Vec<u64> {
    let volley = first..first + u64::from(CLIENTS);
    records.iter().filter(|r| volley.contains(&r.id)).map(|r| r.intended).collect()
}

#[test]
fn kept_connections_are_opened_before_and_all_send_when_told() {
    let server = answering();
    let (load, directory) = start(vec![sniper(Fires::Told)], server.address);
    let all = u64::from(CLIENTS);
    wait_for_planned(&load, all);
    wait_until_answered(&directory, CLIENTS as usize);
    load.change(0, LoadChange::Fire).expect("it runs");
    wait_for_planned(&load, 2 * all);
    let (totals, records) = stop(load, &directory);
    assert_eq!(totals.counts.planned, 2 * all, "nothing is sent between");
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let shots = intended(&records, all + 1);
    assert!(shots.iter().all(|at| *at == shots[0]), "one instant: {shots:?}");
    assert!(records.iter().filter(|r| r.id > all).all(|r| r.sequence == 1 && r.has(flag::LOOKED)));
}

fn wait_until_answered(directory: &tempfile::TempDir, count: usize) {
    let path = directory.path().join(ledger::ledger_name(0));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let records = ledger::read_ledger(&path).unwrap();
        let answered = records.iter().filter(|r| r.outcome().name() == "ok").count();
        if answered >= count {
            return;
        }
        assert!(Instant::now() < deadline, "only {answered} of {count} were answered");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn the_first_close_is_the_sign_for_all_others() {
    // One of the idle connections is closed when the test says so.
    let close = Arc::new(AtomicBool::new(false));
    let (sign, first) = (close.clone(), Mutex::new(true));
    let server = Server::start(move |mut peer: Peer, done| {
        let is_first = std::mem::take(&mut *first.lock().unwrap());
        while let Some(id) = peer.request() {
            peer.answer(&id);
            while is_first && !sign.load(Ordering::Acquire) && !done.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(1));
            }
            if is_first {
                return;
            }
        }
    });
    let (load, directory) = start(vec![sniper(Fires::FirstClose)], server.address);
    let all = u64::from(CLIENTS);
    wait_for_planned(&load, all);
    wait_until_answered(&directory, CLIENTS as usize);
    close.store(true, Ordering::Release);
    wait_for_planned(&load, 2 * all);
    let (_, records) = stop(load, &directory);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let seen: Vec<&Record> = records.iter().filter(|r| r.has(flag::IDLE_CLOSE_SEEN)).collect();
    assert_eq!(seen.len(), 1, "the one that was closed has seen it, and opens another");
    assert_eq!(seen[0].sequence, 0);
}

#[test]
fn a_storm_connects_all_at_once_again_and_again() {
    let server = answering();
    let fires = Fires::Every { nanos: 100_000_000 };
    let storm = Population { pace: Pace::Volley { fires }, connections: CLIENTS, ..population() };
    let (load, directory) = start(vec![storm], server.address);
    let all = u64::from(CLIENTS);
    wait_for_planned(&load, 3 * all);
    let (_, records) = stop(load, &directory);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let first = intended(&records, 1);
    let second = intended(&records, all + 1);
    assert!(first.iter().all(|at| *at == first[0]) && second.iter().all(|at| *at == second[0]));
    assert_eq!(second[0] - first[0], 100_000_000);
    assert!(records.iter().all(|r| r.sequence == 0));
}

#[test]
fn a_volley_has_no_rate() {
    let server = answering();
    let (load, _directory) = start(vec![sniper(Fires::Told)], server.address);
    assert!(load.change(0, LoadChange::Rate { per_second: 10.0 }).is_err());
}
