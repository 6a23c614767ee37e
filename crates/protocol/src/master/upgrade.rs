//! The new generation beside the old one: spawned, awaited, relied upon, and taken back from.

use super::{
    Turn,
    effect::Effect,
    remark::Remark,
    stage::Stage,
    state::{Notice, Successor, SuccessorStage},
    wakeup::PeerMessage,
};
use crate::signals::{Signal, Signals};

impl Turn {
    pub(super) fn usr2(&mut self) {
        match self.state.stage {
            Stage::Starting | Stage::Announcing => self.defer(Signal::Usr2, "until this generation is ready"),
            Stage::Serving if self.state.successor.is_some() => {
                self.refuse(
                    Signal::Usr2,
                    "the generation started before is still there; finish or stop it first",
                );
            }
            Stage::Serving if self.state.has_one_sided_bond() => {
                self.defer(Signal::Usr2, "until the old generation knows that the one between is gone");
            }
            Stage::Serving if self.state.predecessor.is_some_and(|old| !old.leaving) => {
                self.refuse(Signal::Usr2, "the old generation is still there; let it finish (QUIT) first");
            }
            Stage::Serving if let Some(oldest) = self.state.elder => {
                self.say(Remark::Crowded(oldest.generation));
            }
            Stage::Serving if self.state.cohort.is_some() => {
                self.defer(Signal::Usr2, "until this reload is over")
            }
            Stage::Serving => self.spawn_successor(),
            _ => self.refuse(Signal::Usr2, "this generation is leaving"),
        }
    }

    fn spawn_successor(&mut self) {
        let generation = self.state.next_generation;
        self.state.next_generation += 1;
        self.state.doubt_ms = None;
        if self.state.rewrite_ms.take().is_some() {
            self.act(Effect::WritePidFile);
        }
        self.state.successor = Some(Successor::new(generation, SuccessorStage::Spawning));
        self.act(Effect::SpawnSuccessor);
    }

    pub(super) fn successor_spawned(&mut self) {
        let remaining_ms = self.state.limits.ready_ms;
        if let Some(successor) = &mut self.state.successor
            && successor.stage == SuccessorStage::Spawning
        {
            successor.stage = SuccessorStage::Starting { remaining_ms };
        }
    }

    pub(super) fn hear_successor(&mut self, message: PeerMessage) {
        let Some(successor) = &mut self.state.successor else { return };
        match (message, successor.stage) {
            (PeerMessage::Noted, _) => successor.notice.answer(),
            (PeerMessage::Ready, stage) if successor.notice != Notice::Heard => {
                if matches!(stage, SuccessorStage::Starting { .. } | SuccessorStage::Relieved) {
                    successor.stage = SuccessorStage::Returning;
                }
            }
            // Told to leave once more: what we said already is its answer.
            (PeerMessage::TakeOver, SuccessorStage::Returning) if successor.notice != Notice::Heard => {
                successor.stage = SuccessorStage::Relieved;
            }
            // A second time: it wanted to leave, and we did not relieve it in time.
            (
                PeerMessage::Ready,
                SuccessorStage::Starting { .. }
                | SuccessorStage::Yielding
                | SuccessorStage::Relieved
                | SuccessorStage::Returning,
            ) => {
                successor.stage = SuccessorStage::Ready;
                let generation = successor.generation;
                // The pid file is its own now.
                self.state.rewrite_ms = None;
                self.name_as_old();
                self.say(Remark::SuccessorReady(generation));
            }
            // Told to leave ourselves, we have told it so: it will not wait for us.
            (PeerMessage::TakeOver, SuccessorStage::Ready | SuccessorStage::Returning)
                if self.state.stage != Stage::Leaving =>
            {
                successor.stage = SuccessorStage::Yielding;
                self.expect_departure();
            }
            (PeerMessage::Stopping, SuccessorStage::Ready | SuccessorStage::Yielding) => {
                successor.stage = SuccessorStage::Stopping;
                self.expect_departure();
            }
            _ => {}
        }
    }

    pub(super) fn hear_dead_successor(&mut self, messages: &[PeerMessage]) {
        for message in messages {
            match (message, &mut self.state.successor) {
                (PeerMessage::Stopping, _) => self.hear_successor(*message),
                (PeerMessage::Ready, Some(dead)) if wants_to_leave(dead.stage) => {
                    dead.stage = SuccessorStage::Returning;
                }
                (PeerMessage::TakeOver, Some(dead)) if dead.stage == SuccessorStage::Returning => {
                    dead.stage = SuccessorStage::Relieved;
                }
                _ => {}
            }
        }
    }

    /// Only when the successor is ready: scripts take this file for "the new generation serves". If the next one is ready as
    /// well, it names that one's predecessor; and one that is about to end must not write over it.
    fn name_as_old(&mut self) {
        let overtaken = self.state.heir.is_some_and(|heir| heir.stage == SuccessorStage::Ready);
        if !overtaken && !matches!(self.state.stage, Stage::Terminating { .. }) {
            self.act(Effect::WriteOldBin);
        }
    }

    /// WINCH gave the service away; QUIT did so for good if the successor goes as well. A WINCH that waited for the successor
    /// to be ready would only come true in the next upgrade, where nobody asked for it.
    fn expect_departure(&mut self) {
        self.drop_deferred(&[Signal::Winch], "the new generation leaves");
        if self.state.stage == Stage::Retired {
            self.state.stage = Stage::Serving;
        }
    }

    /// All our workers accept: a successor that waits for that may go.
    pub(super) fn relieve_successor(&mut self, message: PeerMessage) {
        if let Some(successor) = &mut self.state.successor
            && successor.stage == SuccessorStage::Yielding
        {
            successor.stage = SuccessorStage::Relieved;
            successor.notice.give();
            self.act(Effect::WritePidFile);
            self.clear_old_bin();
            self.act(Effect::TellSuccessor(message));
        }
    }

    /// The successor ended, however far it was: everything is ours again. The files are right before it is reaped, so
    /// nobody who waits for its end can read a stale name.
    pub(super) fn lose_successor(&mut self) {
        let Some(successor) = self.state.successor.take() else { return };
        if let Some(heir) = self.state.heir.take() {
            return self.follow_heir(successor, heir);
        }
        if successor.stage != SuccessorStage::Spawning {
            self.act(Effect::WritePidFile);
            self.clear_old_bin();
            self.act(Effect::ReapSuccessor);
            self.inherit_workers();
        }
        let meant_to_leave = is_meant_to_leave(successor.stage);
        self.tell_of_loss(successor);
        match self.state.stage {
            Stage::Leaving if successor.stage == SuccessorStage::Stopping => {
                self.state.stage = Stage::Stopping;
                self.pass_on_that_all_stop();
            }
            Stage::Terminating { .. } if successor.stage == SuccessorStage::Stopping => {
                self.pass_on_that_all_stop();
            }
            // Whoever stopped us meant the server, and its workers may accept already.
            Stage::Terminating { code: 0, .. } if successor.stage == SuccessorStage::Condemned => {
                self.act(Effect::TerminateOrphans);
            }
            Stage::Retired | Stage::Leaving => self.state.stage = Stage::Serving,
            _ => {}
        }
        if !meant_to_leave {
            self.bereaved = true;
            self.state.doubt_ms = Some(self.state.limits.doubt_ms);
            self.drop_deferred(&[Signal::Winch, Signal::Quit], "the new generation is gone");
        }
    }

    fn tell_of_loss(&mut self, gone: Successor) {
        use SuccessorStage::{Condemned, Spawning, Starting};
        let served = !matches!(gone.stage, Spawning | Starting { .. } | Condemned);
        self.say(match self.state.stage {
            _ if served => Remark::RolledBack(gone.generation),
            Stage::Stopping | Stage::Terminating { .. } => Remark::Abandoned(gone.generation),
            _ => Remark::UpgradeFailed(gone.generation, self.state.generation),
        });
    }

    /// The old generation ended: in order, or not. If not, its workers serve on until ours do. Whoever told us to leave meant
    /// to go back to it; with nobody to go back to, we stay.
    pub(super) fn lose_predecessor(&mut self) {
        let Some(predecessor) = self.state.predecessor.take() else { return };
        self.say(Remark::PredecessorGone(predecessor.generation));
        if self.gave_up() && self.state.elder.is_none() && !self.state.is_being_succeeded() {
            self.start_anew();
        }
        self.inherit_workers();
        self.bereaved |= !predecessor.leaving;
        if !predecessor.leaving && matches!(self.state.stage, Stage::Yielding { .. } | Stage::Stopping) {
            match self.state.stage {
                // Its workers drain: until there are others it is not ready.
                Stage::Stopping => self.start_again(),
                _ => self.state.stage = Stage::Serving,
            }
            self.say(Remark::Dropped(Signal::Quit, "the old generation is gone and nobody else would serve"));
        }
        match self.state.elder.take() {
            Some(elder) => self.follow_elder(elder),
            None => self.name_ourselves(),
        }
    }

    /// The workers of a generation that just died are told to leave once ours serve. If ours never will, because we must go, they
    /// may be all that is left to serve.
    pub(super) fn inherit_workers(&mut self) {
        self.state.orphans |= !matches!(self.state.stage, Stage::Terminating { .. });
    }

    /// What had to wait for the successor, or for a reload.
    pub(super) fn advance_deferred(&mut self) {
        if self.state.has_ready_successor() {
            self.redeem(Signal::Winch, Turn::winch);
            self.redeem(Signal::Quit, Turn::quit);
        }
        if self.state.stage == Stage::Serving && self.state.cohort.is_none() {
            self.redeem(Signal::Hup, Turn::hup);
            if self.state.cohort.is_none() && !self.state.has_one_sided_bond() {
                self.redeem(Signal::Usr2, Turn::late_usr2);
            }
            if self.state.successor.is_none() && !self.state.deferred.contains(Signal::Usr2) {
                self.redeem(Signal::Quit, Turn::quit);
            }
        }
    }

    /// What followed a USR2 that waited was meant for the generation it would start.
    fn late_usr2(&mut self) {
        self.usr2();
        if self.state.successor.is_none() {
            self.drop_deferred(&[Signal::Winch, Signal::Quit], "the upgrade it belongs to is refused");
        }
    }

    fn redeem(&mut self, signal: Signal, act: fn(&mut Turn)) {
        if self.state.deferred.take(signal) {
            act(self);
        }
    }

    pub(super) fn drop_all_deferred(&mut self, why: &'static str) {
        self.drop_deferred(&Signal::ALL, why);
        self.state.deferred = Signals::NONE;
    }

    fn drop_deferred(&mut self, signals: &[Signal], why: &'static str) {
        for signal in signals {
            if self.state.deferred.take(*signal) {
                self.say(Remark::Dropped(*signal, why));
            }
        }
    }

    pub(super) fn defer(&mut self, signal: Signal, until: &'static str) {
        self.state.deferred.insert(signal);
        self.say(Remark::Deferred(signal, until));
    }

    pub(super) fn refuse(&mut self, signal: Signal, why: &'static str) {
        self.say(Remark::Refused(signal, why));
    }
}

fn is_meant_to_leave(stage: SuccessorStage) -> bool {
    wants_to_leave(stage) || stage == SuccessorStage::Stopping
}

fn wants_to_leave(stage: SuccessorStage) -> bool {
    matches!(stage, SuccessorStage::Yielding | SuccessorStage::Relieved)
}
