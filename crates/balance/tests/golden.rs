//! Every pick that was recorded from nginx 1.22.1 (`golden/record.rs` says how) is made again.

#[path = "../golden/cases.rs"]
mod cases;

use balance::{Attempts, Ended, Method, Part, Pool, Split, hashed_part};
use cases::{CASES, Case, Clock, Connections, Failures, Keys, Numbers, Request, Trace};

const RECORDED: &str = include_str!("../golden/picks.txt");
/// Any second will do: long after zero, where the state of a peer begins.
const FIRST_SECOND: i64 = 1_000_000;

/// The lines of a case.
fn recorded(name: &str) -> &'static str {
    let start = RECORDED.find(&format!("case {name} ")).unwrap_or_else(|| panic!("{name} is not recorded"));
    let rest = &RECORDED[start..];
    &rest[..rest.find("\n\n").map_or(rest.len(), |end| end + 2)]
}

fn never() -> u32 {
    unreachable!("nothing is drawn")
}

fn key(case: &Case, request: &Request) -> Vec<u8> {
    match case.keys {
        Keys::None => Vec::new(),
        Keys::Words => request.key.clone().into_bytes(),
        Keys::Addresses => hashed_part(request.key.parse().expect("an address")),
    }
}

/// The peers that one request tries, as nginx goes from one to the next.
fn tried(pool: &mut Pool, case: &Case, request: &Request, now: i64) -> String {
    let mut attempts = pool.attempts(&key(case, request));
    let mut tried = String::new();
    loop {
        let Some(peer) = pool.pick(&mut attempts, now, never) else { return tried + "!" };
        let letter = cases::letter(peer);
        tried.push(letter);
        let counts = request.failing.contains(letter)
            && match case.failures {
                Failures::Never => false,
                // A status is a failure only where another peer is left to be asked.
                Failures::Status { .. } => attempts.left() > 1,
                Failures::Close { .. } => true,
            };
        let ended = if counts { Ended::Failed } else { Ended::Succeeded };
        pool.finish(&mut attempts, ended, now);
        if !counts || !attempts.any_left() {
            return tried;
        }
    }
}

fn replay(case: &Case) -> Trace {
    let mut pool = Pool::new(case.method, &case.setups());
    let mut trace = Trace::default();
    for (number, request) in (0..case.requests).zip(case.stream()) {
        let second = match case.clock {
            Clock::Stands => 0,
            Clock::Ticks => number / cases::REQUESTS_PER_BURST,
        };
        trace.push(&tried(&mut pool, case, &request, FIRST_SECOND + i64::from(second)));
    }
    trace
}

fn hold(case: &Case, most: usize) -> Trace {
    let mut pool = Pool::new(case.method, &case.setups());
    let mut numbers = Numbers::of(case.name);
    let mut held: Vec<Attempts> = Vec::new();
    let mut trace = Trace::default();
    for _ in 0..case.requests {
        for index in cases::ends(&mut numbers, held.len(), most) {
            pool.finish(&mut held.swap_remove(index), Ended::Succeeded, FIRST_SECOND);
        }
        let mut attempts = pool.attempts(b"");
        let peer = pool.pick(&mut attempts, FIRST_SECOND, never).expect("there is always room");
        trace.push(&cases::letter(peer).to_string());
        held.push(attempts);
    }
    trace
}

#[test]
fn every_recorded_pick_is_made_again() {
    assert!(RECORDED.starts_with("nginx/1.22.1"), "recorded from the version that is promised");
    for case in CASES.iter().filter(|case| !case.is_drawn()) {
        let trace = match case.connections {
            Connections::Short => replay(case),
            Connections::Held { most } => hold(case, most),
        };
        assert_eq!(trace.lines(case.name), recorded(case.name), "{}", case.name);
    }
}

#[test]
fn every_recorded_part_is_the_same() {
    let parts: Vec<Part> = cases::PARTS.iter().map(|(part, _)| *part).collect();
    let split = Split::new(&parts);
    let mut numbers = Numbers::of(cases::SPLIT_NAME);
    let mut trace = Trace::default();
    for _ in 0..cases::SPLIT_REQUESTS {
        let part =
            split.part(cases::split_key(&mut numbers).as_bytes()).expect("the last one takes the rest");
        trace.push(&cases::letter(part).to_string());
    }
    assert_eq!(trace.lines(cases::SPLIT_NAME), recorded(cases::SPLIT_NAME));
}

/// What is chance is held against its exact distribution, nginx's counts as well as ours.
#[test]
fn drawn_shares_are_those_of_the_weights() {
    for case in CASES.iter().filter(|case| case.is_drawn()) {
        let (_, counts) = recorded(case.name).trim_end().split_once(" counts ").expect("counts");
        let of_nginx: Vec<u64> = counts.split(' ').map(|count| count.parse().expect("a number")).collect();
        let expected = shares(case);
        check_shares(case, "nginx", &of_nginx, &expected);
        check_shares(case, "ours", &draw(case), &expected);
    }
}

fn draw(case: &Case) -> Vec<u64> {
    let mut pool = Pool::new(case.method, &case.setups());
    let mut numbers = Numbers::of(case.name);
    let mut counts = vec![0; case.peers.len()];
    for _ in 0..case.requests {
        let mut attempts = pool.attempts(b"");
        // As random(3), which gives 31 bits.
        let picked = pool.pick(&mut attempts, FIRST_SECOND, || (numbers.next() >> 33) as u32);
        counts[picked.expect("somebody is up")] += 1;
        pool.finish(&mut attempts, Ended::Succeeded, FIRST_SECOND);
    }
    counts
}

/// The exact chance of each peer while nobody holds a connection. Of two the second wins then.
fn shares(case: &Case) -> Vec<f64> {
    let weight = |index: usize| match case.peers[index].availability {
        balance::Availability::Primary => f64::from(case.peers[index].weight),
        _ => 0.0,
    };
    let peers = 0..case.peers.len();
    let total: f64 = peers.clone().map(weight).sum();
    let second = |index: usize| -> f64 {
        let firsts = peers.clone().filter(|first| *first != index);
        firsts.map(|first| weight(first) / total * weight(index) / (total - weight(first))).sum()
    };
    match case.method {
        Method::RandomTwo => peers.clone().map(second).collect(),
        _ => peers.map(|index| weight(index) / total).collect(),
    }
}

/// Chi-square with three degrees of freedom at most: a right one is beyond 31 once in a million.
fn check_shares(case: &Case, whose: &str, counts: &[u64], shares: &[f64]) {
    let requests: u64 = counts.iter().sum();
    assert_eq!(requests, u64::from(case.requests));
    let mut distance = 0.0;
    for (count, share) in counts.iter().zip(shares) {
        let expected = share * requests as f64;
        if expected == 0.0 {
            assert_eq!(*count, 0, "{} of {whose}: a peer that is down was picked", case.name);
        } else {
            distance += (*count as f64 - expected).powi(2) / expected;
        }
    }
    assert!(distance < 31.0, "{} of {whose}: {counts:?} is {distance} from {shares:?}", case.name);
}
