//! Spreads that are right, and wrong by as little as can be told.

use facts::{Caller, journal::Entry};

use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

/// Clients `n % 30` that are answered by the origin (from 0) that `by` says; three phases, and nothing is done in them.
fn answered(method: &str, weights: [u32; 2], by: impl Fn(u64, u32) -> usize) -> Built {
    let mut built = Built::good();
    built.plan.targets[0].method = method.into();
    built.plan.targets[0].weights =
        [("blue".to_owned(), weights[0]), ("green".to_owned(), weights[1])].into();
    for record in &mut built.history.records {
        let client = (record.id % 30) as u32;
        let origin = by(record.id, client);
        record.origin = origin as u8 + 1;
        built.history.callers.push(Caller { connection: record.connection, client });
        let started = record.intended + 500_000;
        let entry = Entry { id: record.id, started, answered: started + 1, pid: 7, status: 200, repeats: 0 };
        built.history.journals[origin].1.push(entry);
    }
    built
}

/// As nginx spreads 1:2: green, blue, green.
fn in_turn(id: u64, _: u32) -> usize {
    usize::from(!id.is_multiple_of(3))
}

#[test]
fn in_turn_is_exact_but_for_a_few() {
    check("split", answered("round_robin", [1, 2], in_turn), PASS);
    check("split", answered("${method}", [1, 2], in_turn), UNKNOWN);
    check("split", answered("", [1, 2], in_turn), UNKNOWN);
    check("split", answered("round_robin", [1, 1], in_turn), FAIL);
    check("split", answered("round_robin", [0, 1], in_turn), FAIL);
    // Eight of 99 requests more than its due, which a binomial test would let pass.
    let off = |id: u64, client| if id % 12 == 1 && id < 100 { 0 } else { in_turn(id, client) };
    check("split", answered("round_robin", [1, 2], off), FAIL);
}

#[test]
fn by_address_each_client_has_one_member() {
    let home = |client: u32| {
        let key = balance::hashed_part(facts::caller::source(client).into());
        let setup = |weight| balance::Setup {
            name: String::new(),
            weight,
            max_conns: 0,
            max_fails: 1,
            fail_timeout_seconds: 10,
            ejection: None,
            availability: balance::Availability::Primary,
        };
        let mut pool = balance::Pool::new(balance::Method::IpHash, &[setup(1), setup(2)]);
        let mut attempts = pool.attempts(&key);
        pool.pick(&mut attempts, 0, || 0).expect("both are up")
    };
    check("split", answered("ip_hash", [1, 2], move |_, client| home(client)), PASS);
    let once_wrong = move |id: u64, client| if id == 50 { 1 - home(client) } else { home(client) };
    check("split", answered("ip_hash", [1, 2], once_wrong), FAIL);
    check("split", answered("hash $remote_addr", [1, 2], move |_, client| home(client)), FAIL);
    let mut nobody = answered("ip_hash", [1, 2], move |_, client| home(client));
    nobody.history.callers.clear();
    check("split", nobody, UNKNOWN);
}

#[test]
fn by_lot_is_far_off_once_in_a_million_runs() {
    check("split", answered("random", [1, 2], in_turn), PASS);
    check("split", answered("random", [2, 1], in_turn), FAIL);
    check("split", answered("least_conn", [1, 2], in_turn), UNKNOWN);
}

#[test]
fn a_run_with_failures_shows_nothing_of_the_split() {
    let lost = answered("round_robin", [1, 2], in_turn).outcome(30, facts::Outcome::Refused);
    check("split", lost, UNKNOWN);
    // It was never anybody's: no origin saw it, and each of the others is in a journal.
    let mut unseen = answered("round_robin", [1, 2], in_turn).outcome(30, facts::Outcome::RetriableClose);
    unseen.history.journals.iter_mut().for_each(|(_, entries)| entries.retain(|entry| entry.id != 30));
    check("split", unseen, PASS);
    let mut faulty = answered("round_robin", [1, 2], in_turn);
    faulty.plan.origins[0].faults.push("reset-every=30".into());
    check("split", faulty, UNKNOWN);
    let mut unkept = answered("round_robin", [1, 2], in_turn);
    unkept.history.journals.pop();
    check("split", unkept, UNKNOWN);
}

#[test]
fn a_consistent_hash_is_that_of_the_addresses() {
    let method = "hash $remote_addr consistent";
    let addresses = [("blue", "127.0.0.1:18081"), ("green", "127.0.0.1:18082")];
    let home = move |client: u32| {
        let setup = |(_, address): &(&str, &str)| balance::Setup {
            name: (*address).to_owned(),
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout_seconds: 10,
            ejection: None,
            availability: balance::Availability::Primary,
        };
        let mut pool = balance::Pool::new(balance::Method::ConsistentHash, &addresses.each_ref().map(setup));
        let mut attempts = pool.attempts(facts::caller::source(client).to_string().as_bytes());
        pool.pick(&mut attempts, 0, || 0).expect("both are up")
    };
    assert!((0..30).any(|client| home(client) == 0) && (0..30).any(|client| home(client) == 1));
    let located = |built: Built| {
        addresses.into_iter().fold(built, |built, (origin, address)| {
            let (origin, address) = (origin.to_owned(), address.to_owned());
            built.inserted(0, facts::Event::OriginStarted { origin, address })
        })
    };
    let right = answered(method, [1, 1], move |_, client| home(client));
    check("split", right.clone(), UNKNOWN);
    check("split", located(right), PASS);
    let once_wrong = move |id: u64, client| if id == 50 { 1 - home(client) } else { home(client) };
    check("split", located(answered(method, [1, 1], once_wrong)), FAIL);
}
