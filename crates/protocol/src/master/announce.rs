//! The moment a generation becomes ready: all its workers accept, then the pid file names it, then it says so.

use super::{Turn, effect::Effect, remark::Remark, stage::Stage, wakeup::PeerMessage};

impl Turn {
    pub(super) fn pid_file_written(&mut self) {
        self.state.rewrite_ms = None;
        if self.state.stage == Stage::Announcing {
            self.announce();
        }
    }

    /// A generation that cannot say who leads it does not take over; the last one left serves all the same.
    pub(super) fn pid_file_not_written(&mut self) {
        if self.state.has_ready_successor() {
            // It names that one by now, or soon.
            return;
        }
        if self.state.stage != Stage::Announcing {
            self.state.rewrite_ms = Some(self.state.limits.rewrite_ms);
            return;
        }
        if self.state.orphans && self.state.predecessor.is_none() {
            self.state.rewrite_ms = Some(self.state.limits.rewrite_ms);
            self.announce();
        } else {
            self.say(Remark::Unnamed);
            self.terminate(1);
        }
    }

    fn announce(&mut self) {
        self.state.stage = Stage::Serving;
        self.state.failures = 0;
        self.say(Remark::Serving(self.state.generation));
        self.act(Effect::AnnounceStart);
        match self.state.predecessor {
            Some(_) => self.tell_elders(PeerMessage::Ready),
            // Masters that were killed, both of them, have left it.
            None if self.state.successor.is_none() => self.act(Effect::RemoveOldBin),
            None => {}
        }
    }
}
