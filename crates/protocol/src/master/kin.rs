//! Three generations at once: the oldest drains, the middle one started the newest. When the middle one goes, for whatever
//! reason, the other two are neighbours. The oldest serves again only if the newest is not ready: then nobody would serve.

use super::{
    Turn,
    effect::Effect,
    remark::Remark,
    stage::Stage,
    state::{Bond, Predecessor, Successor, SuccessorStage, WorkerId},
    wakeup::{PeerMessage, Wakeup},
};
use crate::{Generation, signals::Signal};

impl Turn {
    /// What is known of them counts before the death of the one between us. What the dead said is void.
    pub(super) fn kin(&mut self, wakeup: &Wakeup) {
        if wakeup.heir_died {
            self.state.heir = None;
        }
        if let Some(generation) = wakeup.heir_came {
            self.meet_heir(generation);
        }
        if wakeup.elder_died {
            self.state.elder = None;
        }
        wakeup.from_heir.iter().for_each(|message| self.hear_heir(*message));
        wakeup.from_elder.iter().for_each(|message| self.hear_elder(*message));
    }

    fn meet_heir(&mut self, generation: Generation) {
        let stage = SuccessorStage::Starting { remaining_ms: self.state.limits.ready_ms };
        self.state.heir = Some(Successor::new(generation, stage));
        self.state.next_generation = self.state.next_generation.max(generation + 1);
        // It was told that we leave. Whoever started it may not have heard yet that we were called back.
        if matches!(self.state.stage, Stage::Serving | Stage::Retired) {
            self.act(Effect::TellHeir(PeerMessage::Staying));
        }
        let ids: alloc::vec::Vec<WorkerId> = self.state.workers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.act(Effect::Introduce(id)));
    }

    fn hear_heir(&mut self, message: PeerMessage) {
        let Some(heir) = &mut self.state.heir else { return };
        match message {
            PeerMessage::Ready => heir.stage = SuccessorStage::Ready,
            PeerMessage::TakeOver => heir.stage = SuccessorStage::Yielding,
            PeerMessage::Stopping => heir.stage = SuccessorStage::Stopping,
            _ => {}
        }
    }

    fn hear_elder(&mut self, message: PeerMessage) {
        match (message, &mut self.state.elder) {
            (PeerMessage::Bonded, Some(elder)) => elder.bond = Bond::Mutual,
            (PeerMessage::Leaving, Some(elder)) => elder.leaving = true,
            (PeerMessage::Staying, Some(elder)) => elder.leaving = false,
            // It heard before we did that the one between us is dead.
            (PeerMessage::TookOver, Some(elder)) => {
                elder.takes_over();
                self.act(Effect::TellElder(PeerMessage::Noted));
                self.make_way_for_another_name();
            }
            _ => {}
        }
    }

    /// Another generation took over, and perhaps we serve all the same: then it is told so, after our name is back in the pid
    /// file. Until it knows that we know, it believes no "ready": it hears one answer for each time it said so.
    pub(super) fn make_way_for_another_name(&mut self) {
        if matches!(self.state.stage, Stage::Serving | Stage::Announcing) {
            self.state.stage = Stage::Announcing;
            self.displaced = true;
        }
    }

    /// Only when all signals were heard: whoever is told to leave in this turn leaves the file to the one that took over.
    pub(super) fn advance_name(&mut self) {
        if self.displaced && self.state.stage == Stage::Announcing {
            self.act(Effect::WritePidFile);
        }
    }

    /// The successor died, but not the one it started.
    pub(super) fn follow_heir(&mut self, gone: Successor, heir: Successor) {
        self.say(Remark::HeirFollows(gone.generation, heir.generation));
        self.act(Effect::PromoteHeir);
        self.state.successor = Some(heir);
        self.farewells.successor = self.farewells.heir;
        match heir.stage {
            // It looks after the pid files and the workers itself, unless it was told to go since we heard of it: then they are
            // all there is. Or the server is meant, and nobody serves any more.
            SuccessorStage::Ready | SuccessorStage::Stopping => {
                self.act(Effect::TellSuccessor(PeerMessage::Bonded));
            }
            unready => self.serve_for_heir(unready),
        }
        self.act(Effect::ReapSuccessor);
    }

    fn serve_for_heir(&mut self, heir: SuccessorStage) {
        if let Some(successor) = &mut self.state.successor {
            successor.notice.give();
        }
        self.inherit_workers();
        self.act(Effect::WritePidFile);
        self.act(Effect::RemoveOldBin);
        self.act(Effect::TellSuccessor(PeerMessage::TookOver));
        let told = self.state.stage;
        if matches!(told, Stage::Leaving | Stage::Retired) {
            self.state.stage = Stage::Serving;
        }
        match (told, heir) {
            (Stage::Leaving, SuccessorStage::Starting { .. }) => {
                self.defer(Signal::Quit, "until the new generation is ready");
            }
            (Stage::Leaving, _) => self.say(Remark::Dropped(Signal::Quit, "nobody else would serve")),
            _ => {}
        }
    }

    /// Another generation serves, so nobody needs the workers of one that died.
    pub(super) fn advance_orphans(&mut self) {
        if self.state.has_ready_successor() {
            self.drain_orphans();
        }
    }

    /// The predecessor died, but not the one that started it.
    pub(super) fn follow_elder(&mut self, elder: Predecessor) {
        self.act(Effect::PromoteElder);
        self.state.predecessor = Some(elder);
        self.farewells.predecessor = self.farewells.elder;
        match self.state.stage {
            Stage::Serving => {
                self.name_ourselves();
                self.act(Effect::TellPredecessor(PeerMessage::Ready));
            }
            Stage::Announcing => self.name_ourselves(),
            // Not ready, or not any more: until we are, it serves, and is named.
            _ => {}
        }
    }

    /// The files may name the dead; even if we are not ready, we are the one to talk to. Not if a successor of ours is ready, and
    /// one that is getting ready, or serves on although we relieved it, may write its own name this very moment.
    pub(super) fn name_ourselves(&mut self) {
        if self.state.is_named_after_successor() {
            return;
        }
        if self.state.successor.is_none_or(|successor| successor.stage == SuccessorStage::Condemned) {
            self.act(Effect::WritePidFile);
        }
        self.clear_old_bin();
    }

    /// Nobody younger is ready: the old master's pid file names our predecessor, if anybody.
    pub(super) fn clear_old_bin(&mut self) {
        self.act(match self.state.predecessor {
            Some(_) => Effect::NameOldBin,
            None => Effect::RemoveOldBin,
        });
    }

    /// The elder first: once the predecessor knows, it may leave, and the elder must not take that for the end of the service.
    pub(super) fn tell_elders(&mut self, message: PeerMessage) {
        self.tell_elder(message);
        self.act(Effect::TellPredecessor(message));
    }

    /// Both we and our successor were told to go: so is the oldest, if there is one.
    pub(super) fn pass_on_that_all_stop(&mut self) {
        if self.state.predecessor.is_some() {
            self.act(Effect::TellPredecessor(PeerMessage::Stopping));
        }
    }

    pub(super) fn tell_elder(&mut self, message: PeerMessage) {
        if self.state.elder.is_some() {
            self.act(Effect::TellElder(message));
        }
    }

    pub(super) fn tell_younger(&mut self, message: PeerMessage) {
        if self.state.successor.is_some() {
            self.act(Effect::TellSuccessor(message));
        }
        if self.state.heir.is_some() {
            self.act(Effect::TellHeir(message));
        }
    }
}

impl Predecessor {
    /// It serves again, and said so to us.
    pub(super) fn takes_over(&mut self) {
        (self.leaving, self.bond) = (false, Bond::Mutual);
    }
}
