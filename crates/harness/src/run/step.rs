//! The steps in order: whose turn it is, when, and what its failure means.

use std::time::Duration;

use facts::{
    Event, Nanos,
    plan::{Action, Begins, Step},
};
use ledger::clock::now;

use super::{Ending, Halt, Run};
use crate::Error;

/// What becomes of the steps after this one.
enum Onward {
    Next,
    /// An analysis failed: only those that rescue it are left.
    Rescue,
    Over,
    /// Nothing is done any more.
    CutOff,
}

impl Run<'_> {
    /// The steps in order; the first that cannot be done is the last, unless the plan says otherwise.
    pub(super) fn take_steps(&mut self) -> Result<Ending, Error> {
        let mut failed: Option<usize> = None;
        for (number, step) in self.plan.steps.iter().enumerate() {
            if let Some(why) = not_its_turn(step, failed) {
                self.watcher.write(Event::StepSkipped { step: number, why })?;
                continue;
            }
            let taken = self.take_step(number, step);
            self.step_ended_at = now();
            match self.conclude(number, step, taken)? {
                Onward::Next => {}
                Onward::Rescue => failed = Some(number),
                Onward::Over => return Ok(Ending::Early),
                Onward::CutOff => return Ok(Ending::CutOff),
            }
        }
        Ok(Ending::Completed)
    }

    fn conclude(&mut self, number: usize, step: &Step, taken: Result<(), Halt>) -> Result<Onward, Error> {
        match taken {
            Ok(()) => {
                self.watcher.site.done.insert(number);
                self.watcher.write(Event::StepDone { step: number })?;
                Ok(Onward::Next)
            }
            Err(Halt::Broken(error)) => Err(error),
            Err(Halt::Interrupted) => Ok(Onward::CutOff),
            Err(Halt::OutOfTime) => {
                self.tell_cut_off(&format!("in step {} (`{}`)", number + 1, step.text))?;
                Ok(Onward::CutOff)
            }
            Err(Halt::Failed(why)) => {
                self.watcher.write(Event::StepFailed { step: number, why })?;
                let is_rescued = self.plan.steps.iter().any(|other| other.rescues == Some(number));
                Ok(match () {
                    () if is_rescued => Onward::Rescue,
                    () if step.may_fail => Onward::Next,
                    () => Onward::Over,
                })
            }
        }
    }

    fn take_step(&mut self, number: usize, step: &Step) -> Result<(), Halt> {
        self.sleep_until(self.begin_of(step.begins))?;
        if let Some(condition) = &step.when {
            self.wait_for(condition)?;
        }
        self.check_deadline()?;
        // Who is meant is decided at the last moment (after a rollback `master` is another process again), but before
        // the phase begins: between that and the action nothing may take time.
        self.watcher.look_now()?;
        if let Some(phase) = step.phase {
            self.enter_phase(phase)?;
        }
        self.watcher.write(Event::StepBegan { step: number, doing: step.text.clone() })?;
        self.note_step(number);
        match &step.action {
            Action::Analysis(analysis) => self.analyse(number, analysis),
            Action::Sleep { ms } => self.sleep_a_little_longer(number, *ms),
            action => self.act(action, &step.text),
        }
    }

    /// Says by how much, so that a reader of the log can tell.
    fn sleep_a_little_longer(&mut self, step: usize, ms: u64) -> Result<(), Halt> {
        let ns = self.plan.jitter(step);
        if ns > 0 {
            self.watcher.write(Event::Jittered { step, ns })?;
        }
        self.sleep(Duration::from_millis(ms) + Duration::from_nanos(ns))
    }

    fn begin_of(&self, begins: Begins) -> Nanos {
        match begins {
            Begins::AtOnce => 0,
            Begins::At { ms } => self.loaded_at + ms * 1_000_000,
            Begins::After { ms } => self.step_ended_at + ms * 1_000_000,
        }
    }
}

fn not_its_turn(step: &Step, failed: Option<usize>) -> Option<String> {
    match (step.rescues, failed) {
        (None, None) => None,
        (Some(analysis), Some(failed)) if analysis == failed => None,
        (Some(_), None) => Some("the analysis that it rescues did not fail".into()),
        (_, Some(failed)) => Some(format!("the analysis of step {failed} failed")),
    }
}
