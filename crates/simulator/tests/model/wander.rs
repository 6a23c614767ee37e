//! Long random runs beyond the bounds that can be exhausted. A failure shrinks to the few choices that matter.

use std::cell::Cell;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use protocol::signals::Signal;
use simulator::{Bounds, Budget, PROPERTIES, Property, Reference, wander};

/// The deepest of the explorations: see the counts of `reference`.
const EXPLORED: usize = 66;

/// A run in which the server is told to stop is soon over: most are told so seldom or never.
fn bounds() -> impl Strategy<Value = Bounds> {
    use Signal::{Hup, Quit, Term, Usr2, Winch};
    let seldom = prop::bool::weighted(0.2).prop_map(u8::from);
    (0_u8..4, 0_u8..5, seldom, 1_u8..6).prop_map(|(faults, quits, terms, together)| {
        let signals = Budget::new(&[(Usr2, 6), (Winch, 4), (Quit, quits), (Hup, 4), (Term, terms)]);
        Bounds { workers: 3, signals, together, faults, delays: 200 }
    })
}

#[test]
fn long_runs_end_in_one_healthy_generation() {
    let config = ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() };
    let choices = prop::collection::vec((prop::bool::weighted(0.1), any::<u16>()), 1..400);
    let properties: Vec<&Property> = PROPERTIES.iter().collect();
    let (deeper, deepest) = (Cell::new(0), Cell::new(0));
    let ran = TestRunner::new(config).run(&(choices, bounds()), |(choices, bounds)| {
        let steps = wander(&Reference { bounds }, &properties, &choices).map_err(|broken| {
            let timeline = broken.timeline.join("\n");
            TestCaseError::fail(format!("does not hold: {}\n{timeline}", broken.property))
        })?;
        deeper.set(deeper.get() + usize::from(steps > EXPLORED));
        deepest.set(deepest.get().max(steps));
        Ok(())
    });
    let (deeper, deepest) = (deeper.get(), deepest.get());
    println!(
        "{deeper} of 4000 runs go on after {EXPLORED} steps, where the deepest exploration ends; the longest: {deepest}"
    );
    if let Err(failure) = ran {
        panic!("{failure}");
    }
    assert!(deeper > 400 && deepest > 120, "{deeper} runs are deeper, the deepest is {deepest}");
}
