//! Gives checked directives their meaning, one level of nesting per module.

mod access_log;
mod http;
mod listen;
mod location;
mod main;
mod map;
mod server;
mod settings;
mod split_clients;
mod upstream;
mod zone;

pub(crate) use main::main;

use std::ops::Range;

use crate::problems::{Problems, Wrong};
use crate::tree::Directive;

/// Sets `place` to the value of the directive's first argument, or reports why not.
fn set<T>(
    place: &mut T,
    directive: &Directive,
    problems: &mut Problems,
    read: impl Fn(&str) -> Result<T, Wrong>,
) {
    if let Some(value) = problems.note(&argument_span(directive, 0), read(directive.argument(0))) {
        *place = value;
    }
}

/// Where an argument stands; the whole directive if there is none.
fn argument_span(directive: &Directive, index: usize) -> Range<usize> {
    directive.arguments.get(index).map_or_else(|| directive.span(), |word| word.span.clone())
}

/// The inside of a block; the rules have seen to it that there is one.
fn inside(directive: &Directive) -> &[Directive] {
    directive.block.as_deref().unwrap_or_default()
}
