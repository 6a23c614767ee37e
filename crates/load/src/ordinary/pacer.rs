//! Waits for the starts that the plan wants and hands them on, each with its id.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use facts::{Nanos, plan::LoadChange};
use ledger::clock;
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    Error,
    attempt::Planned,
    engine::{THREAD_SHIFT, waiting},
    group::Group,
    setup::Setup,
    stop::{Shared, Wish},
    sys::Epoll,
};

/// The plan of all ordinary populations.
pub(super) struct Pacer {
    epoll: Epoll,
    shared: Arc<Shared>,
    groups: Vec<Group>,
    thread: u32,
    phase: Arc<AtomicU8>,
    next_id: u64,
    to: UnboundedSender<Planned>,
    /// Nothing is planned after this instant.
    end: Nanos,
}

impl Pacer {
    /// Nobody is paced yet.
    pub(super) fn new(
        setup: &Setup,
        thread: u32,
        epoll: Epoll,
        shared: Arc<Shared>,
        to: UnboundedSender<Planned>,
    ) -> Pacer {
        let groups = setup.populations.iter().map(|population| Group::new(population, 0..0)).collect();
        let next_id = (u64::from(thread) << THREAD_SHIFT) + 1;
        Pacer { epoll, shared, groups, thread, phase: setup.phase.clone(), next_id, to, end: Nanos::MAX }
    }

    pub(super) fn begin_at(&mut self, setup: &Setup, start: Nanos) {
        let populations = setup.populations.iter().zip(setup.shares(self.thread));
        for (group, (population, share)) in self.groups.iter_mut().zip(populations) {
            group.begin(population, setup.seed, start, share);
        }
    }

    /// Until it was told to stop. Starts that were due before that are still made.
    pub(super) fn run(mut self) -> Result<(), Error> {
        loop {
            let now = clock::now();
            let due = self.next_due().filter(|(at, _)| *at <= self.end);
            match due {
                Some((at, group)) if at <= now => self.plan(group, at),
                None if self.end < Nanos::MAX => return Ok(()),
                due => {
                    let timeout = due.map(|(at, _)| at - now);
                    if self.epoll.wait(timeout).map_err(waiting)? > 0 {
                        self.obey();
                    }
                }
            }
        }
    }

    fn next_due(&self) -> Option<(Nanos, usize)> {
        let due = self.groups.iter().enumerate().filter_map(|(index, group)| Some((group.due()?, index)));
        due.min()
    }

    fn plan(&mut self, population: usize, intended: Nanos) {
        self.groups[population].take_due(population);
        let phase = self.phase.load(Ordering::Acquire);
        let start = Planned { id: self.next_id, intended, population, phase };
        self.next_id += 1;
        self.shared.counters.planned.add(1);
        // Fails only if the thread that asks has broken, and it says why itself.
        let _ = self.to.send(start);
    }

    /// Does what the owner wishes.
    fn obey(&mut self) {
        for Wish { population, change, at } in self.shared.take_changes() {
            // These clients send no volleys.
            if change != LoadChange::Fire {
                self.groups[population].change(change, at);
            }
        }
        if self.shared.is_stopped() {
            self.end = self.end.min(clock::now());
        }
    }
}
