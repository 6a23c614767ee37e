//! Which requests met a bad back end: those that its clients noticed, and those that a second try hid from them.

use crate::{Index, index::Scope, proof::Shown, spelling};

/// `exposed(b, ..)`: requests that a planted fault of this back end struck in these phases.
pub(crate) fn exposed(index: &Index, scope: Scope) -> Shown {
    let Some(origin) = scope.origin.and_then(|origin| index.plan.origins.get(origin)) else {
        return Shown::unknown("there is no such origin");
    };
    let log = index.history.strikes.iter().find(|(name, _)| *name == origin.name);
    match (index.interval(scope), log) {
        (None, _) => Shown::unknown(format!("{} did not happen", spelling::scope(index, scope))),
        (_, None) => Shown::unknown(format!("{} wrote down no fault: give it `faults`", origin.name)),
        (Some(stretch), Some((_, strikes))) => {
            let count = strikes.iter().filter(|strike| stretch.includes(strike.at)).count() as f64;
            Shown::between(count, if index.history.is_sealed() { count } else { f64::INFINITY })
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        expression::{Argument, Function, Operator, Value},
        fault::{Fault, Strike},
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    fn exposed(built: &Built, origin: usize, phase: u8, number: f64, expected: &str) {
        let asked = [vec![Argument::Origin(origin)], in_phase(phase)].concat();
        built.holds(Function::Exposed, &asked, Operator::Equal, Value::Number(number), expected);
    }

    #[test]
    fn strikes_count_where_they_happened() {
        let mut built = Built::good();
        let strike = |id: u64| Strike { id, fault: Fault::Unavailable, at: id * 10_000_000 };
        built.history.strikes = vec![("green".into(), vec![strike(50), strike(120), strike(121)])];
        exposed(&built, 1, 0, 1.0, PASS);
        exposed(&built, 1, 1, 2.0, PASS);
        exposed(&built, 1, 1, 0.0, FAIL);
        exposed(&built, 1, 2, 0.0, PASS);
        exposed(&built, 0, 2, 0.0, UNKNOWN);
    }
}
