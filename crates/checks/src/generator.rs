//! Whether the generator did its own part. What it did not do is never blamed on the server.

use std::collections::BTreeMap;

use facts::{Blame, Event, Outcome, Verdict};

use crate::{Index, timing::kept_up};

/// Everything that was planned was sent, and the end of every attempt was seen. A generator that was late makes
/// expectations about time unknown where they stand, and is only noted here: a loss is a loss at any pace.
pub(crate) fn generator(index: &Index) -> Verdict {
    if !index.history.events.iter().any(|line| matches!(line.event, Event::LoadStopped { .. })) {
        return Verdict::unknown("the load never stopped by itself");
    }
    if index.attempts.is_empty() {
        return Verdict::unknown("nothing was sent");
    }
    let unseen = unseen(index);
    let unsent = reported_unsent(index);
    match (unseen.is_empty(), unsent) {
        (true, 0) => Verdict::pass(lateness(index)),
        (true, unsent) => Verdict::unknown(format!("{unsent} requests were planned and not sent")),
        (false, _) => {
            Verdict::unknown(format!("the end of some attempts was not seen: {}", unseen.join(", ")))
        }
    }
}

/// What the generator did not do or see, by class and phase: of every other phase the verdicts stand.
fn unseen(index: &Index) -> Vec<String> {
    let mut counts: BTreeMap<(&str, u8), u64> = BTreeMap::new();
    for attempt in index.attempts.iter().filter(|a| a.blame() == Blame::Generator) {
        *counts.entry((attempt.outcome.name(), attempt.record.phase_intended)).or_default() += 1;
    }
    let told = |((class, phase), count)| format!("{count} {class} in {}", index.phase_name(phase));
    counts.into_iter().map(told).collect()
}

fn reported_unsent(index: &Index) -> u64 {
    let unsent = |line: &facts::Stamped| match line.event {
        Event::LoadStopped { unsent, .. } => unsent,
        _ => 0,
    };
    let written = index.attempts.iter().filter(|a| a.outcome == Outcome::Unsent).count() as u64;
    index.history.events.iter().map(unsent).sum::<u64>().max(written)
}

fn lateness(index: &Index) -> String {
    let late = (0..index.plan.phases.len()).filter_map(|phase| kept_up(index, phase as u8).err());
    let late: Vec<String> = late.collect();
    if late.is_empty() { "everything planned was sent in time".into() } else { late.join("; ") }
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        expression::{Function, Operator, Value},
    };

    use crate::built::{Built, PASS, UNKNOWN, check, in_phase};

    #[test]
    fn what_the_generator_did_not_do_is_unknown() {
        check("generator", Built::good(), PASS);
        check("generator", Built::default(), UNKNOWN);
        check("generator", Built::good().outcome(5, Outcome::GeneratorFault), UNKNOWN);
        check("generator", Built::good().outcome(5, Outcome::StillOpen), UNKNOWN);
        check("generator", Built::good().without(|e| matches!(e, Event::LoadStopped { .. })), UNKNOWN);
        let mut unsent = Built::good();
        unsent.amend(|event| {
            if let Event::LoadStopped { planned, unsent, .. } = event {
                (*planned, *unsent) = (*planned + 2, 2);
            }
        });
        check("generator", unsent, UNKNOWN);
    }

    #[test]
    fn what_was_not_done_is_told_by_phase() {
        let built = Built::good().outcome(5, Outcome::Unsent).outcome(150, Outcome::Unsent);
        let built = built.outcome(151, Outcome::Unsent);
        let verdict = super::generator(&crate::Index::new(&built.plan, &built.history));
        let told = "the end of some attempts was not seen: 1 unsent in steady, 2 unsent in upgrade";
        assert_eq!(verdict, facts::Verdict::unknown(told));
    }

    #[test]
    fn lateness_voids_what_it_may_have_made_of_times_and_nothing_else() {
        let late = || Built::good().lag(1, 30_000_000, 40_000_000);
        check("generator", late(), PASS);
        let second = Value::Duration(1e9);
        late().holds(Function::Lost, &in_phase(1), Operator::Equal, Value::Number(0.0), PASS);
        // Lateness makes times longer and never shorter.
        late().holds(Function::Percentile(500), &in_phase(1), Operator::Less, second, PASS);
        late().holds(Function::Percentile(500), &in_phase(1), Operator::Greater, second, UNKNOWN);
        late().holds(Function::Percentile(500), &in_phase(1), Operator::Less, Value::Duration(1.0), UNKNOWN);
        late().holds(Function::Percentile(500), &in_phase(0), Operator::Less, second, PASS);
    }
}
