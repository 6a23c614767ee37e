//! Picks of the other methods that nginx 1.22.1 was seen to make, and what holds for all of them.

use std::net::IpAddr;

use balance::{Availability, Ended, Method, Pool, Setup, hashed_part};
use proptest::prelude::*;

fn setup(index: usize, weight: u32) -> Setup {
    Setup {
        name: format!("127.0.0.1:{}", 18081 + index),
        weight,
        max_conns: 0,
        max_fails: 1,
        fail_timeout_seconds: 10,
        availability: Availability::Primary,
        ejection: None,
    }
}

fn pool(method: Method, weights: &[u32]) -> Pool {
    let setups: Vec<Setup> =
        weights.iter().enumerate().map(|(index, weight)| setup(index, *weight)).collect();
    Pool::new(method, &setups)
}

fn letter(peer: Option<usize>) -> char {
    peer.map_or('-', |index| char::from(b'a' + index as u8))
}

fn lowest() -> u32 {
    0
}

/// One successful request.
fn request(pool: &mut Pool, key: &[u8]) -> char {
    let mut attempts = pool.attempts(key);
    let picked = pool.pick(&mut attempts, 1_000, lowest);
    pool.finish(&mut attempts, Ended::Succeeded, 1_000);
    letter(picked)
}

#[test]
fn clients_of_ip_hash() {
    let clients = [
        "127.0.0.9",
        "127.0.1.1",
        "127.0.2.1",
        "127.0.3.1",
        "127.1.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "8.8.8.8",
    ];
    let check = |weights: &[u32], expected: &str| {
        let mut pool = pool(Method::IpHash, weights);
        let key = |client: &&str| hashed_part(client.parse::<IpAddr>().expect("an address"));
        let picked: String = clients.iter().map(|client| request(&mut pool, &key(client))).collect();
        assert_eq!(picked, expected, "{weights:?}");
    };
    check(&[1, 2], "babbbabb");
    check(&[5, 1, 1], "aaaaaaac");
}

#[test]
fn keys_of_hash() {
    let check = |method: Method, expected: &str| {
        let mut pool = pool(method, &[1, 2, 1]);
        let keys = ["alice", "bob", "carol", "dave"];
        let picked: String = keys.iter().map(|key| request(&mut pool, key.as_bytes())).collect();
        assert_eq!(picked, expected, "{method:?}");
    };
    check(Method::Hash, "bcba");
    check(Method::ConsistentHash, "ccbb");
}

#[test]
fn an_empty_key_means_round_robin() {
    for method in [Method::Hash, Method::ConsistentHash] {
        let mut pool = pool(method, &[1, 2]);
        assert_eq!((0..6).map(|_| request(&mut pool, b"")).collect::<String>(), "babbab", "{method:?}");
    }
}

#[test]
fn the_fewest_connections_per_weight() {
    let mut pool = pool(Method::LeastConn, &[1, 2, 1]);
    let mut held: Vec<_> = Vec::new();
    let mut begin = |pool: &mut Pool| {
        let mut attempts = pool.attempts(b"");
        let picked = pool.pick(&mut attempts, 1_000, lowest);
        held.push(attempts);
        letter(picked)
    };
    // All alike: round robin. Then whoever has fewest for its weight, round robin among equals.
    let picked: String = (0..8).map(|_| begin(&mut pool)).collect();
    assert_eq!(picked, "bacbcabb");
    pool.finish(&mut held[1], Ended::Succeeded, 1_000);
    assert_eq!(request(&mut pool, b""), 'a', "it has room now");
}

#[test]
fn a_full_peer_is_passed_over() {
    let full = Setup { max_conns: 1, ..setup(0, 1) };
    for method in [Method::RoundRobin, Method::LeastConn, Method::IpHash, Method::Hash, Method::Random] {
        let mut pool = Pool::new(method, &[full.clone(), Setup { max_conns: 1, ..setup(1, 1) }]);
        let mut held: Vec<_> = (0..3).map(|_| pool.attempts(b"key")).collect();
        let mut state = 0u32;
        let mut random = || {
            state += 1;
            state
        };
        let picked: Vec<_> =
            held.iter_mut().map(|attempts| pool.pick(attempts, 1_000, &mut random)).collect();
        assert_eq!((picked[0].is_some(), picked[2]), (true, None), "{method:?}: {picked:?}");
        assert_ne!(picked[0], picked[1], "{method:?}");
        pool.finish(&mut held[0], Ended::Succeeded, 1_000);
        let mut next = pool.attempts(b"key");
        assert_eq!(pool.pick(&mut next, 1_000, &mut random), picked[0], "{method:?}");
    }
    let mut single = Pool::new(Method::RoundRobin, &[full]);
    let (mut first, mut second) = (single.attempts(b""), single.attempts(b""));
    assert_eq!(single.pick(&mut first, 1_000, lowest), Some(0));
    assert_eq!(single.pick(&mut second, 1_000, lowest), None);
}

#[test]
fn of_two_the_second_unless_it_is_busier() {
    let mut pool = pool(Method::RandomTwo, &[1, 1]);
    let numbers = |numbers: &'static [u32]| {
        let mut numbers = numbers.iter().copied();
        move || numbers.next().expect("enough numbers")
    };
    let (mut first, mut second) = (pool.attempts(b""), pool.attempts(b""));
    assert_eq!(pool.pick(&mut first, 1_000, numbers(&[0, 0, 1])), Some(1));
    assert_eq!(pool.pick(&mut second, 1_000, numbers(&[2, 3])), Some(0));
}

const METHODS: [Method; 7] = [
    Method::RoundRobin,
    Method::IpHash,
    Method::Hash,
    Method::ConsistentHash,
    Method::LeastConn,
    Method::Random,
    Method::RandomTwo,
];

proptest! {
    // The seed of a failure is printed; a file in the source tree would outlive the run.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the method, the key and the failures: a request tries no peer twice and none that is down, and while a
    /// peer is usable that it has not tried, it is given one.
    #[test]
    fn attempts_are_on_different_live_peers(
        method in proptest::sample::select(METHODS.to_vec()),
        peers in proptest::collection::vec((1u32..9, any::<bool>()), 2..7),
        keys in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 1..20),
        seed in any::<u32>(),
    ) {
        let availability = |down| if down { Availability::PrimaryDown } else { Availability::Primary };
        let setups: Vec<Setup> = peers.iter().enumerate().map(|(index, (weight, down))| {
            // Never left alone: then every peer that is up is usable.
            Setup { max_fails: 0, availability: availability(*down), ..setup(index, *weight) }
        }).collect();
        let up = peers.iter().filter(|(_, down)| !down).count();
        let mut pool = Pool::new(method, &setups);
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 1
        };
        for key in keys {
            let mut attempts = pool.attempts(&key);
            let mut tried = Vec::new();
            while let Some(peer) = pool.pick(&mut attempts, 1_000, &mut random) {
                prop_assert!(!tried.contains(&peer) && !peers[peer].1);
                tried.push(peer);
                pool.finish(&mut attempts, Ended::Failed, 1_000);
            }
            prop_assert_eq!((tried.len(), attempts.any_left()), (up, false));
        }
    }
}
