//! What can happen in a state.

use protocol::{
    master::{self, Effect},
    signals::Signals,
    worker,
};

use super::{
    turn::acts,
    world::{Action, Cut, Master, World},
};

pub(super) fn list(world: &World, out: &mut Vec<Action>) {
    steps(world, out);
    out.extend(endings(world));
    if !world.past.stopped {
        signals(world, out);
        if world.left.faults > 0 {
            faults(world, out);
        }
    }
}

/// Workers first, and of them the first: they do not get in each other's way. A master that does not wait for them is delayed.
fn steps(world: &World, out: &mut Vec<Action>) {
    let busy = world.workers.iter().position(|worker| worker.can_work());
    out.extend(busy.map(|index| Action::Work(index as u8)));
    if busy.is_none() || world.left.delays > 0 {
        let ready = world.living().filter(|(_, master)| master.can_turn());
        out.extend(ready.map(|(index, _)| Action::Turn(index, Signals::NONE, Cut::None)));
    }
    out.extend(
        world.living().filter(|(_, m)| !m.rest.is_empty() && !m.stopped).map(|(i, _)| Action::Resume(i)),
    );
    if out.is_empty() {
        let waiting = world.living().filter(|(_, m)| !m.stopped && m.state.deadline_ms().is_some());
        out.extend(waiting.map(|(index, _)| Action::TimePasses(index)));
    }
    out.extend(world.living().filter(|(_, m)| m.stopped).map(|(index, _)| Action::Continue(index)));
    let stopped = world.workers.iter().enumerate().filter(|(_, worker)| worker.stopped);
    out.extend(stopped.map(|(index, _)| Action::ContinueWorker(index as u8)));
}

fn endings(world: &World) -> impl Iterator<Item = Action> {
    let draining = |w: &super::world::Worker| w.life.stage == worker::Stage::Draining && !w.stopped;
    let each = world.workers.iter().enumerate();
    each.filter(move |(_, worker)| draining(worker)).map(|(index, _)| Action::Finish(index as u8))
}

/// Each living master may find any affordable set of signals at its next turn, and that turn may be disturbed.
fn signals(world: &World, out: &mut Vec<Action>) {
    for (index, master) in world.living().filter(|(_, master)| master.can_be_signalled()) {
        for set in world.left.signals.sets(world.left.together) {
            out.push(Action::Turn(index, set, Cut::None));
            cuts(world, index, master, set, out);
        }
        if master.can_turn() {
            cuts(world, index, master, Signals::NONE, out);
        }
    }
}

fn cuts(world: &World, index: u8, master: &Master, signals: Signals, out: &mut Vec<Action>) {
    if world.left.faults == 0 && world.left.delays == 0 {
        return;
    }
    let wakeup = master::Wakeup { signals, ..master.inbox.clone() };
    let effects: Vec<Effect> = acts(master::step(&master.state, &wakeup).1).collect();
    let turn = |cut| Action::Turn(index, signals, cut);
    let between = 1..effects.len() as u8;
    if world.left.faults > 0 {
        out.extend(between.clone().map(|after| turn(Cut::Killed(after))));
        let failing = effects.iter().enumerate().filter(|(_, effect)| can_fail(effect));
        out.extend(failing.map(|(at, _)| turn(Cut::Fails(at as u8))));
    }
    if world.left.delays > 0 {
        out.extend(between.map(|after| turn(Cut::Overtaken(after))));
    }
}

/// Effects whose failure the protocol is told.
fn can_fail(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::SpawnWorker(..) | Effect::LoadConfiguration | Effect::SpawnSuccessor | Effect::WritePidFile
    )
}

fn faults(world: &World, out: &mut Vec<Action>) {
    for (index, master) in world.living() {
        out.push(Action::Kill(index));
        if !master.stopped {
            out.push(Action::Stop(index));
        }
    }
    for (at, process) in world.workers.iter().enumerate() {
        // Of equal neighbours the first will do.
        if at > 0 && world.workers[at - 1].is_like(process) {
            continue;
        }
        let index = at as u8;
        out.push(Action::KillWorker(index));
        if !process.stopped {
            out.extend([Action::StopWorker(index), Action::QuitWorker(index)]);
        }
        if process.life.stage == worker::Stage::Preparing && !process.hangs {
            out.push(Action::Hang(index));
        }
    }
}

impl super::world::Worker {
    fn is_like(&self, other: &Self) -> bool {
        *self == super::world::Worker { id: self.id, ..other.clone() }
    }
}
