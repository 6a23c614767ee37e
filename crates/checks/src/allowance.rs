//! Whether every attempt was answered, but for those the scenario itself speaks of. A scenario that never asks about
//! loss allows none; one that asks is judged by what it asks. A line speaks of a loss only if it could be false because
//! of it: after `lost < 5` four are allowed, after `lost >= 0` or `lost < 1000000` none.

use std::collections::HashSet;

use facts::{
    Blame, Expression, Outcome, Verdict,
    expression::{Argument, Function, Operator},
    plan::{AtDrain, Claim},
};

use crate::{
    Index,
    ask::ask,
    attempt::Attempt,
    cause::Causes,
    index::Scope,
    proof::{self, Shown},
    story::story,
};

/// So many lives are told as evidence.
const TOLD: usize = 5;

/// Every attempt that got no answer is one that some expectation of the scenario counts and bounds: `lost == 0` or
/// `lost(drain) < 5` speak of it, `ok > 100` and `lost > 0` do not.
pub(crate) fn every_attempt_ok(index: &Index) -> Verdict {
    if index.attempts.is_empty() {
        return Verdict::unknown("there is no record");
    }
    let unanswered = |a: &&Attempt| matches!(a.blame(), Blame::Lost | Blame::Retriable);
    let bounds = bounds(index);
    let allowed = |bound: &Bound, attempt: &Attempt| counts(index, bound.function, bound.scope(), attempt);
    let mut speaks = HashSet::new();
    for (number, bound) in bounds.iter().enumerate() {
        let counted = index.attempts.iter().filter(unanswered).filter(|attempt| allowed(bound, attempt));
        let outcomes: HashSet<Outcome> = counted.map(|attempt| bound.as_counted(attempt.outcome)).collect();
        let could = |outcome: &Outcome| could_be_false(index, bound, *outcome);
        speaks.extend(outcomes.into_iter().filter(could).map(|outcome| (number, outcome)));
    }
    let is_spoken_of = |attempt: &Attempt| {
        let mut numbered = bounds.iter().enumerate();
        numbered.any(|(number, bound)| {
            speaks.contains(&(number, bound.as_counted(attempt.outcome))) && allowed(bound, attempt)
        })
    };
    let is_allowed = |a: &&Attempt| is_spoken_of(a) || may_repeat(index, a);
    let unspoken: Vec<&Attempt> =
        index.attempts.iter().filter(unanswered).filter(|a| !is_allowed(a)).collect();
    if unspoken.is_empty() {
        return Verdict::pass("no attempt went unanswered but those the scenario counts itself");
    }
    let retriable = unspoken.iter().filter(|a| a.blame() == Blame::Retriable).count();
    let lost = unspoken.len() - retriable;
    let count = format!("{lost} lost and {retriable} retriable, which nothing in the scenario bounds");
    let told = unspoken.iter().take(TOLD).map(|attempt| story(index, attempt).to_string());
    Verdict::Fail { lines: [count].into_iter().chain(told).collect() }
}

/// A client that may be made to reconnect asks again what it may ask again.
fn may_repeat(index: &Index, attempt: &Attempt) -> bool {
    let population = index.plan.populations.get(usize::from(attempt.record.population));
    let is_repeatable = attempt.blame() == Blame::Retriable && !attempt.is_untold();
    is_repeatable && population.is_some_and(|p| p.at_drain == AtDrain::MayReconnect)
}

/// A function that a line asks, with the part of the line that must be true by itself.
struct Bound<'a> {
    line: &'a Expression,
    function: Function,
    arguments: &'a [Argument],
}

impl Bound<'_> {
    fn scope(&self) -> Scope {
        Scope::of(self.arguments)
    }

    /// What the function takes an outcome for: a class that a journal has refined is still the one that was asked.
    fn as_counted(&self, outcome: Outcome) -> Outcome {
        match self.function {
            Function::Class(class) => class,
            _ => outcome,
        }
    }
}

/// Every function that the scenario's own expectations ask, and in which line.
fn bounds<'a>(index: &Index<'a>) -> Vec<Bound<'a>> {
    let mut found = Vec::new();
    for expectation in &index.plan.expectations {
        if let Claim::Holds(expression) = &expectation.claim {
            for line in conjuncts(expression) {
                calls(line, &mut |function, arguments| found.push(Bound { line, function, arguments }));
            }
        }
    }
    found
}

/// `a && b` are two lines.
fn conjuncts(expression: &Expression) -> Vec<&Expression> {
    match expression {
        Expression::Binary { operator: Operator::And, left, right } => {
            [conjuncts(left), conjuncts(right)].concat()
        }
        other => vec![other],
    }
}

fn calls<'a>(expression: &'a Expression, found: &mut impl FnMut(Function, &'a [Argument])) {
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

/// Whether more losses of this kind would make the line false: if the function counted one more, or every attempt,
/// and if every attempt that it counts really had ended so (`lost + ok == count` is true of any losses).
fn could_be_false(index: &Index, bound: &Bound, outcome: Outcome) -> bool {
    let all = index.attempts.iter().filter(|a| index.includes(reach(bound.function, bound.scope()), a));
    let most = all.count() as f64;
    let more = match ask(index, bound.function, bound.arguments) {
        Shown::Number { high, .. } => (high + 1.0).min(most),
        _ => most,
    };
    let is_bounded = [more, most].into_iter().any(|worth| !holds_if(index, bound, worth));
    // Who is idle loses one request at most: `idle_lost == idle` is a bound.
    is_bounded && (bound.function == Function::IdleLost || !holds_of_the_worst(index, bound, outcome))
}

/// Whether the line is true when the function is worth this.
fn holds_if(index: &Index, bound: &Bound, worth: f64) -> bool {
    let asked = |function, arguments: &[Argument]| match (function, arguments) {
        same if same == (bound.function, bound.arguments) => Shown::between(worth, worth),
        (function, arguments) => ask(index, function, arguments),
    };
    proof::shown(bound.line, &asked) == Shown::Truth(true)
}

/// Whether the line is true when every attempt that the function counts ended so.
fn holds_of_the_worst(index: &Index, bound: &Bound, outcome: Outcome) -> bool {
    let reach = reach(bound.function, bound.scope());
    let worse = |attempt: &Attempt| match index.includes(reach, attempt) {
        true => Attempt { outcome, ..*attempt },
        false => *attempt,
    };
    let attempts = index.attempts.iter().map(worse).collect();
    let worst = Index {
        plan: index.plan,
        history: index.history,
        attempts,
        phases: index.phases.clone(),
        callers: index.callers.clone(),
        causes: Causes::of(index.history),
    };
    let asked = |function, arguments: &[Argument]| ask(&worst, function, arguments);
    proof::shown(bound.line, &asked) == Shown::Truth(true)
}

/// The attempts that a function may count. Some are about what follows a phase, too.
fn reach(function: Function, scope: Scope) -> Scope {
    match function {
        Function::IdleLost | Function::StrayLost => {
            let from = scope.phases.map_or(0, |(first, _)| first);
            Scope { phases: Some((from, u8::MAX)), ..scope }
        }
        _ => scope,
    }
}

/// True when the worth of a function depends on this attempt, which was not answered.
fn counts(index: &Index, function: Function, scope: Scope, attempt: &Attempt) -> bool {
    let is_such = match function {
        Function::Lost => attempt.blame() == Blame::Lost,
        Function::Retriable => attempt.blame() == Blame::Retriable,
        // A class that the journal has refined is still the one the scenario wrote down.
        Function::Class(class) => class == attempt.outcome || class == attempt.record.outcome(),
        Function::IdleLost | Function::StrayLost => true,
        _ => false,
    };
    is_such && index.includes(reach(function, scope), attempt)
}

#[cfg(test)]
mod tests {
    use facts::{
        Expression, Outcome,
        expression::{Argument, Function, Operator, Value},
        plan::{Claim, Expectation},
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
    fn a_client_that_may_reconnect_asks_again_and_nobody_else_does() {
        let reconnecting = |outcome| {
            let mut built = lossy(outcome);
            built.plan.populations[0].at_drain = facts::plan::AtDrain::MayReconnect;
            built
        };
        check(CHECK, reconnecting(Outcome::RetriableClose), PASS);
        check(CHECK, reconnecting(Outcome::UnsafeClose), FAIL);
        check(CHECK, reconnecting(Outcome::WebsocketAbnormal), FAIL);
    }

    #[test]
    fn a_question_about_one_phase_allows_nothing_in_another() {
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &in_phase(1)), PASS);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &in_phase(0)), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::StrayLost, &in_phase(2)), FAIL);
        check(CHECK, lossy(Outcome::Refused).asking(Function::Lost, &[Argument::Population(1)]), FAIL);
    }

    fn call(function: Function) -> Expression {
        Expression::Call { function, arguments: Vec::new() }
    }

    fn number(number: f64) -> Expression {
        Expression::Literal(Value::Number(number))
    }

    fn binary(left: Expression, operator: Operator, right: Expression) -> Expression {
        Expression::Binary { operator, left: left.into(), right: right.into() }
    }

    /// The verdict on a run that lost two requests, of which a line of the scenario speaks.
    fn after(line: Expression, expected: &str) {
        let mut built = lossy(Outcome::Refused).outcome(121, Outcome::Refused);
        let claim = Claim::Holds(line);
        built.plan.expectations.push(Expectation { place: None, text: "it".into(), claim });
        check(CHECK, built, expected);
    }

    #[test]
    fn a_line_that_no_loss_makes_false_allows_none() {
        use Operator::{Add, And, Divide, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Or, Subtract};
        let lost = || call(Function::Lost);
        let none_lost = || binary(lost(), Equal, number(0.0));
        after(binary(lost(), Less, number(5.0)), PASS);
        after(binary(lost(), Equal, number(2.0)), PASS);
        after(binary(binary(lost(), Divide, call(Function::Count)), Less, number(0.01)), PASS);
        after(binary(lost(), Less, number(1_000_000.0)), FAIL);
        after(binary(lost(), GreaterOrEqual, number(0.0)), FAIL);
        after(binary(lost(), Greater, number(0.0)), FAIL);
        after(binary(lost(), LessOrEqual, call(Function::Count)), FAIL);
        after(binary(binary(lost(), Subtract, lost()), Equal, number(0.0)), FAIL);
        after(binary(none_lost(), Or, binary(number(1.0), Equal, number(1.0))), FAIL);
        after(Expression::Not(binary(lost(), Less, number(0.0)).into()), FAIL);
        let every = binary(binary(lost(), Add, call(Function::Ok)), Equal, call(Function::Count));
        after(every.clone(), FAIL);
        let answered = binary(call(Function::Ok), Greater, number(0.0));
        after(binary(every, And, answered.clone()), FAIL);
        after(binary(binary(lost(), Less, number(1_000_000.0)), And, answered), FAIL);
    }
}
