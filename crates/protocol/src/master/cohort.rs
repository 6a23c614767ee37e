//! A cohort comes into force as one: at the generation's start, and at each reload.

use super::{
    Turn,
    effect::Effect,
    remark::Remark,
    stage::Stage,
    state::{Cohort, CohortStage, Configuration, Duty, Origin, Worker},
    wakeup::PeerMessage,
};
use crate::{signals::Signal, worker::Command};

impl Turn {
    pub(super) fn hup(&mut self) {
        match self.state.stage {
            Stage::Starting | Stage::Announcing => self.defer(Signal::Hup, "until this generation is ready"),
            Stage::Serving if self.state.successor.is_some() => self.refuse(
                Signal::Hup,
                "this generation serves already and another one is there; reload that one, or stop it first",
            ),
            Stage::Serving if self.state.cohort.is_some() => {
                self.defer(Signal::Hup, "until this reload is over")
            }
            Stage::Serving => self.load(),
            Stage::Leaving if self.state.heir.is_some() => {
                self.refuse(Signal::Hup, "two newer generations are there")
            }
            // Rollback by hand: take back what WINCH or QUIT gave away.
            Stage::Retired | Stage::Leaving => self.come_back(),
            _ => self.refuse(Signal::Hup, "this generation is leaving"),
        }
    }

    fn come_back(&mut self) {
        if self.state.stage == Stage::Leaving {
            self.act(Effect::TellSuccessor(PeerMessage::Staying));
        }
        self.state.stage = Stage::Serving;
        self.say(Remark::Resumed(self.state.generation));
    }

    fn load(&mut self) {
        let configuration = Configuration { revision: self.next_revision(), workers: 0 };
        self.state.cohort =
            Some(Cohort { origin: Origin::Reload, configuration, stage: CohortStage::Loading });
        self.act(Effect::LoadConfiguration);
    }

    /// Higher than any a living worker serves: a given-up reload may still have workers that drain.
    fn next_revision(&self) -> u32 {
        let living = self.state.workers.values().map(|worker| worker.revision).max().unwrap_or(0);
        living.max(self.state.configuration.revision) + 1
    }

    pub(super) fn begin_reload(&mut self, workers: u32) {
        let remaining_ms = self.state.limits.ready_ms;
        match &mut self.state.cohort {
            Some(cohort) if cohort.stage == CohortStage::Loading => {
                cohort.configuration.workers = workers;
                cohort.stage = CohortStage::Preparing { remaining_ms };
            }
            // We were told to stop meanwhile.
            _ => self.act(Effect::DropConfiguration),
        }
    }

    pub(super) fn refuse_reload(&mut self) {
        if self.state.cohort.is_some_and(|cohort| cohort.stage == CohortStage::Loading) {
            self.state.cohort = None;
            self.say(Remark::ConfigurationRefused);
        }
    }

    pub(super) fn advance_cohort(&mut self) {
        while let Some(cohort) = self.state.cohort {
            let next = self.next_cohort_stage(cohort);
            match (&mut self.state.cohort, next) {
                (Some(cohort), Some(next)) => cohort.stage = next,
                _ => return,
            }
        }
    }

    fn next_cohort_stage(&mut self, cohort: Cohort) -> Option<CohortStage> {
        let Configuration { revision, workers } = cohort.configuration;
        match cohort.stage {
            CohortStage::Loading => None,
            CohortStage::Preparing { .. } => self.prepare(cohort),
            CohortStage::Halting { .. } => {
                let halting = self.state.workers.values().any(|worker| worker.duty == Duty::Halting);
                (!halting).then(|| self.admit(revision))
            }
            CohortStage::Admitting { .. } => {
                let accepting = self.state.count(revision, |duty| duty == Duty::Accepting);
                (accepting == workers).then(|| self.put_in_force(cohort)).flatten()
            }
        }
    }

    fn prepare(&mut self, cohort: Cohort) -> Option<CohortStage> {
        let Configuration { revision, workers } = cohort.configuration;
        if self.state.pause_ms.is_none() {
            self.spawn(revision, workers.saturating_sub(self.state.count(revision, Duty::is_wanted)));
        }
        let prepared = self.state.count(revision, |duty| duty.is_wanted() && duty != Duty::Preparing);
        (prepared == workers).then(|| match cohort.origin {
            Origin::Start => self.admit(revision),
            Origin::Reload => self.halt(),
        })
    }

    fn halt(&mut self) -> CohortStage {
        let old = self.state.configuration.revision;
        let serving = |w: &Worker| w.revision == old && matches!(w.duty, Duty::Admitted | Duty::Accepting);
        self.tell_all(serving, Command::StopAccepting, Duty::Halting);
        let idle = |w: &Worker| w.revision == old && matches!(w.duty, Duty::Preparing | Duty::Prepared);
        self.tell_all(idle, Command::Drain, Duty::Draining);
        CohortStage::Halting { remaining_ms: self.state.limits.halt_ms }
    }

    fn admit(&mut self, revision: u32) -> CohortStage {
        let prepared = |worker: &Worker| worker.revision == revision && worker.duty == Duty::Prepared;
        self.tell_all(prepared, Command::Accept, Duty::Admitted);
        CohortStage::Admitting { remaining_ms: self.state.limits.ready_ms }
    }

    fn put_in_force(&mut self, cohort: Cohort) -> Option<CohortStage> {
        self.state.configuration = cohort.configuration;
        self.state.cohort = None;
        match cohort.origin {
            Origin::Start => {
                self.state.stage = Stage::Announcing;
                self.act(Effect::WritePidFile);
            }
            Origin::Reload => {
                self.act(Effect::CommitConfiguration);
                self.drain_old_revisions();
                self.say(Remark::Reloaded(cohort.configuration.revision));
            }
        }
        None
    }

    fn drain_old_revisions(&mut self) {
        let revision = self.state.configuration.revision;
        let old = |w: &Worker| w.revision != revision && !matches!(w.duty, Duty::Draining | Duty::Terminated);
        self.tell_all(old, Command::Drain, Duty::Draining);
    }

    pub(super) fn lose_cohort_worker(&mut self) {
        match self.state.cohort.map(|cohort| cohort.origin) {
            Some(Origin::Start) => self.fail_start(),
            Some(Origin::Reload) => self.abandon_reload(),
            None => {}
        }
    }

    /// A generation that cannot start leaves, unless it is the only one left: then it tries on.
    fn fail_start(&mut self) {
        self.say(Remark::StartFailed);
        if self.state.orphans && self.state.predecessor.is_none() {
            self.try_on();
        } else {
            self.terminate(1);
        }
    }

    fn try_on(&mut self) {
        self.back_off();
        self.start_again();
    }

    /// With new workers, whatever became of those before.
    pub(super) fn start_again(&mut self) {
        self.state.stage = Stage::Starting;
        let stage = CohortStage::Preparing { remaining_ms: self.state.limits.ready_ms };
        self.state.cohort =
            Some(Cohort { origin: Origin::Start, configuration: self.state.configuration, stage });
    }

    /// It left the service to the old generation, and that one is gone, too, before this one was: in whatever order the two
    /// ended, the last one left tries on.
    pub(super) fn start_anew(&mut self) {
        self.say(Remark::StartedAnew);
        self.kill_all();
        self.try_on();
    }

    fn abandon_reload(&mut self) {
        self.state.cohort = None;
        let old = self.state.configuration.revision;
        let halted = |w: &Worker| w.revision == old && matches!(w.duty, Duty::Halting | Duty::Halted);
        self.tell_all(halted, Command::Accept, Duty::Admitted);
        let new = |w: &Worker| w.revision != old && w.duty.is_wanted();
        self.tell_all(new, Command::Drain, Duty::Draining);
        self.act(Effect::DropConfiguration);
        self.say(Remark::ReloadFailed);
    }

    /// The cohort's current deadline passed.
    pub(super) fn cohort_is_late(&mut self) {
        match self.state.cohort {
            Some(Cohort { stage: CohortStage::Halting { .. }, .. }) => {
                let halting = |worker: &Worker| worker.duty == Duty::Halting;
                self.tell_all(halting, Command::Drain, Duty::Draining);
            }
            Some(Cohort { origin: Origin::Start, configuration, .. }) => {
                self.kill_unprepared(configuration.revision);
                self.fail_start();
            }
            Some(Cohort { origin: Origin::Reload, configuration, .. }) => {
                self.kill_unprepared(configuration.revision);
                self.abandon_reload();
            }
            None => {}
        }
    }

    /// What did not answer in all that time will not answer a command either.
    fn kill_unprepared(&mut self, revision: u32) {
        let stuck = |w: &Worker| w.revision == revision && matches!(w.duty, Duty::Preparing | Duty::Admitted);
        let ids: alloc::vec::Vec<_> =
            self.state.workers.iter().filter(|(_, worker)| stuck(worker)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(worker) = self.state.workers.get_mut(&id) {
                worker.duty = Duty::Terminated;
            }
            self.act(Effect::KillWorker(id));
        }
    }
}
