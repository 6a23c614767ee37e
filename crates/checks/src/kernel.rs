//! What the kernel counted meanwhile.

use std::collections::BTreeMap;

use facts::{Event, Nanos, Outcome, kernel::Extent};
use serde::Serialize;

use crate::{
    Index,
    index::{Interval, Scope},
};

/// How far some of the kernel's counters moved in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Whose doings these are.
    pub extent: Extent,
    /// Those that moved, by name.
    pub counters: BTreeMap<String, u64>,
}

impl Counted {
    /// Without those that say nothing about an outcome; `None` when nothing is left.
    fn about(mut self, outcome: Outcome) -> Option<Counted> {
        let says_something = says(outcome);
        self.counters.retain(|name, _| says_something.contains(&name.as_str()));
        (!self.counters.is_empty()).then_some(self)
    }
}

/// What moved in the phases of a scope, or all through the run; `None` where that was not seen.
pub(crate) fn counted(index: &Index, scope: Scope) -> Option<Counted> {
    moved(index, index.interval(scope)?)
}

/// What moved in the phases that an attempt was under way in, of what bears on its outcome.
pub(crate) fn counted_about(index: &Index, phases: (u8, u8), outcome: Outcome) -> Option<Counted> {
    counted(index, Scope { phases: Some(phases), ..Scope::default() })?.about(outcome)
}

/// Counters are read right before a phase begins, so a reading belongs to the phase that it ends.
fn moved(index: &Index, stretch: Interval) -> Option<Counted> {
    let (_, before) = reading(index, stretch.begin)?;
    let (extent, after) = reading(index, stretch.end)?;
    let since = |(name, now): (&String, &u64)| {
        let more = now.saturating_sub(before.get(name).copied()?);
        (more > 0).then(|| (name.clone(), more))
    };
    Some(Counted { extent, counters: after.iter().filter_map(since).collect() })
}

/// The last reading that was over by an instant.
fn reading<'i>(index: &'i Index, by: Nanos) -> Option<(Extent, &'i BTreeMap<String, u64>)> {
    let readings = index.history.events.iter().rev().filter(|line| line.at.latest <= by);
    readings.into_iter().find_map(|line| match &line.event {
        Event::KernelCounted { extent, counters } => Some((*extent, counters)),
        _ => None,
    })
}

/// Which counters move when an attempt ends so: of many that do, it may have been one.
fn says(outcome: Outcome) -> &'static [&'static str] {
    match outcome {
        Outcome::Refused => &["AttemptFails", "OutRsts"],
        Outcome::ConnectTimeout | Outcome::TimeoutFirstByte => {
            &["ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPSynRetrans"]
        }
        Outcome::ResetInAcceptQueue
        | Outcome::RetriableClose
        | Outcome::UnsafeClose
        | Outcome::ExecutedNoReply
        | Outcome::CutInHeaders
        | Outcome::CutInBody
        | Outcome::TailReset => &[
            "EstabResets",
            "OutRsts",
            "TCPAbortOnClose",
            "TCPAbortOnData",
            "TCPAbortOnLinger",
            "TCPAbortOnMemory",
            "TCPAbortOnTimeout",
            "TCPMigrateReqFailure",
            "TCPMigrateReqSuccess",
        ],
        _ => &[],
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counters: Vec<String> =
            self.counters.iter().map(|(name, moved)| format!("{name} +{moved}")).collect();
        write!(f, "{}", counters.join(", "))?;
        match self.extent {
            Extent::Run => Ok(()),
            Extent::Machine => write!(f, " (of the whole machine)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::{Event, Outcome, kernel::Extent};

    use crate::{built::Built, judge};

    /// What the kernel had counted by then.
    fn counted(extent: Extent, resets: u64, overflows: u64) -> Event {
        let counters = [("EstabResets", resets), ("ListenOverflows", overflows)];
        let counters = counters.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Event::KernelCounted { extent, counters }
    }

    /// The upgrade lasts from 1000 to 2000 ms; 3 resets and 1 overflow in it.
    fn upgrade(extent: Extent) -> Built {
        let built = Built::good().inserted(9, counted(extent, 50, 0));
        let built = built.inserted(999, counted(extent, 50, 0)).inserted(1999, counted(extent, 53, 1));
        built.inserted(2899, counted(extent, 54, 1))
    }

    #[test]
    fn a_phase_has_what_moved_between_the_reading_before_it_and_the_one_before_the_next() {
        let built = upgrade(Extent::Run);
        let judgement = judge(&built.plan, &built.history);
        let told = |row: &crate::PhaseRow| row.kernel.as_ref().map(ToString::to_string).unwrap_or_default();
        let rows: Vec<String> = judgement.phases.iter().map(told).collect();
        assert_eq!(rows, ["", "EstabResets +3, ListenOverflows +1", "EstabResets +1"]);
        assert_eq!(told(&judgement.total), "EstabResets +4, ListenOverflows +1");
    }

    #[test]
    fn a_lost_request_is_told_with_the_counters_that_bear_on_it_and_whose_they_are() {
        let lost = |extent, outcome| {
            let built = upgrade(extent).outcome(120, outcome);
            judge(&built.plan, &built.history).lost[0].to_string()
        };
        let reset = lost(Extent::Run, Outcome::ResetInAcceptQueue);
        assert!(
            reset.contains("; kernel meanwhile: EstabResets +3") && !reset.contains("machine"),
            "{reset}"
        );
        let hang = lost(Extent::Machine, Outcome::TimeoutFirstByte);
        assert!(hang.contains("ListenOverflows +1 (of the whole machine)"), "{hang}");
        assert!(!lost(Extent::Run, Outcome::Refused).contains("kernel"), "nothing moved that bears on it");
    }

    #[test]
    fn what_was_not_read_is_not_told() {
        let built = Built::good().outcome(120, Outcome::ResetInAcceptQueue);
        let judgement = judge(&built.plan, &built.history);
        assert_eq!((&judgement.phases[1].kernel, &judgement.lost[0].kernel), (&None, &None));
    }
}
