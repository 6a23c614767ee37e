//! Several workers with one memory, orders that change weights, and ejection by rate.

use balance::{Availability, Conns, Ejection, Ended, Health, Method, Order, Pool, Setup, Standing, Trust};
use proptest::prelude::*;

fn setup(index: usize, weight: u32) -> Setup {
    Setup {
        name: format!("127.0.0.1:{}", 18081 + index),
        weight,
        max_conns: 0,
        max_fails: 2,
        fail_timeout_seconds: 10,
        availability: Availability::Primary,
        ejection: None,
    }
}

fn pool(method: Method, weights: &[u32]) -> Pool {
    let setups = weights.iter().enumerate().map(|(index, weight)| setup(index, *weight));
    Pool::new(method, &setups.collect::<Vec<_>>())
}

fn letter(peer: Option<usize>) -> char {
    peer.map_or('-', |index| char::from(b'a' + index as u8))
}

/// One request that ends so.
fn request(pool: &mut Pool, key: &[u8], ended: Ended, now_seconds: i64) -> Option<usize> {
    let mut attempts = pool.attempts(key);
    let picked = pool.pick(&mut attempts, now_seconds, || 0);
    pool.finish(&mut attempts, ended, now_seconds);
    picked
}

fn picks(pool: &mut Pool, count: usize, now_seconds: i64) -> String {
    (0..count).map(|_| letter(request(pool, b"", Ended::Succeeded, now_seconds))).collect()
}

/// What one worker has seen becomes what the other has.
fn share(from: &Pool, to: &mut Pool, peers: usize) {
    for index in 0..peers {
        let (standing, _) = from.standing(index).expect("a peer");
        let read = Standing::from_words(standing.to_words()).expect("a standing");
        assert_eq!(read, standing);
        to.recall(index, read, Conns::default());
    }
}

proptest! {
    #[test]
    fn workers_that_share_choose_as_one_would(
        weights in prop::collection::vec(1u32..9, 2..5),
        turns in prop::collection::vec((0usize..3, prop::bool::weighted(0.2), 0i64..4), 1..80),
    ) {
        let mut alone = pool(Method::RoundRobin, &weights);
        let mut workers = vec![pool(Method::RoundRobin, &weights); 3];
        let (mut last, mut now_seconds) = (0, 1_000);
        for (worker, fails, later) in turns {
            now_seconds += later;
            let ended = if fails { Ended::Failed } else { Ended::Succeeded };
            let memory = workers[last].clone();
            share(&memory, &mut workers[worker], weights.len());
            let shared = request(&mut workers[worker], b"", ended, now_seconds);
            prop_assert_eq!(shared, request(&mut alone, b"", ended, now_seconds));
            last = worker;
        }
    }
}

#[test]
fn an_order_is_obeyed_from_the_first_request_on() {
    let mut pool = pool(Method::RoundRobin, &[5, 1, 1]);
    assert_eq!(picks(&mut pool, 7, 1_000), "aabacaa");
    picks(&mut pool, 3, 1_000);
    pool.order(&[order(1), order(2), order(0)]);
    pool.even_out();
    assert_eq!(picks(&mut pool, 6, 1_000), "babbab");
    pool.order(&[order(1), Order { weight: 2, down: true }, order(0)]);
    assert_eq!(picks(&mut pool, 3, 1_000), "aaa");
    pool.order(&[order(0), order(0), order(0)]);
    assert_eq!(picks(&mut pool, 2, 1_000), "--");
}

fn order(weight: u32) -> Order {
    Order { weight, down: false }
}

#[test]
fn every_method_obeys_an_order_as_if_it_were_configured() {
    let methods = [
        Method::IpHash,
        Method::Hash,
        Method::ConsistentHash,
        Method::LeastConn,
        Method::Random,
        Method::RandomTwo,
    ];
    for method in methods {
        let mut ordered = pool(method, &[7, 7, 7]);
        ordered.order(&[order(1), order(3), order(2)]);
        let mut configured = pool(method, &[1, 3, 2]);
        for client in 0..200u32 {
            let key = client.to_be_bytes();
            let picked = request(&mut ordered, &key, Ended::Succeeded, 1_000);
            assert_eq!(
                picked,
                request(&mut configured, &key, Ended::Succeeded, 1_000),
                "{method:?} {client}"
            );
        }
        ordered.order(&[order(0), order(3), order(0)]);
        let only: Vec<_> = (0..50u32)
            .map(|client| request(&mut ordered, &client.to_be_bytes(), Ended::Succeeded, 1_000))
            .collect();
        assert!(only.iter().all(|picked| *picked == Some(1)), "{method:?} {only:?}");
        ordered.order(&[order(0), order(0), order(0)]);
        assert_eq!(request(&mut ordered, b"any", Ended::Succeeded, 1_000), None, "{method:?}");
    }
}

#[test]
fn connections_of_others_count_as_own_ones() {
    let mut pool = pool(Method::LeastConn, &[1, 1]);
    let (standing, _) = pool.standing(0).expect("a peer");
    pool.recall(0, standing, Conns { own: 0, others: 1 });
    assert_eq!(letter(request(&mut pool, b"", Ended::Succeeded, 1_000)), 'b');
    assert_eq!(pool.standing(0), Some((standing, Conns { own: 0, others: 1 })));
}

const RULE: Ejection = Ejection { percent: 50, answers: 4, window_seconds: 10, rest_seconds: 5 };

/// `a` is good and `b` is not, in turn.
fn watched(peers: usize) -> Pool {
    let setups = (0..peers).map(|index| Setup { ejection: Some(RULE), max_fails: 0, ..setup(index, 1) });
    Pool::new(Method::RoundRobin, &setups.collect::<Vec<_>>())
}

/// So many requests, of which those to `b` are faults; who got them.
fn faulty(pool: &mut Pool, count: usize, now_seconds: i64) -> String {
    let one = |_| {
        let mut attempts = pool.attempts(b"");
        let picked = pool.pick(&mut attempts, now_seconds, || 0);
        let ended = if picked == Some(1) { Ended::Faulty } else { Ended::Succeeded };
        pool.finish(&mut attempts, ended, now_seconds);
        letter(picked)
    };
    (0..count).map(one).collect()
}

#[test]
fn a_peer_whose_answers_are_faults_is_ejected_and_tried_with_one_request_after_each_rest() {
    let mut pool = watched(2);
    assert_eq!(faulty(&mut pool, 12, 1_000), "abababab".to_owned() + "aaaa");
    assert_eq!(faulty(&mut pool, 4, 1_005), "aaaa", "the rest is five seconds and a tick");
    assert_eq!(faulty(&mut pool, 20, 1_006).matches('b').count(), 1);
    assert_eq!(faulty(&mut pool, 20, 1_011).matches('b').count(), 0);
    assert_eq!(faulty(&mut pool, 20, 1_012).matches('b').count(), 1);
}

#[test]
fn what_is_told_of_a_peer_is_when_it_is_asked_again() {
    let health = |pool: &Pool, setup: &Setup| setup.health(&pool.standing(1).expect("a peer").0);
    let by_fails = setup(1, 1);
    let by_faults = Setup { ejection: Some(RULE), max_fails: 0, ..setup(1, 1) };
    let mut failing = pool(Method::RoundRobin, &[1, 1]);
    let mut faults = watched(2);
    assert_eq!((health(&failing, &by_fails), health(&faults, &by_faults)), (Health::Good, Health::Good));
    faulty(&mut faults, 12, 1_000);
    for _ in 0..4 {
        let mut attempts = failing.attempts(b"");
        let ended = match failing.pick(&mut attempts, 1_000, || 0) {
            Some(1) => Ended::Failed,
            _ => Ended::Succeeded,
        };
        failing.finish(&mut attempts, ended, 1_000);
    }
    for (pool, setup, until) in [(failing, by_fails, 1_011), (faults, by_faults, 1_006)] {
        let told = match health(&pool, &setup) {
            Health::Resting { until_seconds } | Health::Ejected { until_seconds } => until_seconds,
            other => panic!("{other:?}"),
        };
        assert_eq!(told, until);
        assert!(!picks(&mut pool.clone(), 4, until - 1).contains('b'));
        let mut tried = pool.clone();
        assert!(picks(&mut tried, 2, until).contains('b'));
        let after = if setup.ejection.is_some() { Health::OnTrial } else { Health::Good };
        assert_eq!(health(&tried, &setup), after);
    }
}

#[test]
fn one_that_is_good_again_comes_back_by_doubling() {
    let mut pool = watched(2);
    faulty(&mut pool, 12, 1_000);
    for round in 0..7 {
        let mut attempts: Vec<_> = (0..200).map(|_| pool.attempts(b"")).collect();
        let picked: Vec<_> = attempts.iter_mut().map(|one| pool.pick(one, 1_006, || 0)).collect();
        let trials = picked.iter().filter(|picked| **picked == Some(1)).count();
        assert_eq!(trials, 1 << round, "of requests at once");
        attempts.iter_mut().for_each(|one| pool.finish(one, Ended::Succeeded, 1_006));
    }
    assert!(matches!(pool.standing(1), Some((Standing { trust: Trust::In { .. }, .. }, _))));
    assert_eq!(picks(&mut pool, 10, 1_006).matches('b').count(), 5);
}

#[test]
fn a_trial_that_nobody_ends_does_not_shut_it_out_for_ever() {
    let mut pool = watched(2);
    faulty(&mut pool, 12, 1_000);
    let mut lost = pool.attempts(b"");
    while pool.pick(&mut lost, 1_006, || 0) != Some(1) {
        lost = pool.attempts(b"");
    }
    assert_eq!(picks(&mut pool, 10, 1_011).matches('b').count(), 0);
    assert!(picks(&mut pool, 10, 1_012).contains('b'));
}

#[test]
fn nobody_is_ejected_who_is_the_last_and_few_faults_are_forgiven() {
    let mut pool = watched(2);
    pool.order(&[Order { weight: 1, down: true }, order(1)]);
    assert_eq!(faulty(&mut pool, 20, 1_000), "b".repeat(20));
    let mut pool = watched(3);
    for turn in 0..60 {
        let mut attempts = pool.attempts(b"");
        let picked = pool.pick(&mut attempts, 1_000, || 0);
        let ended = if picked == Some(1) && turn % 9 == 7 { Ended::Faulty } else { Ended::Succeeded };
        pool.finish(&mut attempts, ended, 1_000);
    }
    assert!(picks(&mut pool, 3, 1_000).contains('b'), "a third of faults is less than half");
}
