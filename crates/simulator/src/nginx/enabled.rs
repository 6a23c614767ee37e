//! What can happen in a state.

use protocol::signals::{Signal, Signals};

use super::{
    Quirk,
    world::{Action, Boot, Stage, Worker, World},
};

/// What a master forks for.
const FORKS: [Signal; 2] = [Signal::Hup, Signal::Usr2];

impl World {
    pub(super) fn list(&self, out: &mut Vec<Action>) {
        for (index, master) in self.living() {
            if master.boot != Boot::Running {
                out.push(Action::Boot(index));
            } else if master.child || self.has_work(index) {
                out.push(Action::Turn(index, Signals::NONE));
            }
        }
        for (at, worker) in self.workers.iter().enumerate() {
            if at > 0 && self.workers[at - 1] == *worker {
                continue;
            }
            match worker.stage {
                Stage::Starting => out.push(Action::Work(at as u8)),
                Stage::Accepting if worker.told || self.notices_death(worker) => {
                    out.push(Action::Work(at as u8))
                }
                Stage::Draining => out.push(Action::Finish(at as u8)),
                Stage::Accepting => {}
            }
        }
        if !self.stopped && self.served {
            self.list_outside(out);
        }
    }

    /// Signals to a master that starts stay pending until its first `sigsuspend`.
    fn list_outside(&self, out: &mut Vec<Action>) {
        for (index, master) in self.living() {
            if master.boot == Boot::Running {
                out.extend(self.signals.sets(self.together).map(|set| Action::Turn(index, set)));
            }
            if self.faults == 0 {
                continue;
            }
            if master.boot == Boot::Running {
                let left = FORKS.iter().filter(|signal| self.signals.has(Signals::from_iter([**signal])));
                out.extend(left.map(|signal| Action::CannotFork(index, *signal)));
            }
            out.extend([Action::Kill(index), Action::KillAll(index)]);
            if index > 0 && master.boot == Boot::Configuring {
                out.extend([Action::Fail(index), Action::Cripple(index)]);
            }
        }
        if self.faults > 0 && self.file > self.least {
            out.push(Action::Fewer);
        }
    }

    /// Flags it would look at without being woken, or a deferred signal whose time has come.
    fn has_work(&self, index: u8) -> bool {
        let Some(master) = self.master(index) else { return false };
        let due = master.new_binary.is_none_or(|new| self.is_ready(new) || self.master(new).is_none());
        let idle = self.is_childless(index);
        let leaves = (master.quit || master.terminate) && idle && master.live;
        let flags = !master.flags.is_empty() && !self.quirks.has(Quirk::FlagsSleep);
        let barren = master.crippled && idle && !self.quirks.has(Quirk::ReadinessUnknown);
        (!master.deferred.is_empty() && due) || flags || leaves || barren
    }

    fn notices_death(&self, worker: &Worker) -> bool {
        let orphan = self.master(worker.owner).is_none();
        orphan && !self.quirks.has(Quirk::OrphansServeOn) && self.living().next().is_some()
    }
}
