//! The expression language: `lost(upgrade..settled) == 0 && p99(drain) < 250ms`. Parsed and type-checked when the
//! scenario is loaded, so that a run never ends in a typing error.

mod functions;
mod lexer;
mod parser;

use facts::Expression;

use crate::{mistake::Mistake, scope::Scope, text::Text};

pub use functions::function_names;

/// When an expression is answered, which decides what it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// While the run goes on: only what is seen of the processes.
    Live,
    /// After the run: also what the ledger says.
    Finally,
}

/// The typed expression behind `text`, which must be a yes or no.
pub(crate) fn parse(text: &Text, scope: &Scope, asked: Asked) -> Result<Expression, Mistake> {
    parser::parse(text, scope, asked)
}

#[cfg(test)]
mod tests;
