//! One thing happens: a process takes a step, or a blow comes from outside.

use protocol::signals::{Signal, Signals};

use super::world::{Action, Fork, World};

impl World {
    pub(super) fn apply(&mut self, action: Action) {
        let queues = self.queues();
        self.happens(action);
        self.note_queues(queues);
    }

    fn happens(&mut self, action: Action) {
        match action {
            Action::Turn(index, signals) => self.wake(index, signals),
            Action::Boot(index) => self.boot(index),
            Action::Work(at) => self.work(at.into()),
            Action::Finish(at) => self.end_worker(at.into()),
            Action::Kill(index) | Action::Fail(index) => {
                self.strike();
                self.end_master(index, false);
            }
            Action::KillAll(index) => {
                self.strike();
                self.workers.retain(|worker| worker.owner != index);
                self.end_master(index, false);
            }
            Action::Cripple(index) => {
                self.strike();
                self.change(index, |master| master.crippled = true);
            }
            Action::CannotFork(index, signal) => self.wake_without_fork(index, signal),
            Action::Fewer => {
                // It takes of what may be done, but nothing needs to be made good.
                self.faults -= 1;
                self.file -= 1;
            }
        }
    }

    fn strike(&mut self) {
        self.faults -= 1;
        self.faulted = true;
    }

    fn wake_without_fork(&mut self, index: u8, signal: Signal) {
        self.strike();
        self.change(index, |master| master.fork = Fork::Fails);
        self.wake(index, Signals::from_iter([signal]));
        self.change(index, |master| master.fork = Fork::Works);
    }
}
