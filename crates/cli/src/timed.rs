//! Whether a case measures time. Such a case must have the machine to itself: what another one does beside it would
//! be in its figures.

use facts::{
    Expression, Plan,
    expression::Function,
    plan::{Action, Claim},
};

/// True when something is asked of a plan whose answer depends on how busy the machine is.
pub(crate) fn measures_time(plan: &Plan) -> bool {
    let expected = plan.expectations.iter().any(|expectation| match &expectation.claim {
        Claim::Holds(expression) => asks_for_time(expression),
        // For so long it may be untrue, and no longer.
        Claim::Always(condition) => condition.within_ms > 0 || asks_for_time(&condition.holds),
        Claim::Reached(condition) => asks_for_time(&condition.holds),
        Claim::Check(_) => false,
    });
    let analysed = plan.steps.iter().any(|step| match &step.action {
        Action::Analysis(analysis) => asks_for_time(&analysis.success),
        _ => false,
    });
    expected || analysed
}

fn asks_for_time(expression: &Expression) -> bool {
    match expression {
        Expression::Literal(_) => false,
        Expression::Not(inner) => asks_for_time(inner),
        Expression::Binary { left, right, .. } => asks_for_time(left) || asks_for_time(right),
        Expression::Call { function, .. } => {
            use Function::{
                FirstNew, FirstStart, LastEnd, LastOld, LastStart, LongestGap, Max, Percentile, Took,
            };
            matches!(
                function,
                Percentile(_)
                    | Max
                    | LongestGap
                    | Took
                    | FirstStart
                    | LastStart
                    | LastEnd
                    | FirstNew(_)
                    | LastOld(_)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        Expression, Plan,
        expression::{Function, Operator, Value},
        plan::{Claim, Condition, Expectation},
    };

    use super::measures_time;

    /// `!(1 > function())`
    fn asking(function: Function) -> Expression {
        let left = Box::new(Expression::Literal(Value::Number(1.0)));
        let right = Box::new(Expression::Call { function, arguments: vec![] });
        Expression::Not(Box::new(Expression::Binary { operator: Operator::Greater, left, right }))
    }

    fn check(claim: Claim, expected: bool) {
        let expectation = Expectation { place: None, text: String::new(), claim };
        let plan = Plan { expectations: vec![expectation], ..Plan::default() };
        assert_eq!(measures_time(&plan), expected, "{plan:?}");
    }

    #[test]
    fn times_are_measured_and_counts_are_not() {
        for function in [
            Function::Percentile(990),
            Function::Max,
            Function::LongestGap,
            Function::Took,
            Function::LastEnd,
        ] {
            check(Claim::Holds(asking(function)), true);
        }
        check(Claim::Holds(asking(Function::Lost)), false);
        check(Claim::Check("sealed".into()), false);
    }

    #[test]
    fn what_may_be_untrue_for_a_while_is_timed() {
        let always = |within_ms| {
            let holds = asking(Function::Accepting);
            Claim::Always(Condition { holds, within_ms, text: String::new() })
        };
        check(always(500), true);
        check(always(0), false);
    }
}
