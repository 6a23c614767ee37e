//! Sequences that nginx 1.22.1 was seen to produce, and the bounds that hold for all weights.

use balance::{Attempts, Availability, Ended, Pool, Setup};
use proptest::prelude::*;

fn setup(weight: u32) -> Setup {
    Setup { weight, max_fails: 1, fail_timeout_seconds: 10, availability: Availability::Primary }
}

fn pool(weights: &[u32]) -> Pool {
    Pool::new(&weights.iter().map(|weight| setup(*weight)).collect::<Vec<_>>())
}

/// One successful request.
fn request(pool: &mut Pool, now: i64) -> Option<usize> {
    let mut attempts = pool.attempts();
    let picked = pool.pick(&mut attempts, now)?;
    pool.finish(&mut attempts, picked, Ended::Succeeded, now);
    Some(picked)
}

fn letter(peer: Option<usize>) -> char {
    peer.map_or('-', |index| char::from(b'a' + index as u8))
}

fn check(weights: &[u32], expected: &str) {
    let mut pool = pool(weights);
    let picked: String = expected.chars().map(|_| letter(request(&mut pool, 0))).collect();
    assert_eq!(picked, expected, "{weights:?}");
}

#[test]
fn sequences_of_nginx() {
    check(&[5, 1, 1], "aabacaaaabacaa");
    check(&[1, 2], "babbab");
    check(&[3, 2, 1], "abacba");
    check(&[4, 2, 1], "abacaba");
    check(&[7, 3], "abaaabaaba");
    check(&[9, 1], "aaaaabaaaa");
    check(&[1, 2, 3], "cbacbc");
    check(&[1], "aaa");
}

#[test]
fn a_peer_that_is_down_gets_nothing() {
    let down = Setup { availability: Availability::PrimaryDown, ..setup(5) };
    let mut pool = Pool::new(&[down, setup(1), setup(1)]);
    let picked: String = (0..4).map(|_| letter(request(&mut pool, 0))).collect();
    assert_eq!(picked, "bcbc");
    assert_eq!(request(&mut Pool::new(&[down]), 0), None);
}

/// Tries peers until none is left; all fail. Which were tried.
fn fail_all(pool: &mut Pool, now: i64) -> String {
    let mut attempts: Attempts = pool.attempts();
    let mut tried = String::new();
    while attempts.any_left() {
        let Some(peer) = pool.pick(&mut attempts, now) else { return tried + "!" };
        tried.push(letter(Some(peer)));
        pool.finish(&mut attempts, peer, Ended::Failed, now);
    }
    tried
}

#[test]
fn a_request_tries_each_peer_once_and_backups_last() {
    let backup = Setup { availability: Availability::Backup, ..setup(1) };
    let mut pool = Pool::new(&[setup(1), backup, setup(2)]);
    assert_eq!(fail_all(&mut pool, 0), "cab");
    assert_eq!(fail_all(&mut pool, 0), "!", "all have failed: no live upstreams");
    assert_eq!(fail_all(&mut pool, 10), "!", "the window is still open at fail_timeout");
    assert_eq!(fail_all(&mut pool, 11), "acb", "a stood higher: the weight of c fell further");
}

#[test]
fn a_single_peer_is_never_given_up() {
    let mut pool = pool(&[1]);
    assert_eq!(fail_all(&mut pool, 0), "a");
    assert_eq!(request(&mut pool, 0), Some(0));
}

#[test]
fn a_success_forgives_only_after_a_new_check() {
    let patient = Setup { max_fails: 2, fail_timeout_seconds: 2, ..setup(1) };
    let mut pool = Pool::new(&[patient, setup(1)]);
    let fail_first = |pool: &mut Pool, now: i64| {
        let mut attempts = pool.attempts();
        while let Some(peer) = pool.pick(&mut attempts, now) {
            let ended = if peer == 0 { Ended::Failed } else { Ended::Succeeded };
            pool.finish(&mut attempts, peer, ended, now);
        }
    };
    fail_first(&mut pool, 0);
    for now in [1, 2, 2] {
        request(&mut pool, now);
    }
    fail_first(&mut pool, 2);
    let after: String = (0..4).map(|_| letter(request(&mut pool, 3))).collect();
    assert_eq!(after, "bbbb", "two failures within the window, successes between them notwithstanding");
    let probed: String = (0..4).map(|_| letter(request(&mut pool, 5))).collect();
    assert_eq!(probed.matches('a').count(), 2, "forgiven after one success: {probed}");
}

#[test]
fn failures_lower_the_weight_and_it_recovers_step_by_step() {
    let heavy = Setup { weight: 4, max_fails: 2, ..setup(4) };
    let mut pool = Pool::new(&[heavy, setup(4)]);
    let mut attempts = pool.attempts();
    assert_eq!(pool.pick(&mut attempts, 0), Some(0));
    pool.finish(&mut attempts, 0, Ended::Failed, 0);
    let picked: String = (0..6).map(|_| letter(request(&mut pool, 0))).collect();
    assert_eq!(picked, "bbabab");
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(1u32..30, 2..6)
}

proptest! {
    // The seed of a failure is printed; a file in the source tree would outlive the run.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every window of one whole cycle, wherever it starts, holds each peer exactly as often as its weight says.
    #[test]
    fn exact_shares_in_every_window(weights in weights(), start in 0usize..40) {
        let mut pool = pool(&weights);
        for _ in 0..start {
            request(&mut pool, 0);
        }
        let mut counts = vec![0u32; weights.len()];
        for _ in 0..weights.iter().sum::<u32>() {
            counts[request(&mut pool, 0).expect("all are up")] += 1;
        }
        prop_assert_eq!(counts, weights);
    }

    /// No peer is ever ahead of its share by a whole request.
    #[test]
    fn never_a_request_ahead(weights in weights()) {
        let mut pool = pool(&weights);
        let total = f64::from(weights.iter().sum::<u32>());
        let mut counts = vec![0f64; weights.len()];
        for picks in 1..=200 {
            counts[request(&mut pool, 0).expect("all are up")] += 1.0;
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!(count - f64::from(picks) * f64::from(*weight) / total < 1.0);
            }
        }
    }

    /// Whatever fails whenever, a pick is a peer not tried before, and attempts end.
    #[test]
    fn attempts_end(weights in weights(), fates in proptest::collection::vec((any::<bool>(), 0i64..3), 1..60)) {
        let mut pool = pool(&weights);
        let mut now = 0;
        for (fails, seconds) in fates {
            now += seconds;
            let mut attempts = pool.attempts();
            let mut tried = Vec::new();
            while let Some(peer) = pool.pick(&mut attempts, now) {
                prop_assert!(!tried.contains(&peer));
                tried.push(peer);
                let ended = if fails { Ended::Failed } else { Ended::Succeeded };
                pool.finish(&mut attempts, peer, ended, now);
            }
            prop_assert!(tried.len() <= weights.len());
        }
    }
}
