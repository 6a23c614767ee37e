//! Every reachable state of the protocol within small bounds, breadth first, so that a counterexample is a shortest one.

mod world;

use std::collections::{HashSet, VecDeque};

use protocol::{
    master::{CohortStage, Stage},
    signals::Signal,
    worker,
};
use world::{Action, Budget, World};

/// A property of every state, or of every state in which nothing happens by itself any more.
type Property = (&'static str, fn(&World) -> bool);

const ALWAYS: &[Property] = &[
    ("somebody accepts, unless a fault, a stop or a reload's cut-over is under way", somebody_accepts),
    ("the pid file names a live master, unless its death was not noticed yet", pid_file_names_a_live_master),
    (".oldbin never names the master that the pid file names", old_bin_is_another),
    ("nobody gives up its workers without a ready successor", retired_beside_ready),
];

const AT_REST: &[Property] = &[
    ("a live generation serves with all its workers", a_generation_serves),
    ("the pid file names a master that serves", pid_file_names_who_serves),
    (".oldbin names the living predecessor of that master, or is absent", old_bin_is_the_predecessor),
    ("no worker of a dead generation serves beside a living one", no_orphan),
];

/// Must be reached at least once, so that nothing above holds for want of cases.
const SOMETIMES: &[Property] = &[
    ("an upgrade is committed", |w| alive(w) == [1] && w.masters[1].state.stage == Stage::Serving),
    ("an upgrade is rolled back", |w| {
        alive(w) == [0] && w.masters.len() > 1 && w.masters[0].state.stage == Stage::Serving
    }),
    ("the old generation is retired", |w| w.masters[0].alive && w.masters[0].state.stage == Stage::Retired),
    ("a QUIT waits for readiness", |w| {
        w.masters[0].alive && w.masters[0].state.deferred.contains(Signal::Quit)
    }),
    ("a generation yields", |w| {
        w.masters.iter().any(|m| m.alive && matches!(m.state.stage, Stage::Yielding { .. }))
    }),
    ("a reload cuts over", |w| w.masters.iter().any(|m| m.alive && m.state.configuration.revision > 1)),
];

fn alive(world: &World) -> Vec<usize> {
    (0..world.masters.len()).filter(|index| world.masters[*index].alive).collect()
}

fn accepts(process: &world::WorkerProcess) -> bool {
    process.alive && process.worker.stage == worker::Stage::Accepting
}

fn somebody_accepts(world: &World) -> bool {
    let cutting_over = world.masters.iter().any(|master| {
        let stage = master.state.cohort.map(|cohort| cohort.stage);
        matches!(stage, Some(CohortStage::Halting { .. } | CohortStage::Admitting { .. }))
    });
    !world.served || world.faulted || world.stopped || cutting_over || world.workers.iter().any(accepts)
}

fn pid_file_names_a_live_master(world: &World) -> bool {
    let unnoticed = world.masters.iter().any(|m| m.inbox.successor_died || m.inbox.predecessor_died);
    let nobody = alive(world).is_empty();
    !world.served
        || world.stopped
        || nobody
        || unnoticed
        || world.pid_file.is_some_and(|named| world.masters[named].alive)
}

fn old_bin_is_another(world: &World) -> bool {
    world.faulted || world.old_bin.is_none() || world.old_bin != world.pid_file
}

fn retired_beside_ready(world: &World) -> bool {
    world.masters.iter().filter(|master| master.alive).all(|master| match master.state.stage {
        Stage::Retired | Stage::Leaving => master.state.has_ready_successor(),
        _ => true,
    })
}

/// Properties at rest hold for a world in which somebody still serves and nobody was told to stop.
fn is_settled(world: &World) -> bool {
    world.served && !world.stopped && !alive(world).is_empty()
}

fn serves(world: &World, index: usize) -> bool {
    let master = &world.masters[index];
    let workers = world.living_workers_of(index).filter(|worker| accepts(&world.workers[*worker])).count();
    master.alive && master.state.stage == Stage::Serving && workers == world.budget.workers_each as usize
}

fn a_generation_serves(world: &World) -> bool {
    !is_settled(world) || alive(world).into_iter().any(|index| serves(world, index))
}

fn pid_file_names_who_serves(world: &World) -> bool {
    !is_settled(world) || world.pid_file.is_some_and(|named| serves(world, named))
}

fn old_bin_is_the_predecessor(world: &World) -> bool {
    let predecessor = world.pid_file.and_then(|named| world.masters[named].predecessor);
    !is_settled(world) || world.old_bin == predecessor.filter(|index| world.masters[*index].alive)
}

fn no_orphan(world: &World) -> bool {
    !is_settled(world)
        || world.workers.iter().all(|process| !process.alive || world.masters[process.owner].alive)
}

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
    let rest = if at_rest { AT_REST } else { &[] };
    for (name, holds) in ALWAYS.iter().chain(rest) {
        assert!(holds(world), "does not hold: {name}\nshortest way there:\n{}\nthe end:\n{world:?}", story());
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
    check(&[(Usr2, 1), (Winch, 1), (Term, 1)], 0, 1, 2, &["the old generation is retired"]);
}
