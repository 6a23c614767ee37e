//! Whether the scenario happened at all: a verdict on an upgrade that was never done would be about nothing.

use facts::{Event, Verdict};

use crate::Index;

/// Every step of the plan was done.
pub(crate) fn steps(index: &Index) -> Verdict {
    let events = || index.history.events.iter().map(|line| &line.event);
    let failed: Vec<String> = events()
        .filter_map(|event| match event {
            Event::StepFailed { step, why } if !may_fail(index, *step) => {
                Some(format!("step {}: {why}", text(index, *step)))
            }
            _ => None,
        })
        .collect();
    if !failed.is_empty() {
        return Verdict::Fail { lines: failed };
    }
    let done = |step: usize| events().any(|event| is_end_of(event, step));
    match (0..index.plan.steps.len()).find(|step| !done(*step)) {
        Some(step) => {
            let begun = events().any(|event| matches!(event, Event::StepBegan { step: s, .. } if *s == step));
            let what = if begun { "was begun and not ended" } else { "was never begun" };
            Verdict::unknown(format!("step {} {what}", text(index, step)))
        }
        None => Verdict::pass(format!("{} steps were done", index.plan.steps.len())),
    }
}

/// Whether the scenario says that this one need not succeed.
pub(crate) fn may_fail(index: &Index, step: usize) -> bool {
    index.plan.steps.get(step).is_some_and(|step| step.may_fail)
}

/// Done, or left out for a reason that the plan gives; a failure is told apart before.
pub(crate) fn is_end_of(event: &Event, step: usize) -> bool {
    match event {
        Event::StepDone { step: s }
        | Event::StepFailed { step: s, .. }
        | Event::StepSkipped { step: s, .. } => *s == step,
        _ => false,
    }
}

/// Whether all of these steps were done; `None` while the log does not tell.
pub(crate) fn done(index: &Index, (first, last): (usize, usize)) -> Option<bool> {
    let was_done = |step: usize| {
        let of_step = |line: &facts::Stamped| {
            is_end_of(&line.event, step).then_some(matches!(line.event, Event::StepDone { .. }))
        };
        // After a failure the rest is not even begun.
        index.history.events.iter().find_map(of_step).or(index.history.is_sealed().then_some(false))
    };
    (first..=last).map(was_done).try_fold(true, |all, one| Some(all && one?))
}

/// The step as a log says it, with its place in the scenario: its number is known to nobody who wrote a verb.
pub(crate) fn text(index: &Index, step: usize) -> String {
    let Some(step) = index.plan.steps.get(step) else { return "?".into() };
    format!("`{}`, {}:{}:{}", step.text, step.place.file, step.place.line, step.place.column)
}

#[cfg(test)]
mod tests {
    use facts::Event;

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    #[test]
    fn a_step_that_failed_is_red_and_one_that_was_never_done_is_unknown() {
        check("steps", Built::good(), PASS);
        check("steps", Built::good().without(|e| matches!(e, Event::StepDone { step: 1 })), UNKNOWN);
        let failed = Event::StepFailed { step: 1, why: "no such process".into() };
        check("steps", Built::good().inserted(1500, failed), FAIL);
    }

    #[test]
    fn a_step_that_may_fail_or_was_not_its_turn_is_no_failure() {
        let without = || Built::good().without(|e| matches!(e, Event::StepDone { step: 1 }));
        let mut may_fail = without().inserted(1500, Event::StepFailed { step: 1, why: "as expected".into() });
        may_fail.plan.steps[1].may_fail = true;
        assert_eq!(super::done(&crate::Index::new(&may_fail.plan, &may_fail.history), (0, 1)), Some(false));
        check("steps", may_fail, PASS);
        check(
            "steps",
            without().inserted(1500, Event::StepSkipped { step: 1, why: "it passed".into() }),
            PASS,
        );
    }
}
