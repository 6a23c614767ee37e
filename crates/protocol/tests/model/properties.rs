//! What must hold, of every state and of every state at rest.

use protocol::{
    master::{CohortStage, Stage},
    signals::Signal,
    worker::{self, Command},
};

use crate::world::{WorkerProcess, World};

/// A property of every state, or of every state in which nothing happens by itself any more.
pub(crate) type Property = (&'static str, fn(&World) -> bool);

const ALWAYS: &[Property] = &[
    ("somebody accepts, unless a fault, a stop or a reload's cut-over is under way", somebody_accepts),
    ("the pid file names a live master, unless its death was not noticed yet", pid_file_names_a_live_master),
    (".oldbin never names the master that the pid file names", old_bin_is_another),
    ("two configurations of one generation never accept at the same time", one_configuration),
    ("nobody gives up its workers without a ready successor", retired_beside_ready),
];

const AT_REST: &[Property] = &[
    ("a live generation serves with all its workers", a_generation_serves),
    ("the pid file names a master that serves", pid_file_names_who_serves),
    (".oldbin names the living predecessor of that master, or is absent", old_bin_is_the_predecessor),
    ("no worker of a dead generation serves beside a living one", no_orphan),
];

/// Must be reached at least once, so that nothing above holds for want of cases.
pub(crate) const SOMETIMES: &[Property] = &[
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

fn accepts(process: &WorkerProcess) -> bool {
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

/// A worker that was told to drain and did not get round to it belongs to neither.
fn one_configuration(world: &World) -> bool {
    let counted =
        |process: &&WorkerProcess| accepts(process) && !process.inbox.commands.contains(&Command::Drain);
    let accepting: Vec<&WorkerProcess> = world.workers.iter().filter(counted).collect();
    let clash = |a: &WorkerProcess| accepting.iter().any(|b| a.owner == b.owner && a.revision != b.revision);
    world.faulted || !accepting.iter().any(|process| clash(process))
}

fn retired_beside_ready(world: &World) -> bool {
    world.masters.iter().filter(|master| master.alive).all(|master| match master.state.stage {
        Stage::Retired => master.state.has_ready_successor(),
        Stage::Leaving => master.state.successor.is_some(),
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

/// The first property that does not hold in this state, if any.
pub(crate) fn broken(world: &World, at_rest: bool) -> Option<&'static str> {
    let rest = if at_rest { AT_REST } else { &[] };
    ALWAYS.iter().chain(rest).find(|(_, holds)| !holds(world)).map(|(name, _)| *name)
}
