//! Which members, weights and options a director had in each phase in which nothing was done to it. Written is not
//! loaded: a configuration is in force from the next signal or command on.

use std::collections::BTreeMap;

use facts::{
    Event, Nanos,
    plan::{Action, Failpoint, Upstream},
};

use crate::Index;

/// What a director's configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) upstream: Upstream,
    pub(crate) options: BTreeMap<String, String>,
}

/// The phases that a director went through untouched, from their begin to their end, and what was in force in each.
pub(crate) fn quiet_phases(index: &Index, target: usize) -> Vec<(u8, InForce)> {
    let mut course = Course::new(index, target);
    course.run();
    course.quiet
}

/// Every time that another configuration was loaded: when the order was given, and what was in force before and after.
pub(crate) fn shifts_of(index: &Index, target: usize) -> Vec<(Nanos, InForce, InForce)> {
    let mut course = Course::new(index, target);
    course.run();
    course.shifts
}

struct Course<'a> {
    index: &'a Index<'a>,
    target: usize,
    written: InForce,
    loaded: InForce,
    /// The phase that goes on.
    current: u8,
    quiet: Vec<(u8, InForce)>,
    now: Nanos,
    shifts: Vec<(Nanos, InForce, InForce)>,
}

impl<'a> Course<'a> {
    fn new(index: &'a Index<'a>, target: usize) -> Course<'a> {
        let of = &index.plan.targets[target];
        let first = InForce { upstream: Upstream::new(&of.weights), options: of.options.clone() };
        let (quiet, shifts) = (Vec::new(), Vec::new());
        Course { index, target, written: first.clone(), loaded: first, current: 0, quiet, now: 0, shifts }
    }

    fn run(&mut self) {
        for line in &self.index.history.events {
            self.now = line.at.earliest;
            self.hear(&line.event);
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::PhaseBegan { phase, .. } => {
                self.current = *phase;
                self.quiet.push((*phase, self.loaded.clone()));
            }
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
            Event::FaultUndone { .. } => self.disturb(),
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
            Action::Signal { .. } | Action::Exec { .. } => self.load(),
            _ => {}
        }
        self.disturb();
    }

    fn load(&mut self) {
        if self.loaded != self.written {
            let before = std::mem::replace(&mut self.loaded, self.written.clone());
            self.shifts.push((self.now, before, self.written.clone()));
        }
    }

    fn disturb(&mut self) {
        self.quiet.retain(|(phase, _)| *phase != self.current);
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

#[cfg(test)]
mod tests {
    use facts::{
        Event,
        plan::{Action, Member, Members, Selector, Signal, Which},
    };

    use super::quiet_phases;
    use crate::{Index, built::Built};

    /// Weights 3 and 1 are written in phase `upgrade`, where `then` is done, too.
    fn weighed(then: Action) -> Built {
        let mut built = Built::good();
        built.plan.targets[0].weights = [("blue".to_owned(), 1), ("green".to_owned(), 1)].into();
        let weights = [("blue".to_owned(), 3)].into();
        built.plan.steps[0].action = Action::Weight { target: 0, weights };
        built.plan.steps[1].action = then;
        built
    }

    /// The phases that were left alone, each with the weight of `blue` in it.
    fn quiet(built: &Built) -> Vec<(u8, Member)> {
        let index = Index::new(&built.plan, &built.history);
        let phases = quiet_phases(&index, 0);
        phases.into_iter().map(|(phase, in_force)| (phase, in_force.upstream.member("blue"))).collect()
    }

    #[test]
    fn what_is_written_is_in_force_once_the_server_was_told() {
        let to = Selector { target: 0, generation: Which::Current, members: Members::Master };
        let (one, three) = (Member::Up { weight: 1 }, Member::Up { weight: 3 });
        let told = weighed(Action::Signal { to, signals: vec![Signal::Hup] });
        assert_eq!(quiet(&told), [(0, one), (2, three)]);
        assert_eq!(quiet(&weighed(Action::Sleep { ms: 1 })), [(0, one), (2, one)]);
    }

    #[test]
    fn a_phase_in_which_a_fault_ends_was_not_left_alone() {
        let undone = weighed(Action::Sleep { ms: 1 });
        let undone = undone.inserted(2500, Event::FaultUndone { doing: "hold".into() });
        assert_eq!(quiet(&undone), [(0, Member::Up { weight: 1 })]);
    }
}
