//! How a question reads, so that a value in a report can be found in the scenario.

use facts::{
    Expression,
    expression::{Argument, Function},
    plan::{Members, Which},
};

use crate::{Index, ask::ask, index::Scope};

/// Every call in an expression with its value: `lost(upgrade..settled) = 3`.
pub(crate) fn values(index: &Index, expression: &Expression) -> Vec<String> {
    match expression {
        Expression::Literal(_) => Vec::new(),
        Expression::Call { function, arguments } => {
            vec![format!("{} = {}", call(index, *function, arguments), ask(index, *function, arguments))]
        }
        Expression::Not(inner) => values(index, inner),
        Expression::Binary { left, right, .. } => [values(index, left), values(index, right)].concat(),
    }
}

/// A call as the scenario spells it.
fn call(index: &Index, asked: Function, arguments: &[Argument]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|a| argument(index, a)).collect();
    match arguments.is_empty() {
        true => function(asked),
        false => format!("{}({})", function(asked), arguments.join(", ")),
    }
}

fn argument(index: &Index, argument: &Argument) -> String {
    let name = |found: Option<&String>| found.cloned().unwrap_or_else(|| "?".into());
    let target = |n: usize| name(index.plan.targets.get(n).map(|t| &t.name));
    match argument {
        Argument::Phases { first, last } => phases(index, *first, *last),
        Argument::Population(n) => name(index.plan.populations.get(*n).map(|p| &p.name)),
        Argument::Origin(n) => name(index.plan.origins.get(*n).map(|o| &o.name)),
        Argument::Target(n) => target(*n),
        Argument::Steps { first, .. } => {
            let id = index.plan.steps.get(*first).and_then(|step| step.id.clone());
            id.unwrap_or_else(|| format!("step {first}"))
        }
        Argument::Processes(selector) => {
            let generation = match selector.generation {
                Which::Old => ".old",
                Which::New => ".new",
                Which::Current | Which::Any => "",
            };
            let members = match selector.members {
                Members::Master => ".master".into(),
                Members::Worker(n) => format!(".worker[{n}]"),
                Members::Workers => ".workers".into(),
                Members::AnyWorker => ".worker[?]".into(),
                Members::All => String::new(),
            };
            format!("{}{generation}{members}", target(selector.target))
        }
    }
}

fn phases(index: &Index, first: u8, last: u8) -> String {
    match (index.phase_name(first), index.phase_name(last)) {
        (one, _) if first == last => one.to_owned(),
        (from, to) => format!("{from}..{to}"),
    }
}

/// The phases a question is about.
pub(crate) fn scope(index: &Index, scope: Scope) -> String {
    scope.phases.map_or_else(|| "the run".into(), |(first, last)| phases(index, first, last))
}

/// The name of a function.
pub(crate) fn function(function: Function) -> String {
    let name = match function {
        Function::Ready => "ready",
        Function::Workers => "workers",
        Function::Alive => "alive",
        Function::Pid => "pid",
        Function::PidFile => "pidfile",
        Function::OldBin => "oldbin",
        Function::Answers => "answers",
        Function::Generation => "generation",
        Function::Orphans => "orphans",
        Function::Reloaded => "reloaded",
        Function::Accepting => "accepting",
        Function::Zombies => "zombies",
        Function::Fired => "fired",
        Function::Fds => "fds",
        Function::Took => "took",
        Function::Done => "done",
        Function::Clients => "clients",
        Function::Moved => "moved",
        Function::MovedMinimum => "moved_minimum",
        Function::Flaps => "flaps",
        Function::Variants => "variants",
        Function::Started => "started",
        Function::Unfinished => "unfinished",
        Function::FirstStart => "first_start",
        Function::LastStart => "last_start",
        Function::LastEnd => "last_end",
        Function::Exposed => "exposed",
        Function::Lost => "lost",
        Function::Retriable => "retriable",
        Function::Corrupt => "corrupt",
        Function::Count => "count",
        Function::Ok => "ok",
        Function::Class(class) => class.name(),
        Function::Percentile(per_mille) if per_mille % 10 == 0 => return format!("p{}", per_mille / 10),
        Function::Percentile(per_mille) => return format!("p{}.{}", per_mille / 10, per_mille % 10),
        Function::Max => "max",
        Function::LongestGap => "longest_gap",
        Function::Share => "share",
        Function::Idle => "idle",
        Function::IdleLost => "idle_lost",
        Function::StrayLost => "stray_lost",
        Function::IdleClosesSeen => "idle_closes_seen",
    };
    name.to_owned()
}
