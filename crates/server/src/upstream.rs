//! An `upstream` of the configuration in the words of the balancer, and what a peer's health is in words of people.

use balance::{Availability, Ejection, Health, Method, Setup, Standing, Trust};
use conf::{Peer, PeerRole, Upstream};

/// How one of its peers is chosen.
pub(crate) fn method(upstream: &Upstream) -> Method {
    match upstream.method {
        conf::Method::RoundRobin => Method::RoundRobin,
        conf::Method::IpHash => Method::IpHash,
        conf::Method::Hash(_) => Method::Hash,
        conf::Method::ConsistentHash(_) => Method::ConsistentHash,
        conf::Method::LeastConn => Method::LeastConn,
        conf::Method::Random => Method::Random,
        conf::Method::RandomTwo => Method::RandomTwo,
    }
}

/// What is configured of its peers, in order.
pub(crate) fn setups(upstream: &Upstream) -> Vec<Setup> {
    let ejection = upstream.ejection.map(|ejection| Ejection {
        percent: ejection.percent,
        answers: ejection.answers,
        window_seconds: u32::try_from(ejection.within.as_secs()).unwrap_or(u32::MAX),
        rest_seconds: u32::try_from(ejection.rest.as_secs()).unwrap_or(u32::MAX),
    });
    upstream.peers.iter().map(|peer| Setup { ejection, ..setup(peer) }).collect()
}

fn setup(peer: &Peer) -> Setup {
    let availability = match (peer.role, peer.down) {
        (PeerRole::Primary, false) => Availability::Primary,
        (PeerRole::Primary, true) => Availability::PrimaryDown,
        (PeerRole::Backup, false) => Availability::Backup,
        (PeerRole::Backup, true) => Availability::BackupDown,
    };
    Setup {
        name: peer.name.clone(),
        weight: peer.weight,
        max_conns: peer.max_conns,
        max_fails: peer.max_fails,
        fail_timeout_seconds: u32::try_from(peer.fail_timeout.as_secs()).unwrap_or(u32::MAX),
        availability,
        ejection: None,
    }
}

/// What an operator wants to read of what an answer did to a peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Bad(String),
    Good(String),
}

/// What became of a peer; `None` if nothing that matters.
pub(crate) fn news(setup: &Setup, before: &Standing, after: &Standing) -> Option<News> {
    let name = &setup.name;
    match (setup.health(before), setup.health(after)) {
        (Health::Good, Health::Resting { until_seconds }) => Some(News::Bad(format!(
            "server {name} is left alone until {}: {} failures (max_fails), then one request tries it",
            time_of_day(until_seconds),
            after.fails
        ))),
        (Health::Good | Health::Resting { .. }, Health::Ejected { until_seconds }) => {
            Some(News::Bad(format!(
                "server {name} is ejected until {}: {}, then one request tries it",
                time_of_day(until_seconds),
                faults(before)
            )))
        }
        (Health::OnTrial, Health::Ejected { until_seconds }) => Some(News::Bad(format!(
            "server {name} is ejected again until {}: an answer on trial was a fault",
            time_of_day(until_seconds)
        ))),
        (Health::Resting { .. } | Health::OnTrial, Health::Good) => {
            Some(News::Good(format!("server {name} is admitted again")))
        }
        _ => None,
    }
}

/// The one that came last included.
fn faults(before: &Standing) -> String {
    match before.trust {
        Trust::In { answers, faults, .. } => {
            format!("{} of its last {} answers were faults", faults + 1, answers + 1)
        }
        Trust::Out { .. } | Trust::OnTrial { .. } => "too many of its answers were faults".to_owned(),
    }
}

/// Local time, to the second.
pub(crate) fn time_of_day(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(instant) => instant.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string(),
        Err(_) => "the end of time".to_owned(),
    }
}
