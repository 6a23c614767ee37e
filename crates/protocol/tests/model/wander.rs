//! Long random runs beyond the bounds that can be exhausted. The scheduler's choices are data, so a failure shrinks to the
//! few choices that matter.

use proptest::prelude::*;
use protocol::signals::Signal;

use crate::{
    properties::broken,
    world::{Action, Budget, World},
};

/// Turns without an outside act after which every run must have come to rest.
const TURNS_TO_REST: usize = 500;

fn budget(faults: u8) -> Budget {
    use Signal::{Hup, Quit, Term, Usr1, Usr2, Winch};
    let signals = [(Usr2, 6), (Winch, 4), (Quit, 5), (Hup, 4), (Usr1, 2), (Term, 1)].to_vec();
    Budget { signals, faults, masters: 8, workers_each: 3 }
}

/// Takes `choices` as turns, then lets the world come to rest. Returns every action taken.
fn wander(choices: &[(bool, u16)], faults: u8) -> Result<(), String> {
    let mut world = World::new(budget(faults));
    let mut story: Vec<Action> = Vec::new();
    for (meddle, choice) in choices {
        let actions = if *meddle { world.external() } else { world.internal() };
        if let Some(action) = actions.get(usize::from(*choice) % actions.len().max(1)) {
            story.push(*action);
            world = world.apply(*action);
            judge(&world, false, &story)?;
        }
    }
    for _ in 0..TURNS_TO_REST {
        let Some(action) = world.internal().first().copied() else { return judge(&world, true, &story) };
        story.push(action);
        world = world.apply(action);
        judge(&world, false, &story)?;
    }
    Err(format!("no rest after {TURNS_TO_REST} turns\n{story:?}\n{world:?}"))
}

fn judge(world: &World, at_rest: bool, story: &[Action]) -> Result<(), String> {
    match broken(world, at_rest) {
        Some(name) => Err(format!("does not hold: {name}\n{story:?}\n{world:?}")),
        None => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn long_runs_end_in_one_healthy_generation(
        choices in prop::collection::vec((prop::bool::weighted(0.15), any::<u16>()), 1..250),
        faults in 0_u8..4,
    ) {
        prop_assert_eq!(wander(&choices, faults), Ok(()));
    }
}
