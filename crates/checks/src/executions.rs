//! What the journal of a back end tells of a shift: when the first request came to it, when the last one did, and whether
//! it finished what it began.

use facts::{
    Nanos,
    expression::Kind,
    journal::{Entry, PROBE_BIT},
};

use crate::{
    Index,
    index::{Interval, Scope},
    proof::Shown,
    spelling,
};

/// `started(b, ..)`: executions begun in these phases.
pub(crate) fn started(index: &Index, scope: Scope) -> Shown {
    counted(index, scope, |entry, stretch| stretch.includes(entry.started))
}

/// `unfinished(b, ..)`: executions begun in these phases and never answered.
pub(crate) fn unfinished(index: &Index, scope: Scope) -> Shown {
    counted(index, scope, |entry, stretch| stretch.includes(entry.started) && entry.answered == 0)
}

/// `first_start(b, ..)`
pub(crate) fn first_start(index: &Index, scope: Scope) -> Shown {
    instant(index, scope, |entries, stretch| {
        entries.map(|entry| entry.started).filter(|at| stretch.includes(*at)).min()
    })
}

/// `last_start(b, ..)`
pub(crate) fn last_start(index: &Index, scope: Scope) -> Shown {
    instant(index, scope, |entries, stretch| {
        entries.map(|entry| entry.started).filter(|at| stretch.includes(*at)).max()
    })
}

/// `last_end(b, ..)`: of what was begun before these phases, too.
pub(crate) fn last_end(index: &Index, scope: Scope) -> Shown {
    instant(index, scope, |entries, stretch| {
        entries.map(|entry| entry.answered).filter(|at| stretch.includes(*at)).max()
    })
}

fn counted(index: &Index, scope: Scope, is_such: impl Fn(&Entry, Interval) -> bool) -> Shown {
    match asked(index, scope) {
        Ok((entries, stretch)) => {
            let count = entries.filter(|entry| is_such(entry, stretch)).count() as f64;
            let most = if index.history.is_sealed() { count } else { f64::INFINITY };
            Shown::between(count, most)
        }
        Err(why) => Shown::Unknown(why),
    }
}

fn instant<'a>(
    index: &'a Index,
    scope: Scope,
    of: impl Fn(&mut dyn Iterator<Item = &'a Entry>, Interval) -> Option<Nanos>,
) -> Shown {
    let (mut entries, stretch) = match asked(index, scope) {
        Ok(asked) => asked,
        Err(why) => return Shown::Unknown(why),
    };
    if !index.history.is_sealed() {
        return Shown::unknown("the history of the run is not whole");
    }
    match of(&mut entries, stretch) {
        Some(at) => {
            let after = at.saturating_sub(stretch.begin) as f64;
            Shown::Number { low: after, high: after, kind: Kind::Duration }
        }
        None => Shown::unknown(format!("it executed nothing in {}", spelling::scope(index, scope))),
    }
}

/// The executions of clients' requests by the origin of a scope, and the stretch that is asked about.
fn asked<'a>(index: &'a Index, scope: Scope) -> Result<(impl Iterator<Item = &'a Entry>, Interval), String> {
    let origin =
        scope.origin.and_then(|origin| index.plan.origins.get(origin)).ok_or("there is no such origin")?;
    let journal = index.history.journals.iter().find(|(name, _)| *name == origin.name);
    let (_, entries) = journal.ok_or_else(|| format!("{} left no journal", origin.name))?;
    let stretch =
        index.interval(scope).ok_or_else(|| format!("{} did not happen", spelling::scope(index, scope)))?;
    Ok((entries.iter().filter(|entry| entry.id & PROBE_BIT == 0), stretch))
}

#[cfg(test)]
mod tests {
    use facts::{
        expression::{Argument, Function, Operator, Value},
        journal::Entry,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    const MS: u64 = 1_000_000;

    /// Green executed three requests: in phase `steady`, from there into `upgrade`, and one it never answered.
    fn built() -> Built {
        let mut built = Built::good();
        let entry = |id, started_ms: u64, answered_ms: u64| {
            let (started, answered) = (started_ms * MS, answered_ms * MS);
            Entry { id, started, answered, pid: 7, status: 200, repeats: 0 }
        };
        built.history.journals[1].1 = vec![entry(50, 500, 501), entry(99, 990, 1250), entry(150, 1500, 0)];
        built
    }

    fn green(phase: u8) -> Vec<Argument> {
        [vec![Argument::Origin(1)], in_phase(phase)].concat()
    }

    fn is(function: Function, phase: u8, value: Value, expected: &str) {
        built().holds(function, &green(phase), Operator::Equal, value, expected);
    }

    #[test]
    fn what_a_back_end_began_and_did_not_finish() {
        is(Function::Started, 0, Value::Number(2.0), PASS);
        is(Function::Started, 1, Value::Number(1.0), PASS);
        is(Function::Started, 2, Value::Number(0.0), PASS);
        is(Function::Started, 1, Value::Number(0.0), FAIL);
        is(Function::Unfinished, 0, Value::Number(0.0), PASS);
        is(Function::Unfinished, 1, Value::Number(1.0), PASS);
    }

    #[test]
    fn times_count_from_the_begin_of_the_phase() {
        let ms = |ms: u64| Value::Duration((ms * MS) as f64);
        is(Function::FirstStart, 0, ms(490), PASS);
        is(Function::LastStart, 0, ms(980), PASS);
        is(Function::FirstStart, 1, ms(500), PASS);
        is(Function::LastEnd, 1, ms(250), PASS);
        is(Function::LastEnd, 2, ms(0), UNKNOWN);
    }

    #[test]
    fn without_a_journal_nothing_is_told() {
        let mut gone = built();
        gone.history.journals.remove(1);
        gone.holds(Function::Started, &green(2), Operator::Equal, Value::Number(0.0), UNKNOWN);
        let mut cut = built();
        cut.history.events.pop();
        cut.holds(Function::Started, &green(2), Operator::Equal, Value::Number(0.0), UNKNOWN);
        cut.holds(Function::Started, &green(1), Operator::Equal, Value::Number(0.0), FAIL);
    }
}
