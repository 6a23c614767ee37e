//! States that differ only in names become one: worker numbers, numbers of configurations, how much of a deadline is left.

use protocol::master::{
    self, CohortStage, Effect, Result as Outcome, Stage, State, SuccessorStage, WorkerId,
};

use super::world::{Master, World};

/// `touched` is the generation whose master or worker did something.
pub(super) fn tidy(world: &mut World, touched: u8) {
    world.rename(touched);
    world.workers.sort_by_key(key);
    world.workers.iter_mut().filter(|worker| worker.inbox.master_gone).for_each(|worker| worker.id = 0);
}

type Key = (u8, WorkerId, u32, protocol::worker::Worker, bool, bool, u8, u8, protocol::signals::Signals);

fn key(worker: &super::world::Worker) -> Key {
    let w = worker;
    (w.owner, w.id, w.revision, w.life, w.hangs, w.stopped, w.introduced, w.adopted, w.inbox.signals)
}

impl World {
    /// Numbers the workers of a living master anew, by the situation they are in.
    fn rename(&mut self, index: u8) {
        let Some(master) = self.master(index) else { return };
        let revisions = revisions(master);
        let mut ids: Vec<WorkerId> = master.state.workers.keys().copied().collect();
        ids.sort_by_cached_key(|id| self.situation(index, master, *id));
        let new_id = |id: WorkerId| ids.iter().position(|old| *old == id).map_or(0, |at| at as WorkerId + 1);
        let new_revision =
            |revision: u32| revisions.iter().position(|old| *old == revision).map_or(0, |at| at as u32 + 1);
        for worker in self.workers.iter_mut().filter(|worker| worker.owner == index) {
            worker.id = new_id(worker.id);
            worker.revision = new_revision(worker.revision);
        }
        let Some(master) = self.master_mut(index) else { return };
        rename_state(&mut master.state, new_id, new_revision);
        rename_inbox(&mut master.inbox, new_id);
        rename_rest(&mut master.rest, new_id, new_revision);
    }

    /// What makes one worker different from another, but its number.
    fn situation(&self, index: u8, master: &Master, id: WorkerId) -> Situation {
        let process = self.workers.iter().find(|worker| worker.owner == index && worker.id == id);
        let told = master.state.workers.get(&id).map(|worker| (worker.revision, worker.duty));
        let said =
            master.inbox.reports.iter().filter(|(from, _)| *from == id).map(|(_, report)| *report).collect();
        let known = process.map(|w| (w.life, w.hangs, w.stopped, w.introduced, w.adopted, w.inbox.signals));
        let commands = process.map(|worker| worker.inbox.commands.clone()).unwrap_or_default();
        let failed = master.inbox.results.contains(&Outcome::WorkerNotSpawned(id));
        (told, said, known, commands, master.inbox.exits.contains(&id) || failed)
    }
}

type Situation = (
    Option<(u32, master::Duty)>,
    Vec<protocol::worker::Report>,
    Option<(protocol::worker::Worker, bool, bool, u8, u8, protocol::signals::Signals)>,
    Vec<protocol::worker::Command>,
    bool,
);

/// Numbers of configurations in use, in order.
fn revisions(master: &Master) -> Vec<u32> {
    let state = &master.state;
    let mut all: Vec<u32> = state.workers.values().map(|worker| worker.revision).collect();
    all.push(state.configuration.revision);
    all.extend(state.cohort.map(|cohort| cohort.configuration.revision));
    all.sort_unstable();
    all.dedup();
    all
}

fn rename_state(state: &mut State, id: impl Fn(WorkerId) -> WorkerId, revision: impl Fn(u32) -> u32) {
    let workers = std::mem::take(&mut state.workers);
    state.next_worker = workers.len() as WorkerId + 1;
    state.workers = workers
        .into_iter()
        .map(|(old, worker)| (id(old), master::Worker { revision: revision(worker.revision), ..worker }))
        .collect();
    state.configuration.revision = revision(state.configuration.revision);
    if let Some(cohort) = &mut state.cohort {
        cohort.configuration.revision = revision(cohort.configuration.revision);
    }
    round_up(state);
}

/// A deadline that runs has all its time: which one ends first is decided by how long they are, not by when they began.
fn round_up(state: &mut State) {
    let limits = state.limits;
    let full = |timer: &mut Option<u32>, limit: u32| *timer = timer.map(|_| limit);
    full(&mut state.pause_ms, limits.pause_ms);
    full(&mut state.watchdog_ms, limits.ready_ms);
    full(&mut state.doubt_ms, limits.doubt_ms);
    full(&mut state.rewrite_ms, limits.rewrite_ms);
    match &mut state.stage {
        Stage::Yielding { remaining_ms } => *remaining_ms = limits.ready_ms,
        Stage::Terminating { remaining_ms, .. } => *remaining_ms = limits.terminate_ms,
        _ => {}
    }
    match state.cohort.as_mut().map(|cohort| &mut cohort.stage) {
        Some(CohortStage::Preparing { remaining_ms } | CohortStage::Admitting { remaining_ms }) => {
            *remaining_ms = limits.ready_ms;
        }
        Some(CohortStage::Halting { remaining_ms }) => *remaining_ms = limits.halt_ms,
        _ => {}
    }
    if let Some(SuccessorStage::Starting { remaining_ms }) = state.successor.as_mut().map(|s| &mut s.stage) {
        *remaining_ms = limits.ready_ms;
    }
}

fn rename_inbox(inbox: &mut master::Wakeup, id: impl Fn(WorkerId) -> WorkerId) {
    inbox.exits.iter_mut().for_each(|exit| *exit = id(*exit));
    inbox.exits.sort_unstable();
    inbox.reports.iter_mut().for_each(|(from, _)| *from = id(*from));
    // In order for each worker; workers in no order.
    inbox.reports.sort_by_key(|(from, _)| *from);
    for result in &mut inbox.results {
        if let Outcome::WorkerNotSpawned(worker) = result {
            *worker = id(*worker);
        }
    }
}

fn rename_rest(rest: &mut [Effect], id: impl Fn(WorkerId) -> WorkerId, revision: impl Fn(u32) -> u32) {
    for effect in rest {
        match effect {
            Effect::SpawnWorker(worker, of) => {
                *worker = id(*worker);
                *of = revision(*of);
            }
            Effect::Tell(worker, _) | Effect::KillWorker(worker) | Effect::Introduce(worker) => {
                *worker = id(*worker);
            }
            _ => {}
        }
    }
}
