//! The workers of one generation: spawned, admitted, replaced, drained.

use alloc::vec::Vec;

use super::{
    Turn,
    effect::Effect,
    remark::Remark,
    stage::Stage,
    state::{Duty, Worker, WorkerId},
    wakeup::{PeerMessage, Wakeup},
};
use crate::worker::{Command, Report};

/// Workers in a row that may die before they accept, while the old generation could serve instead.
const PATIENCE: u8 = 3;

impl Turn {
    pub(super) fn spawn(&mut self, revision: u32, how_many: u32) {
        for _ in 0..how_many {
            let id = self.state.next_worker;
            self.state.next_worker += 1;
            self.state.workers.insert(id, Worker { revision, duty: Duty::Preparing });
            self.act(Effect::SpawnWorker(id, revision));
        }
    }

    pub(super) fn reports(&mut self, wakeup: &Wakeup) {
        for (id, report) in &wakeup.reports {
            self.hear_worker(*id, *report);
        }
    }

    fn hear_worker(&mut self, id: WorkerId, report: Report) {
        let Some(worker) = self.state.workers.get_mut(&id) else { return };
        match (report, worker.duty) {
            (Report::Prepared, Duty::Preparing) => {
                worker.duty = Duty::Prepared;
                self.act(Effect::Introduce(id));
            }
            (Report::Accepting, Duty::Admitted) => {
                worker.duty = Duty::Accepting;
                self.state.failures = 0;
            }
            (Report::Stopped, Duty::Halting) => worker.duty = Duty::Halted,
            (Report::Draining, duty) if duty != Duty::Terminated => worker.duty = Duty::Draining,
            // An answer to something it was told before it was told something else.
            _ => {}
        }
    }

    /// A worker is gone. Whether that is expected depends on what it was last told.
    pub(super) fn lose_worker(&mut self, id: WorkerId) {
        let Some(worker) = self.state.workers.remove(&id) else { return };
        if matches!(worker.duty, Duty::Draining | Duty::Terminated) {
            return;
        }
        match self.state.cohort {
            Some(cohort) if cohort.configuration.revision == worker.revision => self.lose_cohort_worker(),
            _ => self.lose_serving_worker(worker.duty),
        }
    }

    fn lose_serving_worker(&mut self, duty: Duty) {
        if !matches!(self.state.stage, Stage::Serving | Stage::Yielding { .. }) {
            return;
        }
        self.say(Remark::WorkerDied);
        if matches!(duty, Duty::Preparing | Duty::Prepared | Duty::Admitted) {
            self.back_off();
            if self.state.failures >= PATIENCE && self.state.predecessor.is_some() {
                self.say(Remark::GaveUp);
                self.terminate(1);
            }
        }
    }

    /// Wait before the next attempt, twice as long each time.
    pub(super) fn back_off(&mut self) {
        self.state.pause_ms = Some(self.state.limits.pause_ms << self.state.failures.min(6));
        self.state.failures = self.state.failures.saturating_add(1);
    }

    pub(super) fn tell_all(&mut self, chosen: impl Fn(&Worker) -> bool, command: Command, duty: Duty) {
        let ids: Vec<WorkerId> =
            self.state.workers.iter().filter(|(_, worker)| chosen(worker)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(worker) = self.state.workers.get_mut(&id) {
                worker.duty = duty;
            }
            self.act(Effect::Tell(id, command));
        }
    }

    pub(super) fn drain_all(&mut self) {
        let chosen = |worker: &Worker| !matches!(worker.duty, Duty::Draining | Duty::Terminated);
        self.tell_all(chosen, Command::Drain, Duty::Draining);
        self.drain_orphans();
    }

    /// Somebody else serves, or nobody is to: workers of a dead generation are not to stay longer than ours.
    pub(super) fn drain_orphans(&mut self) {
        if core::mem::take(&mut self.state.orphans) {
            self.act(Effect::DrainOrphans);
        }
    }

    /// Keeps the number of workers while this generation serves, and does what had to wait until all of them accept.
    pub(super) fn advance_service(&mut self) {
        if !matches!(self.state.stage, Stage::Serving | Stage::Yielding { .. }) || self.state.cohort.is_some()
        {
            return;
        }
        let configuration = self.state.configuration;
        let wanted =
            configuration.workers.saturating_sub(self.state.count(configuration.revision, Duty::is_wanted));
        if self.state.pause_ms.is_none() {
            self.spawn(configuration.revision, wanted);
        }
        let ready =
            |worker: &Worker| worker.revision == configuration.revision && worker.duty == Duty::Prepared;
        self.tell_all(ready, Command::Accept, Duty::Admitted);
        self.watch_replacements();
        if self.state.accepting() == configuration.workers {
            self.serve_fully();
        }
    }

    fn watch_replacements(&mut self) {
        let waits = self.state.workers.values().any(|worker| is_on_its_way(worker.duty));
        self.state.watchdog_ms = waits.then(|| self.state.watchdog_ms.unwrap_or(self.state.limits.ready_ms));
    }

    /// What did not come up in all that time never will; its death is counted like any other.
    pub(super) fn kill_late_replacements(&mut self) {
        let late: Vec<WorkerId> = self
            .state
            .workers
            .iter()
            .filter(|(_, worker)| is_on_its_way(worker.duty))
            .map(|(id, _)| *id)
            .collect();
        late.into_iter().for_each(|id| self.act(Effect::KillWorker(id)));
    }

    fn serve_fully(&mut self) {
        if self.state.orphans {
            self.act(Effect::FindOrphans);
        }
        self.drain_orphans();
        self.relieve_successor(PeerMessage::TookOver);
    }
}

fn is_on_its_way(duty: Duty) -> bool {
    matches!(duty, Duty::Preparing | Duty::Admitted)
}
