//! Claims about every instant of a run, judged by what the harness wrote when a watched condition changed.

use facts::{Event, Moment, Nanos, Verdict, expression::Function, plan::Condition};

use crate::{
    Index,
    index::{Interval, Scope},
};

const MILLISECOND: Nanos = 1_000_000;

/// What a condition was worth from an instant on.
struct Change<'a> {
    at: Moment,
    holds: Option<bool>,
    saw: &'a str,
}

/// A stretch in which a condition was not known to be true.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    /// It lasted at most this long.
    longest: Nanos,
    /// It was proven false for this long on end; `None`: never.
    proven: Option<Nanos>,
    begin: Nanos,
    saw: &'a str,
}

/// From the start of the load to the end of the last step, the condition was true but for short stretches.
pub(crate) fn always(index: &Index, condition: &Condition) -> Verdict {
    let (Some(watch), changes) = (watch(index), changes(index, condition)) else {
        return never_watched(condition);
    };
    if changes.first().is_none_or(|first| first.at.earliest > watch.begin) {
        return never_watched(condition);
    }
    let within = condition.within_ms * MILLISECOND;
    let stretches = stretches(&changes, watch);
    let too_long: Vec<&Stretch> = stretches.iter().filter(|stretch| stretch.longest > within).collect();
    // A machine that kept the generator waiting may have kept the harness from looking, too.
    let proven = |stretch: &Stretch| {
        stretch.proven.is_some_and(|proven| within == 0 || proven > within + lateness(index, stretch))
    };
    let told = |stretch: &Stretch| {
        let from = stretch.begin.saturating_sub(watch.begin) / MILLISECOND;
        let lasted = stretch.longest.div_ceil(MILLISECOND);
        let (text, saw) = (&condition.text, stretch.saw);
        format!("`{text}` was not true for up to {lasted} ms, from {from} ms after the load began: {saw}")
    };
    let failed: Vec<String> = too_long.iter().filter(|stretch| proven(stretch)).map(|s| told(s)).collect();
    match (failed.is_empty(), too_long.first()) {
        (false, _) => Verdict::Fail { lines: failed },
        (true, Some(stretch)) => Verdict::unknown(told(stretch)),
        (true, None) => {
            let longest = stretches.iter().map(|stretch| stretch.longest).max().unwrap_or(0);
            Verdict::pass(format!("not true for {} ms at most", longest.div_ceil(MILLISECOND)))
        }
    }
}

/// The condition was true at some instant.
pub(crate) fn reached(index: &Index, condition: &Condition) -> Verdict {
    let (Some(watch), changes) = (watch(index), changes(index, condition)) else {
        return never_watched(condition);
    };
    let seen = changes.iter().filter(|change| change.at.earliest <= watch.end);
    let holds = |wanted: Option<bool>| seen.clone().find(move |change| change.holds == wanted);
    match (holds(Some(true)), holds(None), changes.last()) {
        (Some(change), _, _) => Verdict::pass(change.saw),
        (None, None, Some(_)) if !index.history.is_sealed() => {
            Verdict::unknown("the run was not seen to its end")
        }
        (None, None, Some(last)) => {
            let text = &condition.text;
            match missed(index, condition, watch) {
                Some(what) => Verdict::unknown(format!("`{text}` was never seen to be true; {what}")),
                None => Verdict::fail(format!("`{text}` was never true; last seen: {}", last.saw)),
            }
        }
        (None, Some(change), _) => Verdict::unknown(format!("not always known: {}", change.saw)),
        (None, None, None) => never_watched(condition),
    }
}

/// An instant at which a condition about how many there are may have been true unseen: in one look somebody had ended
/// and somebody else was new, and nobody knows which came first.
fn missed(index: &Index, condition: &Condition, watch: Interval) -> Option<String> {
    let counts = |function| {
        matches!(function, Function::Workers | Function::Alive | Function::Orphans | Function::Pid)
    };
    let calls = condition.holds.calls().into_iter().filter(|(function, _)| counts(*function));
    let targets: Vec<usize> = calls.map(|(_, arguments)| Scope::of(arguments).target.unwrap_or(0)).collect();
    let name = |target: &usize| index.plan.targets.get(*target).map(|target| target.name.as_str());
    let asked: Vec<&str> = targets.iter().filter_map(name).collect();
    let watched = || index.history.events.iter().filter(|line| line.at.latest >= watch.begin);
    watched().filter(|line| line.at.earliest <= watch.end).find_map(|ending| {
        let Event::ProcessEnded { target, pid: old, .. } = &ending.event else { return None };
        let new = watched().find_map(|line| match &line.event {
            Event::ProcessAppeared { target: of, pid, .. } if of == target && overlap(line.at, ending.at) => {
                Some(pid)
            }
            _ => None,
        })?;
        asked.contains(&target.as_str()).then(|| {
            format!("but pid {old} had ended and pid {new} was new in one look, and it may have been true in between")
        })
    })
}

fn overlap(one: Moment, other: Moment) -> bool {
    one.earliest < other.latest && other.earliest < one.latest
}

/// How late the generator itself was, at worst, in the phases that a stretch lies in.
fn lateness(index: &Index, stretch: &Stretch) -> Nanos {
    let overlaps = |phase: u8| {
        let phase = index.phases.get(usize::from(phase)).copied().flatten();
        phase.is_none_or(|phase| phase.begin <= stretch.begin + stretch.longest && phase.end >= stretch.begin)
    };
    let late = index.history.events.iter().filter_map(|line| match line.event {
        Event::GeneratorLag { phase, max_ns, .. } if overlaps(phase) => Some(max_ns),
        _ => None,
    });
    late.max().unwrap_or(0)
}

fn never_watched(condition: &Condition) -> Verdict {
    Verdict::unknown(format!("`{}` was not watched all through this run", condition.text))
}

/// From the start of the load to the end of the last step.
fn watch(index: &Index) -> Option<Interval> {
    let loaded = index.loaded()?;
    let began = index.history.events.iter().find(|line| matches!(line.event, Event::LoadStarted))?.at.latest;
    let is_end = |event: &Event| {
        matches!(event, Event::StepDone { .. } | Event::StepFailed { .. } | Event::StepSkipped { .. })
    };
    let last = index.history.events.iter().rev().find(|line| is_end(&line.event));
    Some(Interval { begin: began, end: last.map_or(loaded.end, |line| line.at.latest) })
}

fn changes<'a>(index: &Index<'a>, condition: &Condition) -> Vec<Change<'a>> {
    let of_condition = |line: &'a facts::Stamped| match &line.event {
        Event::ConditionChanged { condition: text, holds, saw } if *text == condition.text => {
            Some(Change { at: line.at, holds: *holds, saw })
        }
        _ => None,
    };
    index.history.events.iter().filter_map(of_condition).collect()
}

/// The maximal stretches without a known truth, within the watch.
fn stretches<'a>(changes: &[Change<'a>], watch: Interval) -> Vec<Stretch<'a>> {
    let mut found: Vec<Stretch> = Vec::new();
    let mut is_open = false;
    let end = Moment::exact(watch.end);
    for (number, change) in changes.iter().enumerate() {
        let until = changes.get(number + 1).map_or(end, |next| next.at);
        if change.at.earliest > watch.end || change.holds == Some(true) {
            is_open = false;
            continue;
        }
        let begin = change.at.earliest.max(watch.begin);
        let proven = until.earliest.min(watch.end).saturating_sub(change.at.latest.max(watch.begin));
        let proven = (change.holds == Some(false)).then_some(proven);
        let longest = until.latest.min(watch.end).saturating_sub(begin);
        match found.last_mut().filter(|_| is_open) {
            Some(open) => {
                open.longest = until.latest.min(watch.end).saturating_sub(open.begin);
                open.proven = open.proven.max(proven);
            }
            None => found.push(Stretch { longest, proven, begin, saw: change.saw }),
        }
        is_open = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Expression, Role,
        event::Ending,
        expression::{Argument, Function, Value},
        plan::{Claim, Condition},
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN};

    const TEXT: &str = "accepting(web) > 0";

    /// A good run in which the condition was worth these things from these milliseconds on.
    fn watched(changes: &[(u64, Option<bool>)]) -> Built {
        let change = |holds| Event::ConditionChanged {
            condition: TEXT.into(),
            holds,
            saw: "accepting(web) = ?".into(),
        };
        changes.iter().fold(Built::good(), |built, (at, holds)| built.inserted(*at, change(*holds)))
    }

    fn condition(within_ms: u64) -> Condition {
        Condition { holds: Expression::Literal(Value::Truth(true)), within_ms, text: TEXT.into() }
    }

    #[track_caller]
    fn always(within_ms: u64, changes: &[(u64, Option<bool>)], expected: &str) {
        watched(changes).claim(Claim::Always(condition(within_ms)), expected);
    }

    #[test]
    fn a_short_stretch_is_forgiven_and_a_long_one_is_not() {
        let gap = [(5, Some(true)), (1200, Some(false)), (1500, Some(true))];
        always(300, &gap, PASS);
        always(200, &gap, FAIL);
        always(0, &gap, FAIL);
        always(0, &[(5, Some(true))], PASS);
    }

    #[test]
    fn a_busy_machine_proves_no_outage_that_is_as_short_as_its_own_pauses() {
        let gap = [(5, Some(true)), (1200, Some(false)), (1500, Some(true))];
        let late = |max_ms: u64| watched(&gap).lag(1, max_ms * 1_000_000, max_ms * 1_000_000);
        late(150).claim(Claim::Always(condition(100)), FAIL);
        late(250).claim(Claim::Always(condition(100)), UNKNOWN);
        late(250).claim(Claim::Always(condition(0)), FAIL);
    }

    #[test]
    fn what_was_not_known_is_no_truth() {
        always(100, &[], UNKNOWN);
        always(100, &[(500, Some(true))], UNKNOWN);
        always(100, &[(5, Some(true)), (1200, None), (1500, Some(true))], UNKNOWN);
        always(400, &[(5, Some(true)), (1200, None), (1500, Some(true))], PASS);
        always(400, &[(5, Some(true)), (1000, None), (1200, Some(false)), (1500, Some(true))], UNKNOWN);
    }

    #[test]
    fn reached_wants_one_true_instant() {
        let reached = |changes: &[(u64, Option<bool>)], expected: &str| {
            watched(changes).claim(Claim::Reached(condition(0)), expected);
        };
        reached(&[(5, Some(false)), (1200, Some(true)), (1201, Some(false))], PASS);
        reached(&[(5, Some(false))], FAIL);
        reached(&[(5, Some(false)), (1200, None)], UNKNOWN);
        reached(&[], UNKNOWN);
    }

    /// A worker that ended and another one that was new, each somewhere between two instants.
    fn replaced(ended: (u64, u64), appeared: (u64, u64)) -> Built {
        let (target, role, generation) = ("web".to_owned(), Role::Worker, 1);
        let ending = Ending::Killed(9);
        let end = Event::ProcessEnded { target: target.clone(), pid: 12, generation, role, ending };
        let (pid, parent, title) = (13, 10, String::new());
        let birth = Event::ProcessAppeared { target, pid, parent, generation, role, title };
        watched(&[(5, Some(false))])
            .inserted_between(ended.0, ended.1, end)
            .inserted_between(appeared.0, appeared.1, birth)
    }

    #[test]
    fn a_look_that_finds_an_end_and_a_birth_refutes_nothing_about_how_many_there_were() {
        let asking = |function| {
            let call = Expression::Call { function, arguments: vec![Argument::Target(0)] };
            Claim::Reached(Condition { holds: call, ..condition(0) })
        };
        replaced((600, 603), (601, 604)).claim(asking(Function::Workers), UNKNOWN);
        replaced((600, 603), (603, 606)).claim(asking(Function::Workers), FAIL);
        replaced((600, 603), (601, 604)).claim(asking(Function::PidFile), FAIL);
        replaced((2950, 2953), (2951, 2954)).claim(asking(Function::Workers), FAIL);
    }

    #[test]
    fn what_was_not_reached_by_an_early_end_may_have_come() {
        let early = watched(&[(5, Some(false))]).then(3001, Event::RunEnded { interrupted: true });
        early.claim(Claim::Reached(condition(0)), UNKNOWN);
        let early = watched(&[(5, Some(true))]).then(3001, Event::RunEnded { interrupted: true });
        early.claim(Claim::Reached(condition(0)), UNKNOWN);
    }
}
