//! A history arranged for questions: attempts in order of intention, phases as stretches of time, and how much of
//! the run was not seen at all.

use std::collections::HashMap;

use facts::{Blame, Event, History, Nanos, Outcome, Plan, Record, event::View, expression::Argument};

use crate::{
    attempt::{Attempt, attempts},
    cause::Causes,
};

/// What every check is given.
pub struct Index<'a> {
    /// What was meant to happen.
    pub(crate) plan: &'a Plan,
    /// What happened.
    pub(crate) history: &'a History,
    /// Every attempt, refined, in order of intention.
    pub(crate) attempts: Vec<Attempt>,
    /// When each phase of the plan was, if it began.
    pub(crate) phases: Vec<Option<Interval>>,
    /// Which client opened a connection, of those with addresses of their own.
    pub(crate) callers: HashMap<u32, u32>,
    /// What is known of why attempts were lost.
    pub(crate) causes: Causes<'a>,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) begin: Nanos,
    pub(crate) end: Nanos,
}

impl Interval {
    /// Whether an instant lies in it; its end is the begin of what follows.
    pub(crate) fn includes(self, instant: Nanos) -> bool {
        (self.begin..self.end).contains(&instant)
    }
}

/// Which attempts a question is about. What is not named is not restricted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) phases: Option<(u8, u8)>,
    pub(crate) population: Option<usize>,
    pub(crate) target: Option<usize>,
    pub(crate) origin: Option<usize>,
    pub(crate) steps: Option<(usize, usize)>,
}

impl Scope {
    /// The scope that the arguments of a function name.
    pub(crate) fn of(arguments: &[Argument]) -> Scope {
        let mut scope = Scope::default();
        for argument in arguments {
            match *argument {
                Argument::Phases { first, last } => scope.phases = Some((first, last)),
                Argument::Population(population) => scope.population = Some(population),
                Argument::Origin(origin) => scope.origin = Some(origin),
                Argument::Steps { first, last } => scope.steps = Some((first, last)),
                Argument::Target(target) => scope.target = Some(target),
                Argument::Processes(selector) => scope.target = Some(selector.target),
            }
        }
        scope
    }

    /// Everything in one phase.
    pub(crate) fn phase(phase: u8) -> Scope {
        Scope { phases: Some((phase, phase)), ..Scope::default() }
    }
}

impl<'a> Index<'a> {
    /// Arranges a history.
    pub fn new(plan: &'a Plan, history: &'a History) -> Index<'a> {
        Index {
            plan,
            history,
            attempts: attempts(plan, history),
            phases: phases(plan, history),
            callers: history.callers.iter().map(|caller| (caller.connection, caller.client)).collect(),
            causes: Causes::of(history),
        }
    }

    /// What every attempt was, in the light of the journals and of the kills of the run.
    pub fn outcomes(&self) -> impl Iterator<Item = (&Record, Outcome)> {
        self.attempts.iter().map(|attempt| (&attempt.record, attempt.outcome))
    }

    /// The attempts a question is about, by the phase in which they were meant to start.
    pub(crate) fn attempts(&self, scope: Scope) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |attempt| self.includes(scope, attempt))
    }

    /// Whether a question is about an attempt.
    pub(crate) fn includes(&self, scope: Scope, attempt: &Attempt) -> bool {
        let record = &attempt.record;
        scope.phases.is_none_or(|(first, last)| (first..=last).contains(&record.phase_intended))
            && scope.population.is_none_or(|p| usize::from(record.population) == p)
            && scope.origin.is_none_or(|o| usize::from(record.origin) == o + 1)
            && scope.target.is_none_or(|t| self.target_of(attempt) == Some(t))
    }

    /// How many attempts of a scope may have ended in any way because nobody saw how: infinite when the history
    /// itself is not whole.
    pub(crate) fn unseen(&self, scope: Scope) -> f64 {
        let Some(planned) = self.planned() else { return f64::INFINITY };
        if !self.history.is_sealed() {
            return f64::INFINITY;
        }
        let nobody_saw = Scope { origin: None, ..scope };
        let seen_begin = self.attempts(nobody_saw).filter(|a| a.blame() == Blame::Generator).count() as u64;
        (seen_begin + planned.saturating_sub(self.attempts.len() as u64)) as f64
    }

    /// How many requests were planned by the time the load stopped; `None` when it never did.
    pub(crate) fn planned(&self) -> Option<u64> {
        let planned = |line: &facts::Stamped| match line.event {
            Event::LoadStopped { planned, .. } => Some(planned),
            _ => None,
        };
        self.history.events.iter().filter_map(planned).reduce(|a, b| a + b)
    }

    /// The stretch of time of a scope's phases, if all of them began.
    pub(crate) fn interval(&self, scope: Scope) -> Option<Interval> {
        let (first, last) = scope.phases.unwrap_or((0, self.phases.len().saturating_sub(1) as u8));
        let begin = (*self.phases.get(usize::from(first))?)?.begin;
        let end = (*self.phases.get(usize::from(last))?)?.end;
        Some(Interval { begin, end })
    }

    /// The last look at a target after the dust had settled. A run that was interrupted did not wait for that.
    pub(crate) fn settled(&self, target: usize) -> Option<&View> {
        if !self.history.is_sealed() {
            return None;
        }
        let name = &self.plan.targets.get(target)?.name;
        self.history.events.iter().rev().find_map(|line| match &line.event {
            Event::Settled { target, view } if target == name => Some(view),
            _ => None,
        })
    }

    /// Whether somebody put an end to the run before its own: what was not seen by then may still have come.
    pub(crate) fn is_cut_off(&self) -> bool {
        !matches!(
            self.history.events.last().map(|line| &line.event),
            Some(Event::RunEnded { interrupted: false })
        )
    }

    /// Why a run that [is cut off](Index::is_cut_off) is.
    pub(crate) fn why_cut_off(&self) -> String {
        let why = self.history.events.iter().find_map(|line| match &line.event {
            Event::CutOff { why } => Some(format!("the run was cut off: {why}")),
            _ => None,
        });
        why.unwrap_or_else(|| "the run was interrupted".into())
    }

    /// Whether a later phase began.
    pub(crate) fn has_phase_after(&self, phase: u8) -> bool {
        self.phases.iter().skip(usize::from(phase) + 1).any(Option::is_some)
    }

    /// The phase that an instant lies in; the first one begins before the load, the last one never ends.
    pub(crate) fn phase_at(&self, instant: Nanos) -> &str {
        let begun = |phase: &Option<Interval>| phase.is_some_and(|stretch| stretch.begin <= instant);
        self.phase_name(self.phases.iter().rposition(begun).unwrap_or(0) as u8)
    }

    /// The name of a phase.
    pub(crate) fn phase_name(&self, phase: u8) -> &str {
        self.plan.phases.get(usize::from(phase)).map_or("?", String::as_str)
    }

    /// When the load ran; `None` when it never started.
    pub(crate) fn loaded(&self) -> Option<Interval> {
        let begin = self.first(|event| matches!(event, Event::LoadStarted))?;
        let end =
            self.first(|event| matches!(event, Event::LoadStopped { .. })).unwrap_or(self.last_instant());
        Some(Interval { begin, end })
    }

    /// When the first event of a kind happened.
    pub(crate) fn first(&self, wanted: impl Fn(&Event) -> bool) -> Option<Nanos> {
        self.history.events.iter().find(|line| wanted(&line.event)).map(|line| line.at.earliest)
    }

    /// When the last event happened.
    pub(crate) fn last_instant(&self) -> Nanos {
        self.history.events.last().map_or(0, |line| line.at.latest)
    }

    pub(crate) fn target_of(&self, attempt: &Attempt) -> Option<usize> {
        Some(self.plan.populations.get(usize::from(attempt.record.population))?.target)
    }
}

/// Each phase lasts until the next one that began; the last until the load stopped.
fn phases(plan: &Plan, history: &History) -> Vec<Option<Interval>> {
    let stopped = |line: &&facts::Stamped| matches!(line.event, Event::LoadStopped { .. });
    let last = history.events.iter().find(stopped).or(history.events.last()).map_or(0, |line| line.at.latest);
    let begun: Vec<(u8, Nanos)> = history.phases().collect();
    let mut phases = vec![None; plan.phases.len()];
    for (position, (phase, begin)) in begun.iter().enumerate() {
        let end = begun.get(position + 1).map_or(last.max(*begin), |(_, next)| *next);
        if let Some(slot) = phases.get_mut(usize::from(*phase)) {
            *slot = Some(Interval { begin: *begin, end });
        }
    }
    phases
}
