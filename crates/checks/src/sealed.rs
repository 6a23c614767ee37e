//! Whether the history is whole. One that is not can show a failure, never that all was well.

use facts::{Event, Verdict};

use crate::Index;

/// The layout of plans that this version understands; in another one a name may mean something else.
const LAYOUT: u32 = 1;

/// The run ended by itself, its event log has no gap and its ledgers are sealed.
pub(crate) fn sealed(index: &Index) -> Verdict {
    let history = index.history;
    let last = history.events.last().map(|line| &line.event);
    let gap = history.events.iter().zip(0..).find(|(line, number)| line.number != *number);
    if history.events.is_empty() {
        return Verdict::unknown("there is no event log");
    }
    if index.plan.schema != LAYOUT {
        return Verdict::unknown(format!(
            "the plan has layout {}, and this version reads {LAYOUT}",
            index.plan.schema
        ));
    }
    if let Some((_, number)) = gap {
        return Verdict::unknown(format!("line {number} of the event log is missing"));
    }
    if history.unreadable_lines > 0 {
        return Verdict::unknown(format!(
            "{} lines of the event log are unreadable",
            history.unreadable_lines
        ));
    }
    if let Some(why) = history.incomplete.first() {
        return Verdict::unknown(why);
    }
    match last {
        Some(Event::RunEnded { interrupted: false }) => {
            Verdict::pass(format!("{} events, {} records", history.events.len(), history.records.len()))
        }
        Some(Event::RunEnded { interrupted: true }) => Verdict::unknown(index.why_cut_off()),
        _ => Verdict::unknown("the run was cut off: its event log has no end"),
    }
}

#[cfg(test)]
mod tests {
    use facts::Event;

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    #[test]
    fn only_a_whole_history_is_sealed() {
        check("sealed", Built::good(), PASS);
        check("sealed", Built::default(), UNKNOWN);
        check("sealed", Built::good().without(|e| matches!(e, Event::RunEnded { .. })), UNKNOWN);
        check("sealed", Built::good().then(3001, Event::RunEnded { interrupted: true }), UNKNOWN);
        let mut gap = Built::good();
        gap.history.events[2].number = 7;
        check("sealed", gap, UNKNOWN);
        let mut unsealed_ledger = Built::good();
        unsealed_ledger.history.incomplete.push("ledger-0.bin was never sealed".into());
        check("sealed", unsealed_ledger, UNKNOWN);
        let mut newer = Built::good();
        newer.plan.schema = 2;
        check("sealed", newer, UNKNOWN);
    }

    #[test]
    fn a_history_that_is_not_whole_still_shows_a_failure_but_no_success() {
        let cut = |built: Built| built.without(|e| matches!(e, Event::RunEnded { .. }));
        check("no-corruption", cut(Built::good()), UNKNOWN);
        check("no-corruption", cut(Built::good().outcome(3, facts::Outcome::WrongId)), FAIL);
    }
}
