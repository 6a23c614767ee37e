//! Control runs: the same load and the same phases, and nothing is done to the servers. What such a run finds is a
//! false alarm.

use facts::{
    Expression, Plan,
    expression::{Function, Operator, Value},
    plan::{Action, Claim, Expectation, Step},
};

/// How long a step lasts that would have done something.
const INSTEAD_MS: u64 = 300;

/// What the name of a control has behind that of its case.
const SUFFIX: &str = " (control)";

/// The control of a plan; `None` for a planted loss, which needs no upgrade to lose.
pub(crate) fn control(plan: &Plan) -> Option<Plan> {
    if plan.must_fail {
        return None;
    }
    let mut control = plan.clone();
    control.case.id = format!("{}{SUFFIX}", plan.case.id);
    control.known_failure = None;
    control.steps.iter_mut().for_each(only_wait);
    control.expectations.retain(|expectation| matches!(expectation.claim, Claim::Check(_)));
    let counts = [("lost == 0", Function::Lost), ("retriable == 0", Function::Retriable)];
    control.expectations.extend(counts.map(|(text, function)| none(text, function)));
    Some(control)
}

/// The case whose control this is; `None` when it is a case itself.
pub(crate) fn case_of(id: &str) -> Option<&str> {
    id.strip_suffix(SUFFIX)
}

fn only_wait(step: &mut Step) {
    step.when = None;
    if !matches!(step.action, Action::Sleep { .. }) {
        step.action = Action::Sleep { ms: INSTEAD_MS };
        step.text = format!("sleep {INSTEAD_MS}ms instead of `{}`", step.text);
    }
}

fn none(text: &str, function: Function) -> Expectation {
    let left = Box::new(Expression::Call { function, arguments: Vec::new() });
    let right = Box::new(Expression::Literal(Value::Number(0.0)));
    let holds = Expression::Binary { operator: Operator::Equal, left, right };
    Expectation { place: None, text: text.into(), claim: Claim::Holds(holds) }
}
