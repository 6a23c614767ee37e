//! Which members, weights and options a director had in each phase in which nothing was done to it. Written is not
//! loaded: a configuration is in force from the next signal or command on.

use std::collections::BTreeMap;

use facts::{
    Event,
    plan::{Action, Failpoint, Upstream},
};

use crate::Index;

/// What a director's configuration says.
#[derive(Clone, Debug)]
pub(crate) struct InForce {
    pub(crate) upstream: Upstream,
    pub(crate) options: BTreeMap<String, String>,
}

/// The phases that a director went through untouched, from their begin to their end, and what was in force in each.
pub(crate) fn quiet_phases(index: &Index, target: usize) -> Vec<(u8, InForce)> {
    let mut course = Course::new(index, target);
    for line in &index.history.events {
        course.hear(&line.event);
    }
    course.quiet
}

struct Course<'a> {
    index: &'a Index<'a>,
    target: usize,
    written: InForce,
    loaded: InForce,
    quiet: Vec<(u8, InForce)>,
}

impl<'a> Course<'a> {
    fn new(index: &'a Index<'a>, target: usize) -> Course<'a> {
        let of = &index.plan.targets[target];
        let first = InForce { upstream: Upstream::new(&of.weights), options: of.options.clone() };
        Course { index, target, written: first.clone(), loaded: first, quiet: Vec::new() }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::PhaseBegan { phase, .. } => self.quiet.push((*phase, self.loaded.clone())),
            Event::StepBegan { step, .. } => {
                if let Some(step) = self.index.plan.steps.get(*step) {
                    self.act(&step.action);
                }
            }
            Event::ReactionBegan { reaction, .. } => {
                if let Some(reaction) = self.index.plan.reactions.get(*reaction) {
                    self.act(&reaction.action);
                }
            }
            // Whatever it was, it was not like that all through the phase.
            Event::FaultUndone { .. } => drop(self.quiet.pop()),
            _ => {}
        }
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Sleep { .. }
            | Action::WaitUntil { .. }
            | Action::Load { .. }
            | Action::Mark { .. }
            | Action::Analysis(_) => return,
            _ if on(action) != Some(self.target) => return,
            Action::Weight { weights, .. } => self.written.upstream.weigh(weights),
            Action::Delete { member, .. } => self.written.upstream.delete(member),
            Action::Configure { options, .. } => self.written.options.extend(options.clone()),
            Action::Signal { .. } | Action::Exec { .. } => self.loaded = self.written.clone(),
            _ => {}
        }
        self.quiet.pop();
    }
}

/// The target that something is done to.
fn on(action: &Action) -> Option<usize> {
    match action {
        Action::Signal { to, .. }
        | Action::Kill { to }
        | Action::Hold { to, .. }
        | Action::Release { to }
        | Action::Limit { to, .. }
        | Action::Failpoint(Failpoint { to, .. }) => Some(to.target),
        Action::SwapBinary { target, .. }
        | Action::Weight { target, .. }
        | Action::Delete { target, .. }
        | Action::Configure { target, .. }
        | Action::Exec { target, .. }
        | Action::Disk { target, .. }
        | Action::Net { target, .. } => Some(*target),
        Action::Sleep { .. }
        | Action::WaitUntil { .. }
        | Action::Load { .. }
        | Action::Mark { .. }
        | Action::Analysis(_) => None,
    }
}
