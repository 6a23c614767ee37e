//! How late shifts are, over many of them: each time other weights take effect, from the order to the first request that a member
//! gets which got none before, and to the last that one gets which is to get none any more.

use facts::{Nanos, expression::Kind, journal::PROBE_BIT, plan::Member};

use crate::{
    Index,
    in_force::{InForce, shifts_of},
    index::Scope,
    proof::Shown,
    spelling,
};

/// A percentile of fewer shifts is none.
const SHIFTS_MIN: usize = 30;

/// Of a thousand: the latest.
pub(crate) const LATEST: u16 = 1000;

/// A change of weights by which a member got something, or nothing, for the first time.
struct Shift {
    at: Nanos,
    /// When the next one began.
    until: Nanos,
    came: Vec<usize>,
    went: Vec<usize>,
}

/// `shifts(..)`: how many began in these phases.
pub(crate) fn shifts(index: &Index, scope: Scope) -> Shown {
    match begun_in(index, scope) {
        Ok(shifts) => {
            let count = shifts.len() as f64;
            Shown::between(count, if index.history.is_sealed() { count } else { f64::INFINITY })
        }
        Err(why) => Shown::Unknown(why),
    }
}

/// `first_new_p50(..)` and its like: from the order to the first request.
pub(crate) fn first_new(index: &Index, scope: Scope, per_mille: u16) -> Shown {
    latencies(index, scope, per_mille, |shift| {
        let first = |origin: &usize| {
            let started = starts(index, *origin, shift)?.min();
            started.ok_or_else(|| format!("{} got no request after a shift to it", name(index, *origin)))
        };
        shift.came.iter().map(first).collect()
    })
}

/// `last_old_p50(..)` and its like: from the order to the last request; nothing if the last was before.
pub(crate) fn last_old(index: &Index, scope: Scope, per_mille: u16) -> Shown {
    latencies(index, scope, per_mille, |shift| {
        let last = |origin: &usize| Ok(starts(index, *origin, shift)?.max().unwrap_or(shift.at));
        shift.went.iter().map(last).collect()
    })
}

fn latencies(
    index: &Index,
    scope: Scope,
    per_mille: u16,
    instants: impl Fn(&Shift) -> Result<Vec<Nanos>, String>,
) -> Shown {
    let after = |shift: &Shift| {
        let instants = instants(shift)?;
        Ok(instants.into_iter().map(|at| at - shift.at).collect::<Vec<_>>())
    };
    let told =
        begun_in(index, scope).and_then(|shifts| shifts.iter().map(after).collect::<Result<Vec<_>, _>>());
    let mut all = match told {
        Ok(told) => told.concat(),
        Err(why) => return Shown::Unknown(why),
    };
    if !index.history.is_sealed() {
        return Shown::unknown("the history of the run is not whole");
    }
    let least = if per_mille == LATEST { 1 } else { SHIFTS_MIN };
    if all.len() < least {
        return Shown::unknown(format!("{} shifts are too few: it takes {least}", all.len()));
    }
    all.sort_unstable();
    let rank = (all.len() * usize::from(per_mille)).div_ceil(1000).max(1);
    let value = all[rank - 1] as f64;
    Shown::Number { low: value, high: value, kind: Kind::Duration }
}

fn begun_in(index: &Index, scope: Scope) -> Result<Vec<Shift>, String> {
    let stretch =
        index.interval(scope).ok_or_else(|| format!("{} did not happen", spelling::scope(index, scope)))?;
    let targets = 0..index.plan.targets.len();
    let shifts = targets.flat_map(|target| of_director(index, target));
    Ok(shifts.filter(|shift| stretch.includes(shift.at)).collect())
}

fn of_director(index: &Index, target: usize) -> Vec<Shift> {
    let changes = shifts_of(index, target);
    let ends = changes.iter().skip(1).map(|(at, ..)| *at).chain([Nanos::MAX]);
    let shift = |((at, before, after), until): (&(Nanos, InForce, InForce), Nanos)| {
        let share = |of: &InForce, origin: usize| of.upstream.member(name(index, origin));
        let is_up = |member: Member| matches!(member, Member::Up { weight: 1.. });
        let origins = 0..index.plan.origins.len();
        let (mut came, mut went) = (Vec::new(), Vec::new());
        for origin in origins {
            match (is_up(share(before, origin)), is_up(share(after, origin))) {
                (false, true) => came.push(origin),
                (true, false) => went.push(origin),
                _ => {}
            }
        }
        Shift { at: *at, until, came, went }
    };
    let shifts = changes.iter().zip(ends).map(shift);
    shifts.filter(|shift| !shift.came.is_empty() || !shift.went.is_empty()).collect()
}

/// When clients' requests were begun at an origin between a shift and the next.
fn starts<'a>(
    index: &'a Index,
    origin: usize,
    shift: &Shift,
) -> Result<impl Iterator<Item = Nanos> + use<'a>, String> {
    let name = name(index, origin);
    let journal = index.history.journals.iter().find(|(of, _)| of == name);
    let (_, entries) = journal.ok_or_else(|| format!("{name} left no journal"))?;
    let (at, until) = (shift.at, shift.until);
    let started = entries.iter().filter(|entry| entry.id & PROBE_BIT == 0).map(|entry| entry.started);
    Ok(started.filter(move |started| (at..until).contains(started)))
}

fn name<'a>(index: &'a Index, origin: usize) -> &'a str {
    &index.plan.origins[origin].name
}

#[cfg(test)]
mod tests {
    use facts::{
        expression::{Function, Operator, Value},
        journal::Entry,
        plan::{Action, Members, Selector, Signal, Which},
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN};

    const MS: u64 = 1_000_000;

    /// Everything moves from blue to green by the second step of the run; green's requests are begun so late, and blue's.
    fn shifted(green_ms: &[u64], blue_ms: &[u64]) -> (Built, u64) {
        let mut built = Built::good();
        built.plan.targets[0].weights = [("blue".to_owned(), 1), ("green".to_owned(), 0)].into();
        let weights = [("blue".to_owned(), 0), ("green".to_owned(), 1)].into();
        built.plan.steps[0].action = Action::Weight { target: 0, weights };
        let to = Selector { target: 0, generation: Which::Current, members: Members::Master };
        built.plan.steps[1].action = Action::Signal { to, signals: vec![Signal::Hup] };
        let told =
            |line: &&facts::event::Stamped| matches!(line.event, facts::Event::StepBegan { step: 1, .. });
        let at = built.history.events.iter().find(told).expect("the step began").at.earliest;
        let entry = |(id, ms): (usize, &u64)| {
            let started = at + ms * MS;
            Entry { id: id as u64 + 1, started, answered: started + 1, pid: 7, status: 200, repeats: 0 }
        };
        let entries = |all: &[u64]| all.iter().enumerate().map(entry).collect();
        built.history.journals =
            vec![("blue".to_owned(), entries(blue_ms)), ("green".to_owned(), entries(green_ms))];
        (built, at)
    }

    fn is(built: &Built, function: Function, value: Value, expected: &str) {
        built.holds(function, &[], Operator::Equal, value, expected);
    }

    #[test]
    fn a_shift_is_as_late_as_its_first_request_and_as_its_last() {
        let (built, _) = shifted(&[30, 40, 90], &[10, 20]);
        let ms = |ms: u64| Value::Duration((ms * MS) as f64);
        is(&built, Function::Shifts, Value::Number(1.0), PASS);
        is(&built, Function::Shifts, Value::Number(2.0), FAIL);
        is(&built, Function::FirstNew(super::LATEST), ms(30), PASS);
        is(&built, Function::FirstNew(super::LATEST), ms(40), FAIL);
        is(&built, Function::LastOld(super::LATEST), ms(20), PASS);
        is(&built, Function::LastOld(super::LATEST), ms(0), FAIL);
        is(&shifted(&[30], &[]).0, Function::LastOld(super::LATEST), ms(0), PASS);
    }

    #[test]
    fn what_nobody_saw_and_a_percentile_of_one_is_unknown() {
        let (built, _) = shifted(&[], &[10]);
        let none = Value::Duration(0.0);
        is(&built, Function::FirstNew(super::LATEST), none, UNKNOWN);
        let (built, _) = shifted(&[30], &[10]);
        is(&built, Function::FirstNew(500), none, UNKNOWN);
        is(&built, Function::LastOld(900), none, UNKNOWN);
        let mut cut = built;
        cut.history.events.pop();
        is(&cut, Function::LastOld(super::LATEST), none, UNKNOWN);
    }
}
