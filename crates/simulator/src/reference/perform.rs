//! What each effect of a master does in this kernel, and what a failed one tells it.

use protocol::{
    Generation,
    master::{self, Effect, PeerMessage, Result as Outcome, Stage},
    signals::Signal,
    worker::{self, Command},
};

use super::{
    accepts,
    world::{Slot, Worker, World},
};
use crate::scene::{GENERATIONS, Name};

impl World {
    pub(super) fn perform(&mut self, index: u8, effect: Effect) {
        match effect {
            Effect::SpawnWorker(id, revision) => self.spawn_worker(index, id, revision),
            Effect::Tell(id, command) => self.tell(index, id, command),
            Effect::KillWorker(id) => {
                if let Some(at) = self.find(index, id) {
                    self.end_worker(at);
                }
            }
            Effect::Introduce(id) => self.introduce(index, id),
            Effect::LoadConfiguration => {
                let workers = self.left.workers_each.into();
                self.result(index, Outcome::ConfigurationLoaded { workers });
            }
            Effect::SpawnSuccessor => self.spawn_successor(index),
            Effect::KillSuccessor => {
                if let Some(successor) = self.master(index).and_then(|master| master.successor) {
                    self.end_master(successor);
                }
            }
            Effect::TellPredecessor(message) => {
                self.note_readiness(index, message);
                self.tell_master(self.master(index).and_then(|master| master.predecessor), index, message);
            }
            Effect::TellSuccessor(message) => {
                self.tell_master(self.master(index).and_then(|master| master.successor), index, message);
            }
            Effect::TellElder(message) => {
                if message == PeerMessage::Noted {
                    self.note_readiness(index, message);
                }
                self.tell_master(self.master(index).and_then(|master| master.elder), index, message);
            }
            Effect::TellHeir(message) => {
                self.tell_master(self.master(index).and_then(|master| master.heir), index, message);
            }
            Effect::PromoteElder => self.promote_elder(index),
            Effect::PromoteHeir => self.promote_heir(index),
            Effect::FindOrphans => self.find_orphans(index),
            Effect::DrainOrphans => self.signal_orphans(index, Signal::Quit),
            Effect::TerminateOrphans => self.signal_orphans(index, Signal::Term),
            Effect::CloseListeners => {
                if let Some(master) = self.master_mut(index) {
                    master.listens = false;
                }
            }
            Effect::WritePidFile => {
                self.pid_file = Name::Of(index);
                self.result(index, Outcome::PidFileWritten);
            }
            Effect::RemovePidFile if self.pid_file == Name::Of(index) => self.pid_file = Name::Absent,
            Effect::RemoveLastPidFile if self.knows(index, self.pid_file) => self.pid_file = Name::Absent,
            Effect::WriteOldBin => self.old_bin = Name::Of(index),
            Effect::NameOldBin => match self.master(index).and_then(|master| master.predecessor) {
                Some(old) => self.old_bin = Name::Of(old),
                None => self.remove_old_bin(index),
            },
            Effect::RemoveOldBin => self.remove_old_bin(index),
            Effect::Exit(_) => self.leave(index),
            Effect::RemovePidFile
            | Effect::RemoveLastPidFile
            | Effect::DropConfiguration
            | Effect::CommitConfiguration
            | Effect::ReapSuccessor
            | Effect::ReopenLogs
            | Effect::AnnounceStart
            | Effect::Say(_) => {}
        }
    }

    /// What was said before it knew that another one took over, and is named, is void.
    fn note_readiness(&mut self, index: u8, message: PeerMessage) {
        // In one turn it found both: it will say so again.
        let knows_better = self.master(index).is_some_and(|m| m.state.stage == Stage::Announcing);
        match message {
            PeerMessage::Ready => self.past.ready[usize::from(index)] |= !knows_better,
            PeerMessage::Noted => self.past.ready[usize::from(index)] = false,
            _ => {}
        }
    }

    fn leave(&mut self, index: u8) {
        self.past.abandoned |= self.workers.iter().any(|w| w.owner == index && accepts(w.life.stage));
        self.end_master(index);
    }

    /// The effect does not happen, and its master is told.
    pub(super) fn fail(&mut self, index: u8, effect: Effect) {
        match effect {
            Effect::SpawnWorker(id, _) => self.result(index, Outcome::WorkerNotSpawned(id)),
            Effect::LoadConfiguration => self.result(index, Outcome::ConfigurationRefused),
            Effect::SpawnSuccessor => self.result(index, Outcome::SuccessorNotSpawned),
            Effect::WritePidFile => self.result(index, Outcome::PidFileNotWritten),
            other => unreachable!("{other:?} cannot fail"),
        }
    }

    fn result(&mut self, index: u8, outcome: Outcome) {
        if let Some(master) = self.master_mut(index) {
            master.inbox.results.push(outcome);
        }
    }

    fn spawn_worker(&mut self, owner: u8, id: master::WorkerId, revision: u32) {
        self.workers.push(Worker {
            owner,
            id,
            revision,
            life: worker::Worker::default(),
            hangs: false,
            stopped: false,
            inbox: worker::Wakeup::default(),
            introduced: 0,
            adopted: 0,
        });
    }

    /// The new master gets to know every worker that we know.
    fn spawn_successor(&mut self, index: u8) {
        let born = (0..GENERATIONS as u8).find(|slot| self.is_free(*slot));
        let generation = self.master(index).and_then(|master| master.state.successor).map(|s| s.generation);
        self.past.crowded |= self.living().count() == GENERATIONS;
        let (Some(born), Some(generation)) = (born, generation) else {
            return self.result(index, Outcome::SuccessorNotSpawned);
        };
        self.bear(born, generation, Some(index));
        let predecessor = self.master(index).and_then(|master| master.predecessor);
        if let Some(master) = self.master_mut(index) {
            master.successor = Some(born);
        }
        if let Some(oldest) = predecessor.and_then(|old| self.master_mut(old)) {
            match oldest.heir {
                Some(heir) if heir == index => oldest.next_heir = Some(born),
                _ => oldest.meet_heir(born, generation),
            }
        }
        let us = 1 << index;
        let known = |w: &&mut Worker| w.owner == index || (w.introduced | w.adopted) & us != 0;
        self.workers.iter_mut().filter(known).for_each(|worker| worker.introduced |= 1 << born);
        self.result(index, Outcome::SuccessorSpawned);
    }

    /// Nobody was born here, or nothing is left of who was.
    fn is_free(&self, slot: u8) -> bool {
        let named = [self.pid_file, self.old_bin].contains(&Name::Of(slot));
        match self.masters[usize::from(slot)] {
            Slot::Unborn => true,
            Slot::Alive(_) => false,
            Slot::Dead => !named && self.workers.iter().all(|worker| worker.owner != slot),
        }
    }

    fn find(&self, owner: u8, id: master::WorkerId) -> Option<usize> {
        self.workers.iter().position(|worker| worker.owner == owner && worker.id == id)
    }

    fn tell(&mut self, owner: u8, id: master::WorkerId, command: Command) {
        let Some(at) = self.find(owner, id) else { return };
        match command {
            Command::Terminate => self.workers[at].receive(Signal::Term),
            Command::Reopen => {}
            _ => self.workers[at].inbox.commands.push(command),
        }
    }

    fn introduce(&mut self, index: u8, id: master::WorkerId) {
        let Some(at) = self.find(index, id) else { return };
        let Some(master) = self.master(index) else { return };
        let peers = [master.predecessor, master.successor, master.elder, master.heir];
        peers.into_iter().flatten().for_each(|peer| self.workers[at].introduced |= 1 << peer);
    }

    fn tell_master(&mut self, to: Option<u8>, from: u8, message: PeerMessage) {
        let Some(process) = to.and_then(|to| self.master_mut(to)) else { return };
        let inbox = &mut process.inbox;
        let from = Some(from);
        if process.next_heir == from {
            return process.from_next_heir.push(message);
        }
        if process.successor == from {
            inbox.from_successor.push(message);
        } else if process.heir == from {
            inbox.from_heir.push(message);
        } else if process.elder == from {
            inbox.from_elder.push(message);
        } else {
            inbox.from_predecessor.push(message);
        }
    }

    /// What came meanwhile came from the new neighbour.
    fn promote_elder(&mut self, index: u8) {
        let Some(process) = self.master_mut(index) else { return };
        process.predecessor = process.elder.take();
        let inbox = &mut process.inbox;
        inbox.from_predecessor = std::mem::take(&mut inbox.from_elder);
        inbox.predecessor_died = std::mem::take(&mut inbox.elder_died);
    }

    fn promote_heir(&mut self, index: u8) {
        let Some(process) = self.master_mut(index) else { return };
        process.successor = process.heir.take();
        let inbox = &mut process.inbox;
        inbox.from_successor = std::mem::take(&mut inbox.from_heir);
        inbox.successor_died = std::mem::take(&mut inbox.heir_died);
        self.promote_next_heir(index);
    }

    pub(super) fn promote_next_heir(&mut self, index: u8) {
        let Some(process) = self.master_mut(index) else { return };
        let Some(heir) = process.next_heir.take() else { return };
        let said = std::mem::take(&mut process.from_next_heir);
        let Some(generation) = self.master(heir).map(|master| master.state.generation) else { return };
        let Some(process) = self.master_mut(index) else { return };
        process.meet_heir(heir, generation);
        process.inbox.from_heir = said;
    }

    /// Workers that know that they have no master any more can be found by whoever looks for them.
    fn find_orphans(&mut self, index: u8) {
        let masters = &self.masters;
        let waits = |w: &&mut Worker| w.life.orphaned && !masters[usize::from(w.owner)].is_alive();
        self.workers.iter_mut().filter(waits).for_each(|worker| worker.adopted |= 1 << index);
    }

    fn signal_orphans(&mut self, index: u8, signal: Signal) {
        let adopted = |worker: &&mut Worker| worker.adopted & (1 << index) != 0;
        self.workers.iter_mut().filter(adopted).for_each(|worker| worker.receive(signal));
    }

    /// Whether it names us, another master that we know, or one that is dead.
    fn knows(&self, index: u8, name: Name) -> bool {
        let Name::Of(named) = name else { return false };
        let known =
            |m: &super::world::Master| [m.predecessor, m.successor, m.elder, m.heir].contains(&Some(named));
        named == index || self.master(named).is_none() || self.master(index).is_some_and(known)
    }

    /// Only if it names us or a dead process.
    fn remove_old_bin(&mut self, index: u8) {
        if let Name::Of(named) = self.old_bin
            && (named == index || self.master(named).is_none())
        {
            self.old_bin = Name::Absent;
        }
    }
}

impl super::world::Master {
    fn meet_heir(&mut self, heir: u8, generation: Generation) {
        self.heir = Some(heir);
        self.inbox.heir_came = Some(generation);
        self.inbox.from_heir.clear();
    }
}
