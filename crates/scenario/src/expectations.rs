//! `[expect]`: the lines of a file as claims.

use std::collections::BTreeSet;

use facts::plan::{Claim, Condition, Expectation, Reaction, Target};

use crate::{
    codes,
    expression::{self, Asked},
    mistake::{Mistake, Mistakes},
    reading::{self, Reading},
    scope::Scope,
    shape::{Expect, Word},
    text::Text,
};

/// What every server must do in every scenario.
pub const DEFAULT_CHECKS: [&str; 10] = [
    "sealed",
    "generator",
    "identities",
    "steps",
    "covered",
    "every-attempt-ok",
    "at-drain",
    "served-in-every-phase",
    "nothing-left-behind",
    "no-corruption",
];

/// What holds of every scenario with reactions: that they happened.
const REACTIONS: &str = "reactions";

/// The lines of one list, with how they are read.
type List<'a> = (Vec<&'a Word>, fn(&Text, &Scope) -> Result<Claim, Mistake>);

/// The file's own lines, those for the kinds of this case, then what holds of every server and of these targets.
pub(crate) fn expectations(
    expect: &Expect,
    (targets, reactions): (&[Target], &[Reaction]),
    deadline_ms: u64,
    reading: &Reading,
    scope: &Scope,
    mistakes: &mut Mistakes,
) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = Vec::new();
    for (lines, read) in lists(expect, targets) {
        for line in lines {
            if mistakes.is_full() {
                break;
            }
            let Some(text) = mistakes.keep(reading.text(line)) else { continue };
            let Some(claim) = mistakes.keep(read(&text, scope)) else { continue };
            mistakes.keep(check_within(&claim, &text, deadline_ms));
            let place = Some(text.at().place());
            expectations.push(Expectation { place, text: text.as_str().to_owned(), claim });
        }
    }
    let promised = targets.iter().flat_map(|target| target.promises.iter().map(String::as_str));
    let unplaced: BTreeSet<&str> = promised.filter(|name| !DEFAULT_CHECKS.contains(name)).collect();
    let beside = (!reactions.is_empty()).then_some(REACTIONS);
    expectations.extend(DEFAULT_CHECKS.into_iter().chain(beside).chain(unplaced).map(check));
    expectations
}

/// Every list that applies to these targets.
fn lists<'a>(expect: &'a Expect, targets: &[Target]) -> Vec<List<'a>> {
    let on: Vec<_> =
        expect.on.iter().filter(|(kind, _)| targets.iter().any(|t| t.kind == *kind.get_ref())).collect();
    let joined = |own: &'a [Word], on: Vec<&'a [Word]>| own.iter().chain(on.into_iter().flatten()).collect();
    vec![
        (joined(&expect.always, on.iter().map(|(_, on)| on.always.as_slice()).collect()), always),
        (joined(&expect.finally, on.iter().map(|(_, on)| on.finally.as_slice()).collect()), finally),
        (joined(&expect.budget, on.iter().map(|(_, on)| on.budget.as_slice()).collect()), finally),
        (joined(&expect.reached, on.iter().map(|(_, on)| on.reached.as_slice()).collect()), reached),
        (joined(&expect.checks, on.iter().map(|(_, on)| on.checks.as_slice()).collect()), named),
    ]
}

fn always(text: &Text, scope: &Scope) -> Result<Claim, Mistake> {
    let (holds, span, nanos) = expression::bounded(text, scope)?;
    let written = text.as_str()[span].to_owned();
    Ok(Claim::Always(Condition { holds, within_ms: (nanos / 1e6) as u64, text: written }))
}

/// What may last as long as the run may always be so.
fn check_within(claim: &Claim, text: &Text, deadline_ms: u64) -> Result<(), Mistake> {
    match claim {
        Claim::Always(condition) if condition.within_ms >= deadline_ms => {
            let message = format!("`within` is not shorter than the deadline of {deadline_ms} ms");
            Err(Mistake::new(codes::DECIDED, text.at(), message)
                .help("no run lasts long enough to show it false"))
        }
        _ => Ok(()),
    }
}

fn finally(text: &Text, scope: &Scope) -> Result<Claim, Mistake> {
    Ok(Claim::Holds(expression::parse(text, scope, Asked::Finally)?))
}

/// Something about processes must have been true at some instant; something about requests is true or not when
/// all is over.
fn reached(text: &Text, scope: &Scope) -> Result<Claim, Mistake> {
    let holds = expression::parse(text, scope, Asked::Finally)?;
    let live: BTreeSet<bool> = holds.functions().iter().map(|function| function.is_live()).collect();
    match live.len() {
        2 => Err(Mistake::new(
            codes::MIXED_INSTANTS,
            text.at(),
            "this asks about an instant and about the whole run at once",
        )
        .help("make two lines of it")),
        _ if live.contains(&true) => {
            Ok(Claim::Reached(Condition { holds, within_ms: 0, text: text.as_str().to_owned() }))
        }
        _ => Ok(Claim::Holds(holds)),
    }
}

fn named(text: &Text, _: &Scope) -> Result<Claim, Mistake> {
    reading::check_name(text)?;
    Ok(Claim::Check(text.as_str().to_owned()))
}

fn check(name: &str) -> Expectation {
    Expectation { place: None, text: name.to_owned(), claim: Claim::Check(name.to_owned()) }
}
