//! Whether the scenario happened at all: a verdict on an upgrade that was never done would be about nothing.

use facts::{Event, Verdict};

use crate::Index;

/// Every step of the plan was done.
pub(crate) fn steps(index: &Index) -> Verdict {
    let events = || index.history.events.iter().map(|line| &line.event);
    let failed: Vec<String> = events()
        .filter_map(|event| match event {
            Event::StepFailed { step, why } => {
                Some(format!("step {} ({}): {why}", step + 1, text(index, *step)))
            }
            _ => None,
        })
        .collect();
    if !failed.is_empty() {
        return Verdict::Fail { lines: failed };
    }
    let done = |step: usize| events().any(|event| matches!(event, Event::StepDone { step: s } if *s == step));
    match (0..index.plan.steps.len()).find(|step| !done(*step)) {
        Some(step) => Verdict::unknown(format!("step {} ({}) was never done", step + 1, text(index, step))),
        None => Verdict::pass(format!("{} steps were done", index.plan.steps.len())),
    }
}

/// The step as a log says it, with its place in the scenario.
fn text(index: &Index, step: usize) -> String {
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
}
