//! Phases: the named stretches that the steps cut a run into.

use crate::{
    codes,
    mistake::{Mistake, Mistakes},
    reading::{self, Reading},
    scope::Scope,
    shape::{self, Word},
    spanned::Spanned,
};

/// The phase that a run begins with when its first step names none.
const FIRST_PHASE: &str = "steady";

/// The phases that the steps name, in order.
pub(crate) fn phases(
    steps: &[Spanned<shape::Step>],
    reading: &Reading,
    mistakes: &mut Mistakes,
) -> Vec<String> {
    let mut phases: Vec<String> = Vec::new();
    if steps.first().is_none_or(|first| first.get_ref().phase.is_none()) {
        phases.push(FIRST_PHASE.to_owned());
    }
    let with_rescue = |step: &'_ Spanned<shape::Step>| -> Vec<Word> {
        let rescue = step.get_ref().analysis.iter().flat_map(|analysis| &analysis.get_ref().on_fail);
        let of_rescue = rescue.filter_map(|step| step.get_ref().phase.clone());
        step.get_ref().phase.iter().cloned().chain(of_rescue).collect()
    };
    for word in &steps.iter().flat_map(with_rescue).collect::<Vec<_>>() {
        if let Some(name) = mistakes.keep(phase(word, &phases, reading)) {
            phases.push(name);
        }
    }
    phases
}

fn phase(word: &Word, before: &[String], reading: &Reading) -> Result<String, Mistake> {
    let text = reading.text(word)?;
    let name = reading::name(&text)?;
    if before.contains(&name) {
        return Err(Mistake::new(codes::BAD_NAME, text.at(), format!("phase `{name}` begins twice"))
            .help("give the second stretch a name of its own; `a..b` asks about both"));
    }
    if before.len() > usize::from(u8::MAX) {
        return Err(Mistake::new(codes::OUT_OF_RANGE, text.at(), "more than 256 phases"));
    }
    Ok(name)
}

/// The number of the phase that a word names.
pub(crate) fn index(word: &Word, reading: &Reading, scope: &Scope) -> Option<u8> {
    let text = reading.text(word).ok()?;
    scope.phase(text.as_str(), text.at()).ok()
}
