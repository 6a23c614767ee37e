//! What a property sees of a state.

use protocol::{
    master::{CohortStage, Effect, Result as Outcome, Stage},
    signals::Signal,
    worker::{self, Command},
};

use super::{
    accepts, means_to_serve,
    world::{Master, Slot, Worker, World},
};
use crate::scene::{self, GENERATIONS, Scene};

pub(super) fn scene(world: &World) -> Scene {
    let mut masters = [None; GENERATIONS];
    world.living().for_each(|(index, master)| masters[usize::from(index)] = Some(look(world, index, master)));
    let accepting = world.workers.iter().filter(|worker| serves(worker)).count() as u8;
    let holds =
        |worker: &Worker| matches!(worker.life.stage, worker::Stage::Accepting | worker::Stage::Stopped);
    Scene {
        served: world.past.served,
        stopped: world.past.stopped,
        faulted: world.past.faulted,
        struck: world.past.struck,
        worker_harmed: world.past.worker_harmed,
        cutting_over: world.living().any(|(_, master)| is_cutting_over(master)),
        unnoticed: world.living().any(|(_, master)| is_about_to_name_itself(master)),
        masters,
        listening: world.living().any(|(_, master)| master.listens) || world.workers.iter().any(holds),
        accepting,
        stray: world.workers.iter().filter(|worker| is_stray(world, worker)).count() as u8,
        draining: world.workers.iter().filter(|w| w.life.stage == worker::Stage::Draining).count() as u8,
        amid: world.living().any(|(_, master)| !master.rest.is_empty()),
        processes: (world.workers.len() + world.masters.iter().filter(|slot| slot.is_alive()).count()) as u8,
        pid_file: world.pid_file,
        old_bin: world.old_bin,
        mixed: is_mixed(world),
        bared: world.past.bared,
        doubled: world.past.doubled,
        crowded: world.past.crowded,
        came_back: world.past.came_back,
        // All workers share one queue.
        cut: false,
        untended: false,
        deserted: world.past.deserted,
        abandoned: world.past.abandoned,
        outlived: world.past.outlived,
        unanswered: world.past.unanswered,
        sleeping: world.living().any(|(_, master)| has_sleeping(master)),
        blame: 0,
    }
}

fn look(world: &World, index: u8, master: &Master) -> scene::Master {
    let own = || world.workers.iter().filter(|worker| worker.owner == index);
    scene::Master {
        serving: means_to_serve(master.state.stage) && !master.stopped,
        exits: master.state.stage == Stage::Gone,
        accepting: own().filter(|worker| serves(worker)).count() as u8,
        wanted: world.left.workers_each,
        workers: own().count() as u8,
        predecessor: master.predecessor,
    }
}

fn serves(worker: &Worker) -> bool {
    accepts(worker.life.stage) && !worker.stopped
}

fn is_cutting_over(master: &Master) -> bool {
    let stage = master.state.cohort.map(|cohort| cohort.stage);
    matches!(stage, Some(CohortStage::Halting { .. } | CohortStage::Admitting { .. }))
        && master.state.stage != Stage::Starting
}

/// It has yet to notice a death, or could not write the pid file and will try again.
fn is_about_to_name_itself(master: &Master) -> bool {
    let failed =
        master.state.rewrite_ms.is_some() || master.inbox.results.contains(&Outcome::PidFileNotWritten);
    let amid = master.rest.contains(&Effect::WritePidFile);
    let inbox = &master.inbox;
    // The heir's death is the successor's once it is promoted.
    let died = [inbox.successor_died, inbox.predecessor_died, inbox.elder_died, inbox.heir_died];
    failed || amid || died.contains(&true)
}

/// A QUIT may wait for a successor that leaves: its clients decide how long.
fn has_sleeping(master: &Master) -> bool {
    let mut deferred = master.state.deferred;
    if master.state.successor.is_some() && !master.state.has_ready_successor() {
        deferred.take(Signal::Quit);
    }
    !deferred.is_empty()
}

fn is_stray(world: &World, worker: &Worker) -> bool {
    !world.masters[usize::from(worker.owner)].is_alive() && worker.life.stage != worker::Stage::Draining
}

/// A worker that was told to drain and did not get round to it belongs to neither.
fn is_mixed(world: &World) -> bool {
    let counted = |w: &&Worker| serves(w) && !w.inbox.commands.contains(&Command::Drain);
    let accepting: Vec<&Worker> = world.workers.iter().filter(counted).collect();
    accepting.iter().any(|a| accepting.iter().any(|b| a.owner == b.owner && a.revision != b.revision))
}

impl Slot {
    pub(super) fn is_alive(&self) -> bool {
        matches!(self, Slot::Alive(_))
    }
}
