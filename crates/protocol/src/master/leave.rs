//! Going: WINCH, QUIT, TERM, and the deadlines.

use alloc::vec::Vec;

use super::{
    Turn,
    effect::Effect,
    remark::Remark,
    stage::Stage,
    state::{Bond, CohortStage, Duty, Predecessor, SuccessorStage, WorkerId},
    wakeup::PeerMessage,
};
use crate::{signals::Signal, worker::Command};

impl Turn {
    pub(super) fn winch(&mut self) {
        if self.awaits_upgrade() {
            return self.defer(Signal::Winch, "until the new generation is ready");
        }
        match (self.state.stage, self.state.successor.map(|successor| successor.stage)) {
            (Stage::Serving, Some(stage)) if stage.is_on_its_way() => {
                self.defer(Signal::Winch, "until the new generation is ready");
            }
            (Stage::Serving, Some(SuccessorStage::Ready)) => {
                self.state.stage = Stage::Retired;
                self.drain_all();
            }
            (Stage::Retired | Stage::Leaving, _) => {
                self.refuse(Signal::Winch, "the workers are draining already")
            }
            _ => self.refuse(Signal::Winch, "no other generation would serve"),
        }
    }

    pub(super) fn quit(&mut self) {
        if self.awaits_upgrade() {
            return self.defer(Signal::Quit, "until the new generation is ready");
        }
        if self.state.doubt_ms.take().is_some() {
            return self
                .refuse(Signal::Quit, "the new generation has just died; send it again to stop the server");
        }
        match (self.state.stage, self.state.successor.map(|successor| successor.stage)) {
            (Stage::Starting | Stage::Announcing, _) => self.stop(),
            (Stage::Serving, None) => self.quit_alone_or_new(),
            (Stage::Serving, Some(stage)) if stage.is_on_its_way() => {
                self.defer(Signal::Quit, "until the new generation is ready");
            }
            (Stage::Serving | Stage::Retired, Some(SuccessorStage::Ready)) => {
                self.state.stage = Stage::Leaving;
                self.tell_younger(PeerMessage::Leaving);
                self.drain_all();
            }
            (Stage::Serving | Stage::Retired, _) => {
                self.defer(Signal::Quit, "until the new generation, which leaves, is gone");
            }
            _ => self.refuse(Signal::Quit, "this generation is leaving already"),
        }
    }

    /// A USR2 that waits is an upgrade already: what follows it belongs to it.
    fn awaits_upgrade(&self) -> bool {
        let waits = matches!(self.state.stage, Stage::Starting | Stage::Announcing | Stage::Serving);
        waits && self.state.successor.is_none() && self.state.deferred.contains(Signal::Usr2)
    }

    fn quit_alone_or_new(&mut self) {
        match self.state.predecessor {
            None => self.stop(),
            Some(predecessor) if predecessor.leaving => self.stop_for_good(),
            Some(_) => self.yield_to_predecessor(),
        }
    }

    /// Both generations were told to leave: the server is meant.
    fn stop_for_good(&mut self) {
        self.tell_elders(PeerMessage::Stopping);
        self.stop();
    }

    /// QUIT to a new generation is a rollback: the old one serves again before this one stops.
    fn yield_to_predecessor(&mut self) {
        self.state.stage = Stage::Yielding { remaining_ms: self.state.limits.ready_ms };
        self.tell_elders(PeerMessage::TakeOver);
    }

    pub(super) fn hear_predecessor(&mut self, message: PeerMessage) {
        let yields = matches!(self.state.stage, Stage::Yielding { .. });
        match (message, &mut self.state.predecessor) {
            (PeerMessage::TookOver, _) if yields => self.stop(),
            (PeerMessage::TookOver, predecessor) => {
                predecessor.iter_mut().for_each(Predecessor::takes_over);
                self.act(Effect::TellPredecessor(PeerMessage::Noted));
                self.make_way_for_another_name();
            }
            (PeerMessage::Leaving, Some(predecessor)) => {
                predecessor.leaving = true;
                if yields {
                    self.stop_for_good();
                }
            }
            (PeerMessage::Staying, Some(predecessor)) => predecessor.leaving = false,
            (PeerMessage::Bonded, Some(predecessor)) => predecessor.bond = Bond::Mutual,
            _ => {}
        }
    }

    /// Graceful stop with nobody to wait for.
    pub(super) fn stop(&mut self) {
        self.abort_cohort();
        self.state.stage = Stage::Stopping;
        self.drop_all_deferred("this generation is leaving");
        self.drain_all();
        if self.state.predecessor.is_none() && self.state.successor.is_none() {
            self.act(Effect::CloseListeners);
        }
    }

    /// Goes by itself: nobody told it to.
    pub(super) fn gave_up(&self) -> bool {
        matches!(self.state.stage, Stage::Terminating { code: 1.., .. })
    }

    /// Fast stop. Once more: no mercy. What went by itself is told now.
    pub(super) fn terminate(&mut self, code: u8) {
        if let Stage::Terminating { code: before, .. } = &mut self.state.stage {
            *before = code;
            return self.kill_all();
        }
        self.abort_cohort();
        self.state.stage = Stage::Terminating { remaining_ms: self.state.limits.terminate_ms, code };
        self.drop_all_deferred("this generation is stopped");
        self.tell_all(|worker| worker.duty != Duty::Terminated, Command::Terminate, Duty::Terminated);
        // One that gives up by itself wants the others to go on.
        if code == 0 {
            self.act(Effect::TerminateOrphans);
            self.tell_neighbours();
        }
        self.condemn_unready_successor();
    }

    fn tell_neighbours(&mut self) {
        // Beside a successor that is ready nothing is stopped but what this generation still serves.
        if let Some(predecessor) = self.state.predecessor
            && !self.state.has_ready_successor()
        {
            // The server is meant only if the one between us was told to leave, too.
            let meant = if predecessor.leaving { PeerMessage::Stopping } else { PeerMessage::TakeOver };
            self.tell_elder(meant);
            self.act(Effect::TellPredecessor(PeerMessage::Stopping));
        }
        self.tell_younger(PeerMessage::Leaving);
    }

    /// The pid file names us as long as the successor is not ready: whoever stops us means the server.
    fn condemn_unready_successor(&mut self) {
        if let Some(successor) = &mut self.state.successor
            && matches!(successor.stage, SuccessorStage::Spawning | SuccessorStage::Starting { .. })
        {
            successor.stage = SuccessorStage::Condemned;
            self.act(Effect::KillSuccessor);
        }
    }

    fn abort_cohort(&mut self) {
        if let Some(cohort) = self.state.cohort.take()
            && cohort.stage != CohortStage::Loading
            && cohort.origin == super::Origin::Reload
        {
            self.act(Effect::DropConfiguration);
        }
    }

    pub(super) fn kill_all(&mut self) {
        let ids: Vec<WorkerId> = self.state.workers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.act(Effect::KillWorker(id)));
    }

    /// The last worker is gone: so are we.
    pub(super) fn advance_leaving(&mut self) {
        let condemned = self.state.successor.is_some_and(|s| s.stage == SuccessorStage::Condemned);
        if !self.state.workers.is_empty() || condemned {
            return;
        }
        let code = match self.state.stage {
            Stage::Leaving | Stage::Stopping => 0,
            Stage::Terminating { code, .. } => code,
            _ => return,
        };
        self.drain_orphans();
        self.leave_files();
        self.state.stage = Stage::Gone;
        self.act(Effect::Exit(code));
    }

    /// The pid file is never absent while another generation serves: that one puts its own name there.
    fn leave_files(&mut self) {
        // Even one that was told to leave, and means to, may think better of it when we are gone; the last to go removes it.
        if self.state.successor.is_some() {
            self.act(Effect::RemoveOldBin);
        }
        if self.state.has_ready_successor() {
            // Names us only if the new configuration keeps its pid elsewhere.
            self.act(Effect::RemovePidFile);
        }
        if self.is_last() {
            self.act(Effect::RemoveLastPidFile);
        }
    }

    /// Nobody else is there, or everybody else exits in the same instant.
    fn is_last(&self) -> bool {
        let others = [
            (self.state.successor.is_some(), self.farewells.successor),
            (self.state.predecessor.is_some(), self.farewells.predecessor),
            (self.state.elder.is_some(), self.farewells.elder),
            (self.state.heir.is_some(), self.farewells.heir),
        ];
        others.iter().all(|(lives, exits)| !lives || *exits)
    }

    pub(super) fn time(&mut self, elapsed_ms: u32) {
        run_down(&mut self.state.pause_ms, elapsed_ms);
        run_down(&mut self.state.doubt_ms, elapsed_ms);
        // The generation that is coming, or is there, writes its own name: ours must not come after it.
        if !self.state.is_being_succeeded() && run_down(&mut self.state.rewrite_ms, elapsed_ms) {
            self.act(Effect::WritePidFile);
        }
        if run_down(&mut self.state.watchdog_ms, elapsed_ms) {
            self.kill_late_replacements();
        }
        if self.successor_is_late(elapsed_ms) {
            self.condemn_late_successor();
        }
        if self.cohort_time_is_up(elapsed_ms) {
            self.cohort_is_late();
        }
        let stage_is_late = match &mut self.state.stage {
            Stage::Yielding { remaining_ms } | Stage::Terminating { remaining_ms, .. } => {
                pass(remaining_ms, elapsed_ms)
            }
            _ => false,
        };
        if stage_is_late {
            self.stage_is_late();
        }
    }

    fn stage_is_late(&mut self) {
        if let Stage::Terminating { remaining_ms, .. } = &mut self.state.stage {
            *remaining_ms = self.state.limits.terminate_ms;
            self.kill_all();
        } else {
            self.state.stage = Stage::Serving;
            self.say(Remark::NotRelieved);
            self.tell_elders(PeerMessage::Ready);
        }
    }

    fn successor_is_late(&mut self, elapsed_ms: u32) -> bool {
        match self.state.successor.as_mut().map(|successor| &mut successor.stage) {
            Some(SuccessorStage::Starting { remaining_ms }) => pass(remaining_ms, elapsed_ms),
            _ => false,
        }
    }

    fn condemn_late_successor(&mut self) {
        if let Some(successor) = &mut self.state.successor {
            successor.stage = SuccessorStage::Condemned;
            let generation = successor.generation;
            self.say(Remark::SuccessorLate(generation));
            self.act(Effect::KillSuccessor);
        }
    }

    fn cohort_time_is_up(&mut self, elapsed_ms: u32) -> bool {
        match self.state.cohort.as_mut().map(|cohort| &mut cohort.stage) {
            Some(CohortStage::Preparing { remaining_ms })
            | Some(CohortStage::Halting { remaining_ms })
            | Some(CohortStage::Admitting { remaining_ms }) => pass(remaining_ms, elapsed_ms),
            _ => false,
        }
    }
}

/// Lets time pass on a running deadline; true when it is over.
fn pass(remaining_ms: &mut u32, elapsed_ms: u32) -> bool {
    *remaining_ms = remaining_ms.saturating_sub(elapsed_ms);
    *remaining_ms == 0
}

/// The same for a deadline that may not be running; one that is over stops running.
fn run_down(remaining_ms: &mut Option<u32>, elapsed_ms: u32) -> bool {
    let over = remaining_ms.as_mut().is_some_and(|remaining| pass(remaining, elapsed_ms));
    if over {
        *remaining_ms = None;
    }
    over
}
