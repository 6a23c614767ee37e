//! What an action does beyond what its one line in the log says.

use facts::{
    Plan,
    plan::{Action, Lasts, Members, Selector, Which},
};

/// The action with everything that was decided about it.
pub(super) fn said(action: &Action, text: &str) -> String {
    match action {
        Action::WaitUntil { condition } => format!("{text} ({})", span(condition.within_ms)),
        Action::Weight { weights, .. } => whole(text, &pairs(weights.iter())),
        Action::Configure { options, .. } => whole(text, &pairs(options.iter())),
        Action::Exec { command, .. } => {
            let upgrades = if command.upgrades { ", begins an upgrade" } else { "" };
            match command.lasts {
                Lasts::Stays => format!("{text} (left running{upgrades})"),
                Lasts::Ends { status, within_ms } => {
                    format!("{text} (exits {status} within {}{upgrades})", span(within_ms))
                }
            }
        }
        Action::Analysis(analysis) if analysis.failure_limit > 0 => {
            format!("{text} (at most {} failures)", analysis.failure_limit)
        }
        _ => text.to_owned(),
    }
}

/// The whole set that holds from then on, where the text does not say it already.
fn whole(text: &str, set: &str) -> String {
    if text.ends_with(set) { text.to_owned() } else { format!("{text}, that is {set}") }
}

fn pairs<V: std::fmt::Display>(pairs: impl Iterator<Item = (impl std::fmt::Display, V)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

/// A selector as a scenario spells it.
pub(super) fn selector(plan: &Plan, selector: &Selector) -> String {
    let target = plan.targets.get(selector.target).map_or("?", |target| target.name.as_str());
    let generation = match selector.generation {
        Which::Old => ".old",
        Which::New => ".new",
        Which::Current => ".current",
        Which::Any => ".any",
    };
    let members = match selector.members {
        Members::Master => ".master".to_owned(),
        Members::Worker(n) => format!(".worker[{n}]"),
        Members::AnyWorker => ".worker[?]".to_owned(),
        Members::Workers => ".workers".to_owned(),
        Members::All => ".*".to_owned(),
    };
    format!("{target}{generation}{members}")
}

/// Milliseconds as one would write them.
pub(super) fn span(ms: u64) -> String {
    if ms > 0 && ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{ms}ms") }
}
