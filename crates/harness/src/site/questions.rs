//! What an expression asks, and of whom.

use facts::{
    Expression,
    expression::{Argument, Function, Source},
};

/// Every question of an expression with its answer now: `workers = 2, accepting = 1`.
pub(crate) fn values(expression: &Expression, source: &impl Source) -> String {
    let mut calls = Vec::new();
    collect_calls(expression, &mut calls);
    let said = calls.into_iter().map(|(function, arguments)| {
        let value =
            source.call(function, arguments).map_or_else(|why| format!("unknown: {why}"), |v| v.to_string());
        format!("{} = {value}", format!("{function:?}").to_lowercase())
    });
    said.collect::<Vec<_>>().join(", ")
}

fn collect_calls<'e>(expression: &'e Expression, found: &mut Vec<(Function, &'e [Argument])>) {
    match expression {
        Expression::Literal(_) => {}
        Expression::Not(inner) => collect_calls(inner, found),
        Expression::Binary { left, right, .. } => {
            collect_calls(left, found);
            collect_calls(right, found);
        }
        Expression::Call { function, arguments } => found.push((*function, arguments)),
    }
}

/// The targets that must be asked over a connection before this can be told.
pub(crate) fn asks(expression: &Expression) -> Vec<usize> {
    let mut calls = Vec::new();
    collect_calls(expression, &mut calls);
    let asking = calls.into_iter().filter(|(function, _)| {
        matches!(function, Function::Ready | Function::Answers | Function::Accepting)
    });
    let mut targets: Vec<usize> =
        asking.flat_map(|(_, arguments)| arguments.iter().filter_map(target)).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}

fn target(argument: &Argument) -> Option<usize> {
    match argument {
        Argument::Processes(selector) => Some(selector.target),
        Argument::Target(target) => Some(*target),
        _ => None,
    }
}
