//! Whether every attempt was answered, but for those the scenario itself speaks of. A scenario that never asks about
//! loss allows none; one that asks is judged by what it asks.

use facts::{
    Blame, Expression, Outcome, Verdict,
    expression::{Argument, Function},
    plan::Claim,
};

use crate::{Index, attempt::Attempt, index::Scope, story::story};

/// So many lives are told as evidence.
const TOLD: usize = 5;

/// Every attempt that got no answer is one that some expectation of the scenario counts: `lost == 0` or
/// `lost(drain) < 5` speak of it, `ok > 100` does not.
pub(crate) fn every_attempt_ok(index: &Index) -> Verdict {
    if index.attempts.is_empty() {
        return Verdict::unknown("there is no record");
    }
    let spoken = spoken_of(index);
    let is_spoken_of =
        |a: &Attempt| spoken.iter().any(|(function, scope)| counts(index, *function, *scope, a));
    let unanswered = index.attempts.iter().filter(|a| matches!(a.blame(), Blame::Lost | Blame::Retriable));
    let unspoken: Vec<&Attempt> = unanswered.filter(|a| !is_spoken_of(a)).collect();
    if unspoken.is_empty() {
        return Verdict::pass("no attempt went unanswered but those the scenario counts itself");
    }
    let retriable = unspoken.iter().filter(|a| a.blame() == Blame::Retriable).count();
    let lost = unspoken.len() - retriable;
    let count = format!("{lost} lost and {retriable} retriable, which nothing in the scenario counts");
    let told = unspoken.iter().take(TOLD).map(|attempt| story(index, attempt).to_string());
    Verdict::Fail { lines: [count].into_iter().chain(told).collect() }
}

/// Every function that the scenario's own expectations ask, and of what.
fn spoken_of(index: &Index) -> Vec<(Function, Scope)> {
    let mut found = Vec::new();
    for expectation in &index.plan.expectations {
        if let Claim::Holds(expression) = &expectation.claim {
            calls(expression, &mut |function, arguments| found.push((function, Scope::of(arguments))));
        }
    }
    found
}

fn calls(expression: &Expression, found: &mut impl FnMut(Function, &[Argument])) {
    match expression {
        Expression::Literal(_) => {}
        Expression::Call { function, arguments } => found(*function, arguments),
        Expression::Not(inner) => calls(inner, found),
        Expression::Binary { left, right, .. } => {
            calls(left, found);
            calls(right, found);
        }
    }
}

/// True when the worth of a function depends on this attempt, which was not answered.
fn counts(index: &Index, function: Function, scope: Scope, attempt: &Attempt) -> bool {
    let from = scope.phases.map_or(0, |(first, _)| first);
    let scope = match function {
        Function::Lost if attempt.blame() == Blame::Lost => scope,
        Function::Retriable if attempt.blame() == Blame::Retriable => scope,
        Function::Class(class) if class == attempt.outcome || is_seen_as(attempt, class) => scope,
        // These are about what follows a phase, too.
        Function::IdleLost | Function::StrayLost => Scope { phases: Some((from, u8::MAX)), ..scope },
        _ => return false,
    };
    index.includes(scope, attempt)
}

/// A class that the journal has refined is still the one the scenario wrote down.
fn is_seen_as(attempt: &Attempt, class: Outcome) -> bool {
    attempt.record.outcome() == class
}

#[cfg(test)]
mod tests {
    use facts::{
        Outcome,
        expression::{Argument, Function},
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check, in_phase};

    const CHECK: &str = "every-attempt-ok";

    fn lossy(outcome: Outcome) -> Built {
        Built::good().outcome(120, outcome)
    }

    #[test]
    fn a_loss_that_the_scenario_never_asks_about_is_a_failure() {
        check(CHECK, Built::good(), PASS);
        check(CHECK, Built::default(), UNKNOWN);
        for outcome in [Outcome::Refused, Outcome::RetriableClose, Outcome::UnsafeClose] {
            check(CHECK, lossy(outcome), FAIL);
        }
        check(CHECK, lossy(Outcome::Refused).asking(Function::Class(Outcome::CutInBody), &[]), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Ok, &[]), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Retriable, &[]), FAIL);
    }

    #[test]
    fn a_loss_that_the_scenario_counts_is_judged_there() {
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &[]), PASS);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Class(Outcome::Refused), &[]), PASS);
        check(CHECK, lossy(Outcome::RetriableClose).asking(Function::Retriable, &[]), PASS);
        check(CHECK, lossy(Outcome::RetriableClose).asking(Function::StrayLost, &in_phase(0)), PASS);
    }

    #[test]
    fn a_question_about_one_phase_allows_nothing_in_another() {
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &in_phase(1)), PASS);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &in_phase(0)), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::StrayLost, &in_phase(2)), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &[Argument::Population(1)]), FAIL);
    }
}
