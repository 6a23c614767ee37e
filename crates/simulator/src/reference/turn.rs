//! What an action does: a master's turn, a worker's step, a blow from outside.

use protocol::{
    master::{self, Effect, Farewells, PeerMessage, Remark, Stage, State},
    signals::{Signal, Signals},
    worker::{self, Report},
};

use super::{
    accepts, means_to_serve,
    world::{Action, Cut, Master, Slot, Worker, World},
};
use crate::scene::GENERATIONS;

impl World {
    pub(super) fn apply(&mut self, action: Action) {
        self.past.came_back = false;
        match action {
            Action::Turn(index, signals, cut) => self.turn(index, signals, 0, cut),
            Action::Resume(index) => self.resume(index),
            Action::TimePasses(index) => {
                let elapsed = self.master(index).and_then(|master| master.state.deadline_ms()).unwrap_or(0);
                self.turn(index, Signals::NONE, elapsed, Cut::None);
            }
            Action::Work(index) => self.work(index.into(), false),
            Action::Finish(index) => self.work(index.into(), true),
            Action::Kill(index) => self.blow(|world| world.kill_master(index)),
            Action::Stop(index) => self.blow(|world| world.set_stopped(index, true)),
            Action::Continue(index) => self.set_stopped(index, false),
            Action::KillWorker(index) => self.hit(index, |world, at| world.end_worker(at)),
            Action::QuitWorker(index) => self.hit(index, |world, at| world.workers[at].receive(Signal::Quit)),
            Action::StopWorker(index) => self.hit(index, |world, at| world.workers[at].stopped = true),
            Action::ContinueWorker(index) => self.workers[usize::from(index)].stopped = false,
            Action::Hang(index) => self.hit(index, |world, at| world.workers[at].hangs = true),
        }
    }

    fn blow(&mut self, strike: impl FnOnce(&mut World)) {
        self.fault();
        strike(self);
    }

    fn hit(&mut self, worker: u8, strike: impl FnOnce(&mut World, usize)) {
        self.past.worker_harmed = true;
        self.blow(|world| strike(world, worker.into()));
    }

    fn set_stopped(&mut self, index: u8, stopped: bool) {
        if let Some(master) = self.master_mut(index) {
            master.stopped = stopped;
        }
    }

    fn turn(&mut self, index: u8, signals: Signals, elapsed_ms: u32, cut: Cut) {
        if !matches!(cut, Cut::None) || self.overtakes_a_worker(signals, elapsed_ms) {
            self.pay(cut);
        }
        self.left.signals = self.left.signals.without(signals);
        let farewells = self.farewells(index);
        let Some(master) = self.master_mut(index) else { return };
        let mut wakeup = std::mem::take(&mut master.inbox);
        wakeup.signals = signals;
        wakeup.elapsed_ms = elapsed_ms;
        wakeup.farewells = farewells;
        master.started = true;
        let before = master.state.clone();
        self.adopt(index, &wakeup);
        let (state, effects) = master::step(&before, &wakeup);
        if let Some(master) = self.master_mut(index) {
            master.state = state.clone();
        }
        self.remember(index, &before, &state, signals, &effects);
        self.carry_out(index, acts(effects).collect(), cut);
    }

    /// Who was overtaken on its way out.
    fn farewells(&self, index: u8) -> Farewells {
        let exits = |other: fn(&Master) -> Option<u8>| {
            let other = self.master(index).and_then(other).and_then(|other| self.master(other));
            other.is_some_and(|other| other.rest.iter().any(|effect| matches!(effect, Effect::Exit(_))))
        };
        Farewells {
            successor: exits(|master| master.successor),
            predecessor: exits(|master| master.predecessor),
            elder: exits(|master| master.elder),
            heir: exits(|master| master.heir),
        }
    }

    /// A turn of its own accord while a worker has something to do.
    fn overtakes_a_worker(&self, signals: Signals, elapsed_ms: u32) -> bool {
        signals.is_empty() && elapsed_ms == 0 && self.workers.iter().any(Worker::can_work)
    }

    fn pay(&mut self, cut: Cut) {
        match cut {
            Cut::None | Cut::Overtaken(_) => self.left.delays -= 1,
            Cut::Killed(_) | Cut::Fails(_) => self.fault(),
        }
    }

    fn carry_out(&mut self, index: u8, mut effects: Vec<Effect>, cut: Cut) {
        let rest = match cut {
            Cut::Killed(after) | Cut::Overtaken(after) => effects.split_off(after.into()),
            Cut::None | Cut::Fails(_) => Vec::new(),
        };
        for (at, effect) in effects.into_iter().enumerate() {
            match cut {
                Cut::Fails(failing) if usize::from(failing) == at => self.fail(index, effect),
                _ => self.perform(index, effect),
            }
        }
        match (cut, self.master_mut(index)) {
            (Cut::Killed(_), _) => self.kill_master(index),
            (_, Some(master)) => master.rest = rest,
            _ => {}
        }
    }

    fn resume(&mut self, index: u8) {
        let rest = self.master_mut(index).map(|master| std::mem::take(&mut master.rest));
        rest.into_iter().flatten().for_each(|effect| self.perform(index, effect));
    }

    /// What the properties need to know about this turn afterwards.
    fn remember(&mut self, index: u8, before: &State, after: &State, signals: Signals, effects: &[Effect]) {
        let retires = matches!(after.stage, Stage::Retired | Stage::Leaving) && means_to_serve(before.stage);
        self.past.bared |= retires && !self.another_is_ready(index);
        let comes_back =
            matches!(before.stage, Stage::Retired | Stage::Leaving) && after.stage == Stage::Serving;
        self.past.came_back |= comes_back;
        let called = signals.contains(Signal::Hup);
        self.past.doubled |=
            before.stage == Stage::Leaving && comes_back && !called && self.another_serves(index);
        self.past.unanswered |= signals.iter().any(|signal| !is_answered(signal, effects, before != after));
        let gave_up = matches!(after.stage, Stage::Terminating { code: 1.., .. });
        self.past.faulted |= gave_up;
        self.past.struck |= gave_up;
        if effects.contains(&Effect::AnnounceStart) {
            self.past.served = true;
            // If there is somebody to tell, it is ready when that is told.
            let tells = effects.contains(&Effect::TellPredecessor(PeerMessage::Ready));
            self.past.ready[usize::from(index)] |= !tells;
        }
        let leaves = !is_going(before.stage) && is_told_to_leave(after.stage, signals, effects);
        self.note_orders(index, signals, effects, leaves);
        let exits = after.stage == Stage::Gone && before.stage != Stage::Gone;
        let alone = self.living().count() == 1;
        self.past.deserted |= exits && alone && self.past.served && !self.past.told[usize::from(index)];
    }

    /// And has said so.
    fn another_serves(&self, index: u8) -> bool {
        let serves = |m: &super::world::Master| m.state.stage == Stage::Serving && m.rest.is_empty();
        self.living().any(|(other, m)| other != index && self.past.ready[usize::from(other)] && serves(m))
    }

    fn another_is_ready(&self, index: u8) -> bool {
        self.living().any(|(other, _)| other != index && self.past.ready[usize::from(other)])
    }

    /// Who was told to leave, and whether that stopped the server. QUIT beside USR2 is an upgrade; QUIT beside another living
    /// generation is a commit or a rollback; TERM beside another one that is ready cuts what this one serves and no more. A QUIT
    /// that waited stops the server only if another generation was told to leave, too.
    fn note_orders(&mut self, index: u8, signals: Signals, effects: &[Effect], leaves: bool) {
        let at = usize::from(index);
        let upgrades = signals.contains(Signal::Usr2) && !declines(Signal::Usr2, effects);
        let declined = declines(Signal::Quit, effects) || effects.contains(&Effect::Say(Remark::NotRelieved));
        // One that leaves already refuses the next QUIT.
        let stays = declined && !self.master(index).is_some_and(|m| is_going(m.state.stage));
        let term = signals.contains(Signal::Term);
        let quit = signals.contains(Signal::Quit) && !stays && !defers(Signal::Quit, effects);
        let back = signals.contains(Signal::Hup) && !declines(Signal::Hup, effects);
        if back || stays {
            self.past.told[at] = false;
        }
        let fresh = quit && !upgrades;
        let redeemed = leaves && !quit && self.others_than(at).any(|other| self.past.told[other]);
        self.past.told[at] |= quit || term || leaves;
        let staying = |other: &usize| self.masters[*other].is_alive() && !self.past.told[*other];
        let staying: Vec<usize> = self.others_than(at).filter(staying).collect();
        let ready = staying.iter().any(|other| self.past.ready[*other]);
        self.past.stopped |= ((fresh || redeemed) && staying.is_empty()) || (term && !ready);
        self.past.faulted |= term;
    }

    fn others_than(&self, at: usize) -> impl Iterator<Item = usize> + use<> {
        (0..GENERATIONS).filter(move |other| *other != at)
    }

    fn work(&mut self, at: usize, idle: bool) {
        let process = &mut self.workers[at];
        let mut wakeup = std::mem::take(&mut process.inbox);
        wakeup.prepared = process.life.stage == worker::Stage::Preparing && !process.hangs;
        wakeup.idle = idle;
        let (life, effects) = worker::step(&process.life, &wakeup);
        process.life = life;
        let (owner, id) = (process.owner, process.id);
        let mut exits = false;
        for effect in effects {
            match effect {
                // Nothing follows from the last word but the end, which is told by itself.
                worker::Effect::Report(Report::Drained) => {}
                worker::Effect::Report(report) => {
                    if let Some(master) = self.master_mut(owner) {
                        master.inbox.reports.push((id, report));
                    }
                }
                worker::Effect::Exit(_) => exits = true,
                _ => {}
            }
        }
        if exits {
            self.end_worker(at);
        }
    }

    pub(super) fn end_worker(&mut self, at: usize) {
        let gone = self.workers.remove(at);
        if let Some(master) = self.master_mut(gone.owner) {
            master.inbox.exits.push(gone.id);
        }
    }

    /// If nobody else means to serve, its workers are all there is.
    fn kill_master(&mut self, index: u8) {
        let alone = self.living().all(|(other, m)| (other == index) == means_to_serve(m.state.stage));
        let stays = |w: &Worker| accepts(w.life.stage) && !w.inbox.commands.contains(&worker::Command::Drain);
        let accepting = self.workers.iter().any(|w| w.owner == index && stays(w));
        self.past.outlived |= alone && accepting;
        self.end_master(index);
    }

    pub(super) fn end_master(&mut self, index: u8) {
        if self.master(index).is_none() {
            return;
        }
        self.masters[usize::from(index)] = Slot::Dead;
        for worker in self.workers.iter_mut().filter(|worker| worker.owner == index) {
            worker.inbox.master_gone = true;
            worker.id = 0;
        }
        let others: Vec<u8> = self.living().map(|(other, _)| other).collect();
        others.into_iter().for_each(|other| self.tell_of_death(other, index));
    }

    fn tell_of_death(&mut self, other: u8, dead: u8) {
        let Some(process) = self.master_mut(other) else { return };
        if process.successor == Some(dead) {
            process.successor = None;
            process.inbox.successor_died = true;
        }
        if process.predecessor == Some(dead) {
            process.predecessor = None;
            process.inbox.predecessor_died = true;
        }
        if process.elder == Some(dead) {
            process.elder = None;
            process.inbox.elder_died = true;
        }
        if process.next_heir == Some(dead) {
            process.next_heir = None;
            process.from_next_heir.clear();
        }
        if process.heir == Some(dead) {
            process.heir = None;
            // It came and went between two turns, or it had come before.
            process.inbox.heir_died |= process.inbox.heir_came.take().is_none();
            process.inbox.from_heir.clear();
            self.promote_next_heir(other);
        }
    }

    /// A master that notices a death takes over the workers it was introduced to.
    fn adopt(&mut self, index: u8, noticed: &master::Wakeup) {
        let died = [noticed.successor_died, noticed.predecessor_died, noticed.elder_died, noticed.heir_died];
        if !died.contains(&true) {
            return;
        }
        let masters = &self.masters;
        let orphaned = |worker: &&mut Worker| {
            worker.introduced & (1 << index) != 0 && !masters[usize::from(worker.owner)].is_alive()
        };
        self.workers.iter_mut().filter(orphaned).for_each(|worker| worker.adopted |= 1 << index);
    }
}

/// Effects that others can tell the difference of.
pub(super) fn acts(effects: Vec<Effect>) -> impl Iterator<Item = Effect> {
    effects.into_iter().filter(|effect| {
        !matches!(effect, Effect::Say(_) | Effect::ReopenLogs | Effect::AnnounceStart | Effect::ReapSuccessor)
    })
}

/// Leaves because of a QUIT, perhaps one that had waited: without a worker it is gone in the same turn.
fn is_told_to_leave(stage: Stage, signals: Signals, effects: &[Effect]) -> bool {
    let at_once =
        stage == Stage::Gone && !signals.contains(Signal::Term) && effects.contains(&Effect::Exit(0));
    at_once || matches!(stage, Stage::Yielding { .. } | Stage::Leaving | Stage::Stopping)
}

/// Was told to leave, and does.
fn is_going(stage: Stage) -> bool {
    !matches!(stage, Stage::Starting | Stage::Announcing | Stage::Serving | Stage::Retired)
}

fn is_answered(signal: Signal, effects: &[Effect], changed: bool) -> bool {
    let received = effects.contains(&Effect::Say(Remark::Received(signal)));
    let acted = effects.iter().any(|effect| !matches!(effect, Effect::Say(Remark::Received(_))));
    declines(signal, effects) || (received && (acted || changed))
}

/// Whether the log says that this signal is not carried out.
fn declines(signal: Signal, effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::Say(Remark::Refused(refused, _) | Remark::Dropped(refused, _)) => *refused == signal,
        Effect::Say(Remark::Crowded(_)) => signal == Signal::Usr2,
        _ => false,
    })
}

fn defers(signal: Signal, effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Say(Remark::Deferred(s, _)) if *s == signal))
}
