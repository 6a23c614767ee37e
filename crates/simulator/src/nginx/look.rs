//! What a property sees of a state, and what happens as a line of a timeline.

use super::{
    Quirk,
    world::{Action, Boot, Master, Stage, Worker, World},
};
use crate::scene::{self, GENERATIONS, Name, Scene};

pub(super) fn scene(world: &World) -> Scene {
    let mut masters = [None; GENERATIONS];
    world.living().for_each(|(index, master)| masters[usize::from(index)] = Some(look(world, index, master)));
    let count = |chosen: &dyn Fn(&Worker) -> bool| world.workers.iter().filter(|w| chosen(w)).count() as u8;
    let orphan = |worker: &Worker| world.master(worker.owner).is_none();
    Scene {
        served: world.served,
        stopped: world.stopped,
        faulted: world.faulted,
        struck: world.faulted,
        // New workers come up for those that leave: the accept queue holds what comes in between.
        cutting_over: count(&|worker| worker.stage == Stage::Starting && !orphan(worker)) > 0,
        unnoticed: world.living().any(|(_, master)| master.child),
        masters,
        listening: world.living().any(|(_, m)| m.listens) || count(&|w| w.stage == Stage::Accepting) > 0,
        accepting: count(&|worker| worker.stage == Stage::Accepting),
        stray: count(&|worker| orphan(worker) && worker.stage != Stage::Draining),
        draining: count(&|worker| worker.stage == Stage::Draining),
        processes: (world.workers.len() + world.living().count()) as u8,
        pid_file: world.pid_file,
        old_bin: world.old_bin,
        bared: world.bared,
        abandoned: world.abandoned,
        came_back: world.came_back,
        cut: world.cut,
        untended: world.is_untended(),
        sleeping: world.living().any(|(_, master)| !master.flags.is_empty()),
        blame: world.fired | of_the_moment(world),
        ..Scene::default()
    }
}

/// What a pid file says is wrong only while it says so: that is not to blame for what comes later.
fn of_the_moment(world: &World) -> u32 {
    let renamed = !matches!(world.pid_file, Name::Of(_)) && world.quirks.has(Quirk::PidFileRenamed);
    let barren = world.living().any(|(index, master)| {
        master.crippled && world.quirks.has(Quirk::ReadinessUnknown) && world.pid_file == Name::Of(index)
    });
    let orphan = |worker: &Worker| world.master(worker.owner).is_none() && worker.stage != Stage::Draining;
    let orphans = world.workers.iter().any(orphan) && world.quirks.has(Quirk::OrphansServeOn);
    let final_quit = world.living().any(|(_, master)| {
        let others = [master.new_binary, master.parent];
        let dead = others.into_iter().flatten().any(|other| world.master(other).is_none());
        master.quit && dead && world.quirks.has(Quirk::QuitIsFinal)
    });
    let untended = world.is_untended() && world.quirks.has(Quirk::ReuseportSurplus);
    (if renamed { Quirk::PidFileRenamed.bit() } else { 0 })
        | (if orphans { Quirk::OrphansServeOn.bit() } else { 0 })
        | (if final_quit { Quirk::QuitIsFinal.bit() } else { 0 })
        | (if barren { Quirk::ReadinessUnknown.bit() } else { 0 })
        | (if untended { Quirk::ReuseportSurplus.bit() } else { 0 })
}

fn look(world: &World, index: u8, master: &Master) -> scene::Master {
    let own = |stage: Option<Stage>| {
        let chosen = |w: &&Worker| w.owner == index && stage.is_none_or(|stage| w.stage == stage);
        world.workers.iter().filter(chosen).count() as u8
    };
    let staying = world.workers.iter().any(|w| w.owner == index && w.stage != Stage::Draining && !w.told);
    scene::Master {
        serving: !master.quit && !master.terminate && (staying || master.boot != Boot::Running),
        exits: false,
        accepting: own(Some(Stage::Accepting)),
        wanted: master.wanted,
        workers: own(None),
        predecessor: master.parent,
    }
}

pub(super) fn tell(before: &World, action: Action) -> String {
    let owner = |at: u8| before.workers[usize::from(at)].owner + 1;
    match action {
        Action::Turn(index, signals) if signals.is_empty() => match before.master(index) {
            Some(master) if master.child => format!("master {} gets CHLD", index + 1),
            _ => format!("master {} looks at what waited", index + 1),
        },
        Action::Turn(index, signals) => match before.master(index) {
            Some(master) if master.child => format!("master {} gets CHLD and {signals} at once", index + 1),
            _ => format!("master {} gets {signals}", index + 1),
        },
        Action::Boot(index) => boot(before, index),
        Action::Work(at) => match before.workers[usize::from(at)].stage {
            Stage::Starting => format!("a worker of generation {} comes up", owner(at)),
            _ => format!("a worker of generation {} stops accepting and drains", owner(at)),
        },
        Action::Finish(at) => {
            format!("the last client of a worker of generation {} leaves: it exits", owner(at))
        }
        Action::Kill(index) => format!("SIGKILL to master {}", index + 1),
        Action::KillAll(index) => format!("SIGKILL to master {} and its workers", index + 1),
        Action::Fail(index) => format!("master {} cannot start, and exits", index + 1),
        Action::CannotFork(index, signal) => {
            format!("master {} gets {}, and cannot fork", index + 1, signal.name())
        }
        Action::Fewer => "the configuration file asks for one worker fewer".into(),
        Action::Cripple(index) => format!("the workers of master {} will exit with 2", index + 1),
    }
}

fn boot(before: &World, index: u8) -> String {
    let name = index + 1;
    match before.master(index).map(|master| master.boot) {
        Some(Boot::Configuring) => format!("master {name} has its configuration, and truncates the pid file"),
        Some(Boot::Opened) => format!("master {name} writes the pid file"),
        _ => format!("master {name} forks its workers"),
    }
}
