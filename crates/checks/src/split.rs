//! Whether each origin got what the director's method and weights promise, in every phase in which nothing was done to the
//! director. What is promised depends on the method: a count that is exact but for a few (in turn), one certain back end
//! for each client (by address), or a probability (by chance).

mod by_address;
mod by_chance;
mod in_turn;

use std::collections::{BTreeMap, BTreeSet};

use facts::{
    Event, Verdict,
    journal::Entry,
    plan::{Member, Upstream},
};

use crate::{
    Index,
    attempt::{Attempt, Execution},
    in_force::{InForce, quiet_phases},
    index::{Interval, Scope},
};

/// See the module.
pub(crate) fn split(index: &Index) -> Verdict {
    let directors: Vec<usize> = (0..index.plan.targets.len())
        .filter(|target| !index.plan.targets[*target].method.is_empty())
        .collect();
    if directors.is_empty() {
        return Verdict::unknown("no target of this run says by which method it spreads requests");
    }
    Verdict::worst(directors.into_iter().map(|target| of_director(index, target)))
}

fn of_director(index: &Index, target: usize) -> Verdict {
    let name = &index.plan.targets[target].name;
    let quiet = quiet_phases(index, target);
    let verdicts: Vec<Verdict> = quiet
        .into_iter()
        .filter_map(|(phase, in_force)| Some(Spread::of(index, target, phase, in_force)?.verdict()))
        .collect();
    if verdicts.is_empty() {
        return Verdict::unknown(format!("{name} was left alone in no phase in which requests came to it"));
    }
    let because = |verdict: &Verdict| match verdict {
        Verdict::Pass { because } => Some(because.clone()),
        _ => None,
    };
    let all: Vec<String> = verdicts.iter().filter_map(because).collect();
    match Verdict::worst(verdicts) {
        Verdict::Pass { .. } => Verdict::pass(all.join("; ")),
        verdict => verdict,
    }
}

/// Where the requests of one phase went.
pub(crate) struct Spread<'a> {
    index: &'a Index<'a>,
    target: usize,
    phase: u8,
    stretch: Interval,
    in_force: InForce,
    /// Sent and over within the phase, but for those that no origin ever saw.
    within: Vec<&'a Attempt>,
    /// Those, and those that overlap its edges: each may have been somebody's turn.
    across: usize,
}

impl<'a> Spread<'a> {
    /// `None` when no request came.
    fn of(index: &'a Index<'a>, target: usize, phase: u8, in_force: InForce) -> Option<Spread<'a>> {
        let stretch = index.interval(Scope::phase(phase))?;
        let scope = Scope { target: Some(target), ..Scope::default() };
        let overlaps = |a: &&Attempt| a.began_at() <= stretch.end && a.done_at() >= stretch.begin;
        let is_within = |a: &&Attempt| stretch.begin <= a.began_at() && a.done_at() <= stretch.end;
        let was_seen = |a: &&Attempt| a.is_answered() || a.execution != Execution::NeverSeen;
        let (within, across): (Vec<&Attempt>, Vec<&Attempt>) =
            index.attempts(scope).filter(overlaps).partition(|a| is_within(a) && was_seen(a));
        let is_asked = !within.is_empty();
        is_asked.then_some(Spread { index, target, phase, stretch, in_force, within, across: across.len() })
    }

    fn verdict(&self) -> Verdict {
        let phase = self.index.phase_name(self.phase);
        let method = self.method();
        let told = match (self.disturbed(), method.as_str()) {
            (Some(why), _) => Verdict::unknown(why),
            (None, "round_robin") => in_turn::verdict(self),
            (None, "random") => by_chance::verdict(self),
            (
                None,
                "ip_hash"
                | "hash $remote_addr"
                | "hash $binary_remote_addr"
                | "hash $remote_addr consistent"
                | "hash $binary_remote_addr consistent",
            ) => by_address::verdict(self, &method),
            (None, other) => {
                Verdict::unknown(format!("what `{other}` promises to whom cannot be told from outside"))
            }
        };
        match told {
            Verdict::Pass { because } => Verdict::pass(format!("{phase}: {because}")),
            Verdict::Unknown { why } => Verdict::unknown(format!("{phase}: {why}")),
            Verdict::Fail { lines } => {
                Verdict::Fail { lines: lines.iter().map(|line| format!("{phase}: {line}")).collect() }
            }
        }
    }

    /// The method as the options in force spell it.
    fn method(&self) -> String {
        let options = self.in_force.options.iter();
        options.fold(self.index.plan.targets[self.target].method.clone(), |method, (option, value)| {
            method.replace(&format!("${{{option}}}"), value)
        })
    }

    /// Why a request may have gone to another member than the method chose first.
    fn disturbed(&self) -> Option<String> {
        if self.index.unseen(Scope::phase(self.phase)) > 0.0 {
            return Some("not every attempt was seen".into());
        }
        if let Some(faulty) = self.index.plan.origins.iter().find(|origin| !origin.faults.is_empty()) {
            return Some(format!("{} fails on purpose, and what fails is tried elsewhere", faulty.name));
        }
        let unanswered = self.within.iter().filter(|a| !a.is_answered()).count();
        (unanswered > 0)
            .then(|| format!("{unanswered} requests got no answer, and may have been tried elsewhere"))
    }

    /// Members in the order of the configuration, by index of their origin.
    fn members(&self) -> Vec<(usize, Member)> {
        let upstream: &Upstream = &self.in_force.upstream;
        let origins = self.index.plan.origins.iter().enumerate();
        let member = |(origin, of): (usize, &facts::plan::Origin)| (origin, upstream.member(&of.name));
        origins.map(member).filter(|(_, member)| *member != Member::Deleted).collect()
    }

    /// What a balancer makes of the members.
    fn setups(&self) -> Vec<balance::Setup> {
        let setup = |(origin, member): (usize, Member)| {
            let (weight, availability) = match member {
                Member::Up { weight } => (weight, balance::Availability::Primary),
                Member::Down { weight } => (weight, balance::Availability::PrimaryDown),
                Member::Deleted => (0, balance::Availability::PrimaryDown),
            };
            balance::Setup {
                name: self.origin(origin).to_owned(),
                weight,
                max_conns: 0,
                max_fails: 1,
                fail_timeout_seconds: 10,
                availability,
                ejection: None,
            }
        };
        self.members().into_iter().map(setup).collect()
    }

    /// Where a member of this name was told to listen.
    fn address(&self, member: &str) -> Option<&str> {
        let mut events = self.index.history.events.iter();
        events.find_map(|line| match &line.event {
            Event::OriginStarted { origin, address } if origin == member => Some(address.as_str()),
            _ => None,
        })
    }

    fn origin(&self, origin: usize) -> &str {
        self.index.plan.origins.get(origin).map_or("?", |origin| &origin.name)
    }

    /// Executions begun in the phase by origin, the harness's own probes included: they were spread, too.
    fn executed(&self) -> Result<BTreeMap<usize, u64>, String> {
        let mut executed = BTreeMap::new();
        for (origin, of) in self.index.plan.origins.iter().enumerate() {
            let journal = self.index.history.journals.iter().find(|(name, _)| *name == of.name);
            let (_, entries) = journal.ok_or_else(|| format!("{} left no journal", of.name))?;
            let is_of_phase = |entry: &&Entry| self.stretch.includes(entry.started);
            executed.insert(origin, entries.iter().filter(is_of_phase).count() as u64);
        }
        Ok(executed)
    }

    /// How many workers chose, each with a state of its own.
    fn choosers(&self) -> usize {
        let pids: BTreeSet<u32> =
            self.within.iter().map(|a| a.record.server_pid).filter(|pid| *pid > 0).collect();
        pids.len().max(1)
    }
}

#[cfg(test)]
mod tests;
