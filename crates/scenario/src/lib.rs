//! Scenarios: from a TOML file to plans in which nothing is left to choose. Pure: files come through a loader
//! argument, nothing is started, and every mistake is a [`Diagnostic`] that points at the word.
//!
//! Two passes. The shape first (`shape`): TOML and its keys, which ends at its first mistake, because what follows
//! cannot be trusted. Then every cell of the matrix (`cell`): all mistakes at once.

mod action;
mod advice;
mod behaviour;
mod cell;
mod codes;
mod duration;
mod expectations;
mod expression;
mod folder;
mod include;
mod known_failure;
mod manual;
mod matrix;
mod mistake;
mod network;
mod pace;
mod phase;
mod population;
mod reaction;
mod reading;
mod requirement;
mod schema;
mod scope;
mod selector;
mod sense;
mod shape;
mod spanned;
mod target;
mod text;
mod timeline;
mod told;

use std::rc::Rc;

use diagnostic::Diagnostic;
use facts::Plan;

use crate::{
    cell::Cell,
    mistake::{Mistakes, Source},
    reading::Reading,
    shape::File,
};

pub use advice::{WARNINGS, advise};
pub use codes::CODES;
pub use diagnostic::Code;
pub use duration::duration_nanos;
pub use expectations::DEFAULT_CHECKS;
pub use expression::function_names;
pub use mistake::MOST_MISTAKES;
pub use schema::schema;
pub use shape::KEYS as ACTIONS;
pub use told::explain;

/// The version of the language that this crate reads: `schema = 1`.
pub const SCHEMA: i64 = 1;

/// The plans of the scenario `text`, one per cell of its matrix, or everything that is wrong with it.
///
/// `file_name` is how the user named the file; `loader` reads the files of target folders by their path below the
/// scenario folder, such as `targets/nginx/target.toml`. A diagnostic about one of those carries that path: see
/// [`render`].
pub fn load(
    file_name: &str,
    text: &str,
    loader: &impl Fn(&str) -> Result<String, String>,
) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let mut mistakes = Mistakes::default();
    let source = Rc::new(Source::new(file_name, text));
    let plans = cells(&source, loader, &mut mistakes);
    if mistakes.is_empty() { Ok(plans) } else { Err(mistakes.into_sorted(file_name)) }
}

/// Diagnostics as blocks for a terminal, each with the source line of its own file.
pub fn render(
    diagnostics: &[Diagnostic],
    file_name: &str,
    text: &str,
    loader: &impl Fn(&str) -> Result<String, String>,
) -> String {
    let block = |diagnostic: &Diagnostic| match loader(&diagnostic.file) {
        Ok(other) if diagnostic.file != file_name => diagnostic.render(&other),
        _ => diagnostic.render(text),
    };
    diagnostics.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

fn cells(
    source: &Rc<Source>,
    loader: &impl Fn(&str) -> Result<String, String>,
    mistakes: &mut Mistakes,
) -> Vec<Plan> {
    let Some((file, source)) = include::read(source, loader, mistakes) else { return Vec::new() };
    let plain = Reading { source, values: Vec::new() };
    if mistakes.keep(version(&file, &plain)).is_none() {
        return Vec::new();
    }
    if mistakes.keep(whole(&file, &plain)).is_none() {
        return Vec::new();
    }
    let mut plans = Vec::new();
    for values in matrix::cells(&file, &plain, mistakes) {
        let id = matrix::id(&plain.source.name, &values);
        let cell = Cell { file: &file, reading: Reading { values, ..plain.clone() }, loader, id };
        plans.extend(cell.plan(mistakes));
    }
    matrix::check_kinds(&file, &plain, &plans, mistakes);
    plans
}

/// What may come from an included file, but must come from somewhere.
fn whole(file: &File, reading: &Reading) -> Result<(), mistake::Mistake> {
    let missing = match () {
        () if file.target.is_empty() => ("target", "such as `target.web = { kind = \"nginx\" }`"),
        () if file.step.is_empty() => ("step", "such as `step = [{ phase = \"steady\", sleep = \"2s\" }]`"),
        () if file.load.is_empty() => (
            "load",
            "such as `load.users = { to = \"web\", kind = \"short\", rate = 500 }`: without clients nothing is shown",
        ),
        () => return Ok(()),
    };
    let at = reading.at(&file.schema);
    Err(mistake::Mistake::new(codes::MISSING_KEY, &at, format!("`{}` is missing or empty", missing.0))
        .help(missing.1))
}

fn version(file: &File, reading: &Reading) -> Result<(), mistake::Mistake> {
    match *file.schema.get_ref() {
        SCHEMA => Ok(()),
        other => Err(mistake::Mistake::new(
            codes::WRONG_SCHEMA,
            &reading.at(&file.schema),
            format!("schema {other} is not known to this version"),
        )
        .help(format!("this version reads `schema = {SCHEMA}`"))),
    }
}
