//! Long random runs beyond the bounds that can be exhausted. A failure shrinks to the few choices that matter.

use proptest::prelude::*;
use protocol::signals::Signal;
use simulator::{Bounds, Budget, PROPERTIES, Property, Reference, wander};

fn bounds(faults: u8) -> Bounds {
    use Signal::{Hup, Quit, Term, Usr2, Winch};
    let signals = Budget::new(&[(Usr2, 6), (Winch, 4), (Quit, 5), (Hup, 4), (Term, 1)]);
    Bounds { workers: 3, signals, together: 5, faults, delays: 200 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_runs_end_in_one_healthy_generation(
        choices in prop::collection::vec((prop::bool::weighted(0.15), any::<u16>()), 1..250),
        faults in 0_u8..4,
    ) {
        let properties: Vec<&Property> = PROPERTIES.iter().collect();
        let model = Reference { bounds: bounds(faults) };
        if let Err(broken) = wander(&model, &properties, &choices) {
            prop_assert!(false, "does not hold: {}\n{}", broken.property, broken.timeline.join("\n"));
        }
    }
}
