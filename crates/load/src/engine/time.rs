//! What time alone brings about: pauses that are over, deadlines, and the end of the run.

use std::cmp::Reverse;

use facts::{Nanos, Outcome, Record};

use super::Engine;
use crate::{client::Progress, setup::Timing};

impl Engine {
    /// Lets clients go on that paused until now.
    pub(super) fn wake_due(&mut self) {
        while let Some(&Reverse((at, client))) = self.timers.peek() {
            if at > self.wire.now {
                return;
            }
            self.timers.pop();
            if self.clients[client].attempt.is_some() {
                self.walk(client);
            }
        }
    }

    /// Starts that were due before this moment are still made, if their number is not limited.
    pub(super) fn stop_planning(&mut self) {
        let longest = self.groups.iter().map(|group| group.timeout).max().unwrap_or(0);
        self.end = self.end.min(self.wire.tick());
        self.queue_end = self.end + longest;
    }

    pub(super) fn drop_queues_at_the_end(&mut self) {
        if self.end == Nanos::MAX || self.queue_end > self.wire.now {
            return;
        }
        for start in self.groups.iter_mut().flat_map(|group| group.queue.drain(..)) {
            // A full ledger remembers that it turned somebody away.
            let _ = self.ledger.begin(&Record { outcome: Outcome::Unsent as u8, ..start.record() });
            self.shared.counters.unsent.add(1);
        }
    }

    pub(super) fn expire_due(&mut self) {
        for index in 0..self.groups.len() {
            while let Some(&(deadline, client, id)) = self.groups[index].deadlines.front() {
                let current = self.clients[client].is_about(id);
                if current && deadline > self.wire.now {
                    break;
                }
                self.groups[index].deadlines.pop_front();
                if current && let Progress::Over(outcome, errno) = self.clients[client].expire(&mut self.wire)
                {
                    self.finish(client, outcome, errno);
                    self.walk(client);
                }
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        let planning = self.starts_left > 0 && self.next_due().is_some_and(|(at, _)| at <= self.end);
        self.end != Nanos::MAX && self.active == 0 && !planning && !self.is_queueing()
    }

    pub(super) fn is_queueing(&self) -> bool {
        self.groups.iter().any(|group| !group.queue.is_empty())
    }

    /// Nanoseconds until something is due that the kernel does not know of.
    pub(super) fn time_to_next(&self) -> Option<Nanos> {
        let start = self.next_due().map(|(at, _)| at).filter(|at| *at <= self.end).map(|at| self.on_time(at));
        let deadlines = self.groups.iter().filter_map(|group| group.deadlines.front().map(|d| d.0));
        let queue_end = self.is_queueing().then_some(self.queue_end);
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let next = deadlines.chain(start).chain(queue_end).chain(timer).min()?;
        Some(next.saturating_sub(self.wire.now))
    }

    /// When a start that is due at an instant is turned to.
    pub(super) fn on_time(&self, due: Nanos) -> Nanos {
        match self.timing {
            Timing::Exact => due,
            Timing::Batch { nanos } => due.next_multiple_of(nanos.max(1)),
            // Now, again and again, until it is.
            Timing::Spin => self.wire.now,
        }
    }
}
