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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn setup() -> Setup {
        let ejection = Some(Ejection { percent: 50, answers: 4, window_seconds: 10, rest_seconds: 10 });
        Setup {
            name: "a:80".to_owned(),
            weight: 1,
            max_conns: 0,
            max_fails: 3,
            fail_timeout_seconds: 10,
            availability: Availability::Primary,
            ejection,
        }
    }

    fn failed(fails: u32) -> Standing {
        Standing { fails, checked_seconds: NOW, ..Standing::NEW }
    }

    fn trusted(trust: Trust) -> Standing {
        Standing { trust, ..Standing::NEW }
    }

    #[test]
    fn what_becomes_of_a_server_is_told_once_and_with_its_reason() {
        let told = |before: Standing, after: Standing, expected: &str| {
            let told = news(&setup(), &before, &after).expect("news");
            let (News::Bad(line) | News::Good(line)) = &told;
            assert!(line.contains(expected), "{line}");
            assert_eq!(matches!(told, News::Good(_)), expected.contains("admitted"), "{line}");
        };
        let counted = trusted(Trust::In { answers: 5, faults: 2, since_seconds: NOW });
        let (out, trial) = (
            trusted(Trust::Out { since_seconds: NOW }),
            trusted(Trust::OnTrial { round: 0, left: 0, good: 0, since_seconds: NOW }),
        );
        told(failed(2), failed(3), &format!("left alone until {}: 3 failures", time_of_day(NOW + 11)));
        told(failed(3), failed(0), "server a:80 is admitted again");
        told(counted, out, "3 of its last 6 answers were faults");
        told(counted, out, &format!("ejected until {}", time_of_day(NOW + 11)));
        told(trial, out, "ejected again until");
        told(trial, counted, "server a:80 is admitted again");
        for (before, after) in
            [(failed(0), failed(2)), (failed(3), failed(4)), (out, out), (out, trial), (trial, trial)]
        {
            assert_eq!(news(&setup(), &before, &after), None, "{before:?} {after:?}");
        }
    }
}
