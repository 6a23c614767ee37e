//! What the parts of one case say against each other: each of them is sound, and together they would show nothing.

use std::collections::BTreeSet;

use facts::plan::{Action, Begins, Behaviour, Expectation, Population, Step, Target};

use crate::{
    codes,
    mistake::{At, Mistake, Mistakes},
    reading::Reading,
    shape::{self, File, Word},
    text,
};

/// A planted loss must have something that refutes it, and nothing that excuses it.
pub(crate) fn check_must(
    must: Option<&Word>,
    expectations: &[Expectation],
    is_known: bool,
    reading: &Reading,
    mistakes: &mut Mistakes,
) {
    let Some(must) = must else { return };
    if expectations.iter().all(|expectation| expectation.place.is_none()) {
        let message = "`must = \"fail\"`, and no line of `expect` is there to be refuted";
        let mistake = Mistake::new(codes::CONTRADICTION, &reading.at(must), message);
        mistakes.add(mistake.help("such as `expect.finally = ['lost == 0']`"));
    }
    if is_known {
        let message = "a planted loss cannot be a known failure of the same server, too";
        mistakes.add(Mistake::new(codes::CONTRADICTION, &reading.at(must), message));
    }
}

/// A run that cannot end before its deadline is always cut off.
pub(crate) fn check_deadline(
    file: &File,
    steps: &[Step],
    deadline_ms: u64,
    reading: &Reading,
    mistakes: &mut Mistakes,
) {
    let least = least_ms(steps);
    if least < deadline_ms {
        return;
    }
    let message =
        format!("the steps alone take {least} ms, and the run is ended by force after {deadline_ms} ms");
    let at = match (&file.deadline, file.step.first()) {
        (Some(deadline), _) => reading.at(deadline),
        (None, Some(first)) => reading.head(first),
        (None, None) => reading.at(&file.schema),
    };
    let seconds = (2 * least).div_ceil(1_000);
    mistakes.add(
        Mistake::new(codes::OUT_OF_RANGE, &at, message).help(format!("such as `deadline = \"{seconds}s\"`")),
    );
}

/// The least that the steps take, when nothing fails and every wait is over at once.
fn least_ms(steps: &[Step]) -> u64 {
    let after = |elapsed: u64, step: &Step| {
        let begun = match step.begins {
            Begins::At { ms } => elapsed.max(ms),
            Begins::After { ms } => elapsed + ms,
            Begins::AtOnce => elapsed,
        };
        begun
            + match &step.action {
                Action::Sleep { ms } => *ms,
                Action::Analysis(analysis) => analysis.every_ms * u64::from(analysis.count),
                _ => 0,
            }
    };
    steps.iter().filter(|step| step.rescues.is_none()).fold(0, after)
}

/// An origin that no target passes requests to answers none, and `share` of it is 0 whatever happens.
pub(crate) fn check_origins(file: &File, targets: &[Target], reading: &Reading, mistakes: &mut Mistakes) {
    if targets.iter().any(spreads) {
        return;
    }
    for origin in file.origin.keys() {
        let message = format!("no target passes requests on to `{}`", origin.get_ref());
        let mistake = Mistake::new(codes::CONTRADICTION, &reading.at(origin), message);
        mistakes
            .add(mistake.help("a target does with a configuration that has members: `config = \"proxy\"`"));
    }
}

/// Ordinary clients share one thread: each of their rates may be within reason, and all together not.
pub(crate) fn check_ordinary(
    file: &File,
    populations: &[Population],
    reading: &Reading,
    mistakes: &mut Mistakes,
) {
    let mut ordinary = populations.iter().filter(|p| p.behaviour == Behaviour::Reqwest);
    let rates: Vec<f64> = ordinary.clone().filter_map(|p| p.pace.highest_rate()).collect();
    let sum: f64 = rates.iter().sum();
    let is_told = rates.iter().any(|rate| *rate > Behaviour::FASTEST_ORDINARY);
    let last =
        ordinary.next_back().and_then(|last| file.load.iter().find(|(name, _)| *name.get_ref() == last.name));
    if let Some((_, table)) = last.filter(|_| !is_told && sum > Behaviour::FASTEST_ORDINARY) {
        let message = format!("{sum} is more than `reqwest` keeps up with, all its populations together");
        let mistake = Mistake::new(codes::OUT_OF_RANGE, &reading.head(table), message);
        mistakes.add(mistake.help("at most 500 requests per second"));
    }
}

/// Weights are of a target that has members, name every origin, and leave one to answer.
pub(crate) fn check_weights(
    table: &shape::Target,
    target: &Target,
    origins: &[String],
    head: &At,
    reading: &Reading,
    mistakes: &mut Mistakes,
) {
    let contradiction = |at: &At, message: &str| Mistake::new(codes::CONTRADICTION, at, message);
    let first = table.weights.keys().min_by_key(|origin| origin.span().start);
    match (spreads(target), first) {
        (true, None) => {
            let at = table.config.as_ref().or(table.kind.as_ref()).map(|word| reading.at(word));
            let message = "this configuration spreads requests over origins, but `weights` names none";
            let mistake = contradiction(at.as_ref().unwrap_or(head), message);
            mistakes.add(mistake.help("such as `weights = { a = 100, b = 0 }`"));
        }
        (true, Some(first)) => {
            let named: BTreeSet<&str> =
                table.weights.keys().map(|origin| origin.get_ref().as_str()).collect();
            for other in origins.iter().filter(|origin| !named.contains(origin.as_str())) {
                let message = format!("`weights` does not name the origin `{other}`");
                mistakes.add(contradiction(&reading.at(first), &message).help(format!("add `{other} = 0`")));
            }
            if !target.weights.is_empty() && target.weights.values().all(|weight| *weight == 0) {
                mistakes.add(contradiction(&reading.at(first), "all weights are 0: nobody would answer"));
            }
        }
        (false, Some(first)) => mistakes.add(no_members(&reading.at(first), target)),
        (false, None) => {}
    }
}

/// Weights for a target whose configuration names no member.
pub(crate) fn no_members(at: &At, target: &Target) -> Mistake {
    let message = format!("the configuration of `{}` spreads requests over no origins", target.name);
    Mistake::new(codes::CONTRADICTION, at, message)
        .help("choose one that does, such as `config = \"proxy\"`; weights have no effect on this one")
}

/// Whether a target passes requests on to origins.
pub(crate) fn spreads(target: &Target) -> bool {
    let lists = |name: &str| name == "members" || target.lists.contains_key(name);
    target.files.iter().any(|(_, template)| text::placeholders(template).iter().any(|(name, _)| lists(name)))
}
