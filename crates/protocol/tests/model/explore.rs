//! Every reachable state within small bounds, breadth first, so that a counterexample is a shortest one.

use std::collections::{HashSet, VecDeque};

use protocol::signals::Signal;

use crate::{
    properties::{SOMETIMES, broken},
    world::{Action, Budget, World},
};

struct Exploration {
    states: usize,
    edges: usize,
    reached: Vec<&'static str>,
}

fn explore(budget: Budget) -> Exploration {
    let first = World::new(budget);
    let mut seen = HashSet::from([first.clone()]);
    let mut from: Vec<(usize, Option<Action>)> = vec![(0, None)];
    let mut queue = VecDeque::from([(0, first)]);
    let (mut edges, mut reached) = (0, Vec::new());
    while let Some((number, world)) = queue.pop_front() {
        let internal = world.internal();
        judge(&world, internal.is_empty(), || story(&from, number));
        reached.extend(SOMETIMES.iter().filter(|(_, holds)| holds(&world)).map(|(name, _)| *name));
        reached.sort_unstable();
        reached.dedup();
        for action in internal.into_iter().chain(world.external()) {
            edges += 1;
            let then = world.apply(action);
            if seen.insert(then.clone()) {
                queue.push_back((from.len(), then));
                from.push((number, Some(action)));
            }
        }
    }
    Exploration { states: seen.len(), edges, reached }
}

fn judge(world: &World, at_rest: bool, story: impl Fn() -> String) {
    if let Some(name) = broken(world, at_rest) {
        panic!("does not hold: {name}\nshortest way there:\n{}\nthe end:\n{world:?}", story());
    }
}

fn story(from: &[(usize, Option<Action>)], mut at: usize) -> String {
    let mut lines = Vec::new();
    while let (before, Some(action)) = from[at] {
        lines.push(format!("  {action:?}"));
        at = before;
    }
    lines.reverse();
    lines.join("\n")
}

fn check(signals: &[(Signal, u8)], faults: u8, workers_each: u32, masters: usize, sometimes: &[&str]) {
    let budget = Budget { signals: signals.to_vec(), faults, masters, workers_each };
    let found = explore(budget);
    println!(
        "{signals:?}, {faults} faults, {workers_each} workers: {} states, {} edges",
        found.states, found.edges
    );
    for name in sometimes {
        assert!(found.reached.contains(name), "never happened: {name}; only {:?}", found.reached);
    }
}

#[test]
fn an_upgrade_survives_every_order_of_its_signals() {
    use Signal::{Hup, Quit, Usr2, Winch};
    let sometimes: Vec<&str> =
        SOMETIMES.iter().map(|(name, _)| *name).filter(|n| !n.contains("reload")).collect();
    check(&[(Usr2, 1), (Winch, 1), (Quit, 1), (Hup, 1)], 0, 1, 2, &sometimes);
}

#[test]
fn an_upgrade_survives_a_death_at_any_moment() {
    use Signal::{Quit, Usr2, Winch};
    check(
        &[(Usr2, 1), (Winch, 1), (Quit, 1)],
        1,
        1,
        2,
        &["an upgrade is rolled back", "an upgrade is committed"],
    );
}

#[test]
fn two_deaths_in_one_upgrade_leave_one_healthy_generation() {
    use Signal::{Quit, Usr2, Winch};
    check(&[(Usr2, 1), (Winch, 1), (Quit, 1)], 2, 1, 2, &["an upgrade is rolled back"]);
}

#[test]
fn reload_and_upgrade_share_the_workers_without_a_gap() {
    use Signal::{Hup, Usr2, Winch};
    check(&[(Usr2, 1), (Winch, 1), (Hup, 2)], 1, 1, 2, &["a reload cuts over"]);
}

#[test]
fn two_workers_are_ready_together_or_not_at_all() {
    use Signal::{Usr2, Winch};
    check(&[(Usr2, 1), (Winch, 1)], 1, 2, 2, &["an upgrade is rolled back", "the old generation is retired"]);
}

#[test]
fn upgrades_follow_each_other_and_a_dead_generation() {
    use Signal::{Quit, Usr2};
    check(&[(Usr2, 2), (Quit, 2)], 1, 1, 3, &["an upgrade is committed", "a generation yields"]);
}

#[test]
fn a_fast_stop_at_any_moment_leaves_no_unready_generation_behind() {
    use Signal::{Term, Usr2, Winch};
    check(&[(Usr2, 1), (Winch, 1), (Term, 2)], 1, 1, 2, &["the old generation is retired"]);
}
