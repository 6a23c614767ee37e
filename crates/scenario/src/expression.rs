//! The expression language: `lost(upgrade..settled) == 0 && p99(drain) < 250ms`. Parsed and type-checked when the
//! scenario is loaded, so that a run never ends in a typing error.

mod decided;
mod functions;
mod lexer;
mod parser;

use std::ops::Range;

use facts::Expression;

use crate::{mistake::Mistake, scope::Scope, text::Text};

pub use functions::function_names;

/// When an expression is answered, which decides what it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// While the run goes on: only what is seen of the processes.
    Live,
    /// While the run goes on, of the requests since the last time.
    Measured,
    /// After the run: also what the ledger says.
    Finally,
}

/// The typed expression behind `text`, which must be a yes or no.
pub(crate) fn parse(text: &Text, scope: &Scope, asked: Asked) -> Result<Expression, Mistake> {
    parser::parse(text, scope, asked)
}

/// `condition within 500ms`: the typed condition, its bytes, and the nanoseconds.
pub(crate) fn bounded(text: &Text, scope: &Scope) -> Result<(Expression, Range<usize>, f64), Mistake> {
    parser::bounded(text, scope)
}

#[cfg(test)]
mod tests;
