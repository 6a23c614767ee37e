//! Whether clients were served, and served the right thing.

use facts::{Blame, Event, Nanos, Verdict};

use crate::{
    Index, LifeStory,
    attempt::{Attempt, has_journal},
    index::{Interval, Scope},
    story::story,
};

/// A shorter phase may well have no request in it.
const JUDGED_FROM: Nanos = 100_000_000;
/// So many lives are told as evidence.
const TOLD: usize = 5;

/// Some generation gave a complete answer to a request meant to start in each phase.
pub(crate) fn served_in_every_phase(index: &Index) -> Verdict {
    let Some(loaded) = index.loaded() else { return Verdict::unknown("the load never started") };
    let phases = 0..index.plan.phases.len() as u8;
    Verdict::worst(phases.map(|phase| served(index, phase, loaded)))
}

fn served(index: &Index, phase: u8, loaded: Interval) -> Verdict {
    let name = index.phase_name(phase);
    let Some(stretch) = index.interval(Scope::phase(phase)) else {
        if is_skipped(index, phase) {
            return Verdict::pass("every phase of 100 ms or more had an answer");
        }
        return Verdict::unknown(format!("phase {name} never began"));
    };
    let under_load = stretch.end.min(loaded.end).saturating_sub(stretch.begin.max(loaded.begin));
    if under_load < JUDGED_FROM {
        return Verdict::pass("every phase of 100 ms or more had an answer");
    }
    let attempts = || index.attempts(Scope::phase(phase));
    let judged = attempts().filter(|a| a.blame() != Blame::Generator).count();
    match (judged, attempts().any(Attempt::is_answered)) {
        (_, true) => Verdict::pass("every phase of 100 ms or more had an answer"),
        (0, false) => Verdict::unknown(format!("no request was sent in phase {name}")),
        (sent, false) => {
            Verdict::fail(format!("outage: none of {sent} requests in phase {name} was answered rightly"))
        }
    }
}

/// Whether the step that begins a phase was left out for a reason that the plan gives.
fn is_skipped(index: &Index, phase: u8) -> bool {
    let begins = index.plan.steps.iter().position(|step| step.phase == Some(phase));
    let skipped =
        |line: &facts::Stamped| matches!(line.event, Event::StepSkipped { step, .. } if Some(step) == begins);
    index.history.events.iter().any(skipped)
}

/// No answer was wrong and no request was executed twice.
pub(crate) fn no_corruption(index: &Index) -> Verdict {
    if index.attempts.is_empty() {
        return Verdict::unknown("there is no record");
    }
    let wrong: Vec<LifeStory> = index
        .attempts
        .iter()
        .filter(|a| a.blame() == Blame::Corrupt)
        .map(|attempt| story(index, attempt))
        .collect();
    if wrong.is_empty() {
        let answers = index.attempts.iter().filter(|a| a.is_answered()).count();
        return Verdict::pass(match has_journal(index.history) {
            true => format!("{answers} answers and the journals were looked at"),
            // That none was executed twice is not claimed then.
            false => format!("{answers} answers were looked at; nobody kept a journal"),
        });
    }
    let told = wrong.iter().take(TOLD).map(ToString::to_string);
    Verdict::Fail { lines: [format!("{} wrong answers", wrong.len())].into_iter().chain(told).collect() }
}

#[cfg(test)]
mod tests {
    use facts::Outcome;

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    #[test]
    fn a_phase_without_an_answer_is_an_outage_and_one_without_a_request_is_unknown() {
        check("served-in-every-phase", Built::good(), PASS);
        check("served-in-every-phase", Built::default(), UNKNOWN);
        let outage = Built::good().outcomes(|record| record.phase_intended == 1, Outcome::Refused);
        check("served-in-every-phase", outage, FAIL);
        let mut silent = Built::good();
        silent.history.records.retain(|record| record.phase_intended != 1);
        check("served-in-every-phase", silent, UNKNOWN);
    }

    #[test]
    fn one_wrong_answer_is_corruption_and_so_is_one_request_executed_twice() {
        check("no-corruption", Built::good(), PASS);
        check("no-corruption", Built::default(), UNKNOWN);
        check("no-corruption", Built::good().outcome(3, Outcome::WrongBody), FAIL);
        check("no-corruption", Built::good().executed("blue", 3).executed("web", 3), PASS);
        check("no-corruption", Built::good().executed("blue", 3).executed("green", 3), FAIL);
        check("no-corruption", Built::good().executed("blue", 3).executed("blue", 3), FAIL);
    }
}
