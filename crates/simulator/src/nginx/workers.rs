//! Workers: how they come, are told to leave, and go.

use super::{
    Quirk,
    world::{Fork, Stage, Worker, World},
};

impl World {
    /// Workers that were not told to leave.
    pub(super) fn has_workers(&self, index: u8) -> bool {
        self.workers.iter().any(|w| w.owner == index && w.stage != Stage::Draining && !w.told)
    }

    /// No worker is left, a draining one neither.
    pub(super) fn is_childless(&self, index: u8) -> bool {
        self.workers.iter().all(|worker| worker.owner != index)
    }

    pub(super) fn drain(&mut self, index: u8) {
        self.own(index)
            .filter(|worker| worker.stage != Stage::Draining)
            .for_each(|worker| worker.told = true);
    }

    /// `ngx_start_worker_processes`. Without the quirk whoever cannot fork tries again until it can.
    pub(super) fn fork_workers(&mut self, index: u8) {
        let Some(master) = self.master(index).copied() else { return };
        self.change(index, |master| master.live = true);
        if master.fork == Fork::Fails && self.quirks.has(Quirk::ForkUnchecked) {
            return self.fire(Quirk::ForkUnchecked);
        }
        let worker = Worker { owner: index, stage: Stage::Starting, told: false, siblings: master.wanted };
        self.workers.extend(std::iter::repeat_n(worker, master.wanted.into()));
    }

    /// It does what it was told, or begins to accept.
    pub(super) fn work(&mut self, at: usize) {
        let worker = self.workers[at];
        let crippled = self.master(worker.owner).is_some_and(|master| master.crippled);
        match worker.stage {
            Stage::Starting if crippled || worker.told => self.end_worker(at),
            Stage::Starting => {
                self.workers[at].stage = Stage::Accepting;
                self.note_ready(worker.owner);
            }
            _ => (self.workers[at].stage, self.workers[at].told) = (Stage::Draining, false),
        }
    }

    pub(super) fn end_worker(&mut self, at: usize) {
        let owner = self.workers.remove(at).owner;
        self.change(owner, |master| master.child = true);
    }
}
