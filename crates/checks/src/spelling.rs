//! How a question reads, so that a value in a report can be found in the scenario.

use facts::{
    Expression,
    expression::{Argument, Function},
    plan::{Members, Which},
};

use crate::{
    Index,
    ask::{ask, was_sent},
    index::Scope,
    proof::Shown,
};

/// Every call in an expression with its value: `lost(upgrade..settled) = 3`.
pub(crate) fn values(index: &Index, expression: &Expression) -> Vec<String> {
    match expression {
        Expression::Literal(_) => Vec::new(),
        Expression::Call { function, arguments } => {
            let (asked, worth) = (call(index, *function, arguments), ask(index, *function, arguments));
            vec![format!("{asked} = {worth}{}", none_of_many(index, *function, arguments, &worth))]
        }
        Expression::Not(inner) => values(index, inner),
        Expression::Binary { left, right, .. } => [values(index, left), values(index, right)].concat(),
    }
}

/// None seen of so many is not none ever: the rate that would still show none in one run of twenty.
fn none_of_many(index: &Index, function: Function, arguments: &[Argument], worth: &Shown) -> String {
    let is_loss = matches!(function, Function::Lost | Function::Retriable | Function::Corrupt);
    if !is_loss || *worth != Shown::between(0.0, 0.0) {
        return String::new();
    }
    match index.attempts(Scope::of(arguments)).filter(|attempt| was_sent(attempt)).count() {
        0 => String::new(),
        many => format!(" of {many} (a rate of at most {:.1e}, at 95 %)", rate_of_none(many)),
    }
}

/// 1 - 0.05^(1/n), which is about 3/n.
fn rate_of_none(many: usize) -> f64 {
    -f64::exp_m1(f64::ln(0.05) / many as f64)
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
        Function::Left => "left",
        Function::Flaps => "flaps",
        Function::Variants => "variants",
        Function::Started => "started",
        Function::Unfinished => "unfinished",
        Function::FirstStart => "first_start",
        Function::LastStart => "last_start",
        Function::LastEnd => "last_end",
        Function::Exposed => "exposed",
        Function::Shifts => "shifts",
        Function::FirstNew(per_mille) => return format!("first_new_{}", of_a_thousand(per_mille)),
        Function::LastOld(per_mille) => return format!("last_old_{}", of_a_thousand(per_mille)),
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

fn of_a_thousand(per_mille: u16) -> String {
    if per_mille == crate::shifts::LATEST { "max".to_owned() } else { format!("p{}", per_mille / 10) }
}

#[cfg(test)]
mod tests {
    use facts::{
        Expression, Outcome,
        expression::{Function, Operator, Value},
    };

    use super::{rate_of_none, values};
    use crate::{
        Index,
        built::{Built, in_phase},
    };

    fn told(built: &Built, function: Function) -> Vec<String> {
        let call = Expression::Call { function, arguments: in_phase(1) };
        let zero = Expression::Literal(Value::Number(0.0));
        let line = Expression::Binary { operator: Operator::Equal, left: call.into(), right: zero.into() };
        values(&Index::new(&built.plan, &built.history), &line)
    }

    #[test]
    fn none_lost_of_a_hundred_bounds_the_rate_and_proves_no_zero() {
        let bound = "lost(upgrade) = 0 of 100 (a rate of at most 3.0e-2, at 95 %)";
        assert_eq!(told(&Built::good(), Function::Lost), [bound]);
        let lossy = Built::good().outcome(120, Outcome::Refused);
        assert_eq!(told(&lossy, Function::Lost), ["lost(upgrade) = 1"]);
        assert_eq!(told(&Built::good(), Function::Ok), ["ok(upgrade) = 100"]);
        assert!((rate_of_none(100_000) - 2.9957e-5).abs() < 1e-8);
    }
}
