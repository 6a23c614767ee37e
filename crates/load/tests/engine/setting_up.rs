//! What cannot be done is refused before anything is sent, and what did not fit is said.

use std::{net::SocketAddr, time::Duration};

use facts::plan::{Pace, Population};
use load::Setup;

use crate::{keepalive, population, server::Server, setup, stop, wait_for_planned};

const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

fn refusal(population: Population) -> String {
    let directory = tempfile::tempdir().unwrap();
    let error = load::start(setup(vec![population], NOBODY, &directory)).err();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
    error.map_or("accepted".into(), |error| error.to_string())
}

#[test]
fn a_population_that_cannot_be_sent_is_refused_by_name() {
    let told = |why: &str| format!("start population `users`: {why}");
    let no_rate = Pace::Poisson { per_second: 0.0 };
    assert_eq!(
        refusal(Population { pace: no_rate, ..population() }),
        told("its rate is not a positive number a second")
    );
    assert_eq!(refusal(Population { target: 1, ..population() }), told("its target has no address"));
    assert_eq!(
        refusal(Population { connections: 0, ..population() }),
        told("it has no connections; give it at least 1")
    );
    assert_eq!(
        refusal(Population { path: "/ HTTP/1.1\r\nX: y".into(), ..population() }),
        told("its path is not '/' and visible ASCII characters")
    );
    assert!(
        refusal(Population { connections: 2_000_000_000, ..population() })
            .contains("raise it with `ulimit -n")
    );
}

#[test]
fn what_the_ledger_has_no_room_for_is_unsent_and_the_history_cannot_pass() {
    let directory = tempfile::tempdir().unwrap();
    let pace = Pace::Constant { per_second: 50_000.0 };
    let short = setup(vec![Population { pace, ..population() }], NOBODY, &directory);
    let load = load::start(Setup { longest: Duration::ZERO, ..short }).unwrap();
    wait_for_planned(&load, 3000);
    let totals = load.stop().unwrap();
    let records = ledger::read_ledger(&directory.path().join(ledger::ledger_name(0))).unwrap();
    assert_eq!(
        (totals.counts.sent, totals.counts.planned - totals.counts.sent),
        (records.len() as u64, totals.counts.unsent)
    );
    assert!(totals.counts.unsent >= 3000 - 1024, "{totals:?}");
    ledger::EventLog::create(&directory.path().join(ledger::EVENT_LOG_NAME)).unwrap();
    let history = ledger::read_history(directory.path()).unwrap();
    assert_eq!(
        history.incomplete,
        [format!("ledger-0.bin was full: {} records were turned away", totals.counts.unsent)]
    );
}

#[test]
fn populations_do_not_move_each_other() {
    let server = Server::start(|mut peer, _| {
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let other = Population { name: "others".into(), ..keepalive() };
    let gaps = |populations: Vec<Population>| {
        let (load, directory) = crate::start(populations, server.address);
        wait_for_planned(&load, 150);
        let (_, records) = stop(load, &directory);
        let users: Vec<u64> = records.iter().filter(|r| r.population == 0).map(|r| r.intended).collect();
        users.windows(2).map(|w| w[1] - w[0]).take(50).collect::<Vec<u64>>()
    };
    let (alone, together) = (gaps(vec![population()]), gaps(vec![population(), other]));
    assert_eq!(alone.len(), 50);
    // A nanosecond may be rounded either way.
    assert!(alone.iter().zip(&together).all(|(a, b)| a.abs_diff(*b) <= 1), "{alone:?} {together:?}");
}
