//! Accept queues. That of a shared socket lives as long as any process holds the socket; with `reuseport` each worker has a
//! queue of its own, held by its master and by every worker of the same configuration, and accepted from by one of them.
//!
//! Which worker accepts from which is no state: workers of one configuration come and go together here, so as many queues are
//! tended as the largest configuration has whose workers accept.

use super::{
    Quirk,
    world::{Stage, Worker, World},
};
use crate::property::{Property, When};

/// What is asked of nginx beside the rest: the reference server is modelled with one queue for all.
pub const QUEUES: &[Property] = &[
    Property {
        promise: "G1",
        name: "no queue is closed while the server serves on",
        when: When::Always,
        holds: |s| !s.is_promised() || !s.cut,
    },
    Property {
        promise: "G1",
        name: "every queue is accepted from, if any is",
        when: When::AtRest,
        holds: |s| !s.is_promised() || !s.untended,
    },
];

impl World {
    /// Queues that are open.
    pub(super) fn queues(&self) -> u8 {
        let of_masters = self.living().filter(|(_, master)| master.listens).map(|(_, master)| master.wanted);
        let of_workers = self.siblings(|worker| worker.stage != Stage::Draining);
        self.of_its_own(of_masters.max().unwrap_or(0).max(of_workers))
    }

    /// Queues that are open and accepted from by nobody, while others are.
    pub(super) fn is_untended(&self) -> bool {
        let tended = self.of_its_own(self.siblings(|worker| worker.stage == Stage::Accepting));
        tended > 0 && self.queues() > tended
    }

    /// What waited in a queue that is closed is reset, though others serve on.
    pub(super) fn note_queues(&mut self, before: u8) {
        if (1..before).contains(&self.queues()) {
            self.cut = true;
            self.fire(Quirk::ReuseportSurplus);
        }
    }

    fn siblings(&self, chosen: impl Fn(&&Worker) -> bool) -> u8 {
        self.workers.iter().filter(chosen).map(|worker| worker.siblings).max().unwrap_or(0)
    }

    /// Without the quirk all workers share one.
    fn of_its_own(&self, workers: u8) -> u8 {
        if self.quirks.has(Quirk::ReuseportSurplus) { workers } else { workers.min(1) }
    }
}
