//! What an expression is worth when part of the run was not seen. A count is then a range, a comparison holds only
//! if it holds for every value in it, and `a && b` is false as soon as one of them is proven false: a proven loss
//! fails a run of which nothing else is known.

use facts::{
    Expression, Generation, Verdict,
    expression::{Argument, Function, Kind, Operator, Value},
};

/// What is shown about a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    /// True or false.
    Truth(bool),
    /// Somewhere between two bounds; equal bounds are an exact value.
    Number { low: f64, high: f64, kind: Kind },
    /// A time that was measured by somebody who was late himself; why he was. That only lengthens times: it is no more
    /// than this, and may be nothing.
    Late { low: f64, high: f64, kind: Kind, why: String },
    /// A process, or none.
    Pid(Option<u32>),
    /// A generation, or 0 for none.
    Generation(Generation),
    /// Not shown; why.
    Unknown(String),
}

/// Answers what a function of the run is worth.
pub(crate) type Ask<'a> = &'a dyn Fn(Function, &[Argument]) -> Shown;

impl From<Value> for Shown {
    fn from(value: Value) -> Shown {
        match value {
            Value::Number(n) | Value::Duration(n) => Shown::Number { low: n, high: n, kind: value.kind() },
            Value::Truth(truth) => Shown::Truth(truth),
            Value::Pid(pid) => Shown::Pid(pid),
            Value::Generation(generation) => Shown::Generation(generation),
        }
    }
}

impl Shown {
    /// A plain number known to lie between two bounds.
    pub(crate) fn between(low: f64, high: f64) -> Shown {
        Shown::Number { low, high, kind: Kind::Number }
    }

    /// The same, or up to so many more.
    pub(crate) fn and_up_to(self, more: f64) -> Shown {
        match self {
            Shown::Number { low, high, kind } => Shown::Number { low, high: high + more, kind },
            other => other,
        }
    }

    fn range(&self) -> Option<Range> {
        match *self {
            Shown::Number { low, high, kind } | Shown::Late { low, high, kind, .. } => {
                Some((low, high, kind))
            }
            Shown::Generation(generation) => {
                Some((f64::from(generation), f64::from(generation), Kind::Number))
            }
            _ => None,
        }
    }

    /// Why somebody was late who measured it.
    fn lateness(&self) -> Option<String> {
        match self {
            Shown::Late { why, .. } => Some(why.clone()),
            _ => None,
        }
    }

    /// The same, of a value that somebody measured who was late. What holds of times that are too long holds of the true
    /// ones; what does not hold may be his doing.
    fn measured_late(self, why: String) -> Shown {
        match self {
            Shown::Truth(true) => Shown::Truth(true),
            Shown::Number { low, high, kind } => Shown::Late { low, high, kind, why },
            _ => Shown::Unknown(why),
        }
    }

    /// Not shown.
    pub(crate) fn unknown(why: impl Into<String>) -> Shown {
        Shown::Unknown(why.into())
    }
}

/// What is shown about an expression.
pub(crate) fn shown(expression: &Expression, ask: Ask) -> Shown {
    match expression {
        Expression::Literal(value) => (*value).into(),
        Expression::Call { function, arguments } => ask(*function, arguments),
        Expression::Not(inner) => match shown(inner, ask) {
            Shown::Truth(truth) => Shown::Truth(!truth),
            Shown::Unknown(why) => Shown::Unknown(why),
            _ => Shown::unknown("not a truth value"),
        },
        Expression::Binary { operator, left, right } => apply(*operator, shown(left, ask), shown(right, ask)),
    }
}

/// The verdict on a truth-valued expression. `values` are the evidence.
pub(crate) fn verdict(truth: Shown, text: &str, values: Vec<String>) -> Verdict {
    match truth {
        Shown::Truth(true) => Verdict::pass(values.join(", ")),
        Shown::Truth(false) => {
            Verdict::Fail { lines: [vec![format!("`{text}` is not true")], values].concat() }
        }
        Shown::Unknown(why) => Verdict::unknown(why),
        Shown::Number { .. } | Shown::Late { .. } | Shown::Pid(_) | Shown::Generation(_) => {
            Verdict::unknown(format!("`{text}` is not a truth value"))
        }
    }
}

fn apply(operator: Operator, left: Shown, right: Shown) -> Shown {
    use Operator::{And, Or};
    match (operator, left, right) {
        // One side decides whatever the other is.
        (And, Shown::Truth(false), _) | (And, _, Shown::Truth(false)) => Shown::Truth(false),
        (Or, Shown::Truth(true), _) | (Or, _, Shown::Truth(true)) => Shown::Truth(true),
        (_, Shown::Unknown(why), _) | (_, _, Shown::Unknown(why)) => Shown::Unknown(why),
        (And, Shown::Truth(a), Shown::Truth(b)) => Shown::Truth(a && b),
        (Or, Shown::Truth(a), Shown::Truth(b)) => Shown::Truth(a || b),
        (Operator::Equal, Shown::Truth(a), Shown::Truth(b)) => Shown::Truth(a == b),
        (Operator::NotEqual, Shown::Truth(a), Shown::Truth(b)) => Shown::Truth(a != b),
        // Two files that are both absent do not name the same process.
        (Operator::Equal, Shown::Pid(a), Shown::Pid(b)) => Shown::Truth(a == b && a.is_some()),
        (Operator::NotEqual, Shown::Pid(a), Shown::Pid(b)) => Shown::Truth(a != b || a.is_none()),
        // Nor does nobody answer for a generation that never was.
        (Operator::Equal, Shown::Generation(0), Shown::Generation(0)) => Shown::Truth(false),
        (Operator::NotEqual, Shown::Generation(0), Shown::Generation(0)) => Shown::Truth(true),
        (_, left, right) => match (left.range(), right.range()) {
            (Some(a), Some(b)) => {
                let shown = numbers(operator, a, b);
                match left.lateness().or(right.lateness()) {
                    Some(why) => shown.measured_late(why),
                    None => shown,
                }
            }
            _ => Shown::unknown("the two sides cannot be compared"),
        },
    }
}

type Range = (f64, f64, Kind);

fn numbers(operator: Operator, a: Range, b: Range) -> Shown {
    let corners = |f: fn(f64, f64) -> f64| {
        let all = [f(a.0, b.0), f(a.0, b.1), f(a.1, b.0), f(a.1, b.1)];
        let low = all.into_iter().fold(f64::INFINITY, f64::min);
        let high = all.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Shown::Number { low, high, kind: unit(operator, a.2, b.2) }
    };
    match operator {
        Operator::Less => decide(a.1 < b.0, a.0 >= b.1, a, b),
        Operator::LessOrEqual => decide(a.1 <= b.0, a.0 > b.1, a, b),
        Operator::Greater => decide(a.0 > b.1, a.1 <= b.0, a, b),
        Operator::GreaterOrEqual => decide(a.0 >= b.1, a.1 < b.0, a, b),
        Operator::Equal => decide(is_exact(a) && a.0 == b.0 && is_exact(b), are_apart(a, b), a, b),
        Operator::NotEqual => decide(are_apart(a, b), is_exact(a) && a.0 == b.0 && is_exact(b), a, b),
        Operator::Add => corners(|x, y| x + y),
        Operator::Subtract => corners(|x, y| x - y),
        Operator::Multiply => corners(|x, y| x * y),
        Operator::Divide if b.0 <= 0.0 && b.1 >= 0.0 => Shown::unknown("division by zero"),
        Operator::Divide => corners(|x, y| x / y),
        Operator::And | Operator::Or => Shown::unknown("not a truth value"),
    }
}

fn is_exact(range: Range) -> bool {
    range.0 == range.1
}

fn are_apart(a: Range, b: Range) -> bool {
    a.1 < b.0 || b.1 < a.0
}

fn decide(holds: bool, fails: bool, a: Range, b: Range) -> Shown {
    match (holds, fails) {
        (true, _) => Shown::Truth(true),
        (_, true) => Shown::Truth(false),
        _ => Shown::unknown(format!("{} against {}: what was not seen decides it", spelled(a), spelled(b))),
    }
}

fn spelled(range: Range) -> String {
    let value = |n| if range.2 == Kind::Duration { Value::Duration(n) } else { Value::Number(n) };
    match range {
        (low, high, _) if low == high => value(low).to_string(),
        (low, high, _) if high.is_infinite() => format!("at least {}", value(low)),
        (low, high, _) => format!("{} to {}", value(low), value(high)),
    }
}

fn unit(operator: Operator, a: Kind, b: Kind) -> Kind {
    match (a, b) {
        (Kind::Duration, Kind::Duration) if operator == Operator::Divide => Kind::Number,
        (Kind::Duration, _) | (_, Kind::Duration) => Kind::Duration,
        _ => Kind::Number,
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shown::Truth(truth) => write!(f, "{truth}"),
            Shown::Number { low, high, kind } => f.write_str(&spelled((*low, *high, *kind))),
            Shown::Late { high, kind, why, .. } => {
                write!(f, "at most {} ({why})", spelled((*high, *high, *kind)))
            }
            Shown::Pid(pid) => write!(f, "{}", Value::Pid(*pid)),
            Shown::Generation(generation) => write!(f, "{generation}"),
            Shown::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(operator: Operator, low: f64, high: f64, bound: f64) -> Option<bool> {
        match apply(operator, Shown::between(low, high), Value::Number(bound).into()) {
            Shown::Truth(truth) => Some(truth),
            _ => None,
        }
    }

    #[test]
    fn a_range_decides_only_what_all_its_values_decide() {
        assert_eq!(compare(Operator::Equal, 0.0, 0.0, 0.0), Some(true));
        assert_eq!(compare(Operator::Equal, 0.0, 3.0, 0.0), None);
        assert_eq!(compare(Operator::Equal, 1.0, f64::INFINITY, 0.0), Some(false), "a proven loss is a fail");
        assert_eq!(compare(Operator::LessOrEqual, 3.0, 6.0, 5.0), None);
        assert_eq!(compare(Operator::LessOrEqual, 3.0, 4.0, 5.0), Some(true));
        assert_eq!(compare(Operator::GreaterOrEqual, 1.0, f64::INFINITY, 1.0), Some(true));
        assert_eq!(compare(Operator::NotEqual, 2.0, 4.0, 3.0), None);
    }

    #[test]
    fn a_proven_false_decides_a_conjunction_with_an_unknown() {
        let unknown = || Shown::unknown("too few samples");
        assert_eq!(apply(Operator::And, unknown(), Shown::Truth(false)), Shown::Truth(false));
        assert_eq!(apply(Operator::And, unknown(), Shown::Truth(true)), unknown());
        assert_eq!(apply(Operator::Or, unknown(), Shown::Truth(true)), Shown::Truth(true));
    }

    #[test]
    fn two_absent_pids_are_not_the_same_process() {
        assert_eq!(apply(Operator::Equal, Shown::Pid(None), Shown::Pid(None)), Shown::Truth(false));
        assert_eq!(apply(Operator::NotEqual, Shown::Pid(None), Shown::Pid(None)), Shown::Truth(true));
        assert_eq!(apply(Operator::Equal, Shown::Pid(Some(1)), Shown::Pid(Some(1))), Shown::Truth(true));
    }

    #[test]
    fn nobody_answers_for_a_generation_that_never_was() {
        let (none, two) = (Shown::Generation(0), Shown::Generation(2));
        assert_eq!(apply(Operator::Equal, none.clone(), none.clone()), Shown::Truth(false));
        assert_eq!(apply(Operator::Equal, two.clone(), two.clone()), Shown::Truth(true));
        assert_eq!(apply(Operator::Equal, none, Shown::between(0.0, 0.0)), Shown::Truth(true));
        assert_eq!(apply(Operator::Less, two, Shown::between(3.0, 3.0)), Shown::Truth(true));
    }

    #[test]
    fn a_time_that_lateness_made_longer_shows_what_holds_of_it_and_refutes_nothing() {
        let ms = |n: f64| Shown::from(Value::Duration(n * 1e6));
        let late = |n: f64| Shown::Late { low: 0.0, high: n * 1e6, kind: Kind::Duration, why: "late".into() };
        let unknown = || Shown::unknown("late");
        assert_eq!(apply(Operator::Less, late(4.0), ms(5.0)), Shown::Truth(true));
        assert_eq!(apply(Operator::Greater, ms(5.0), late(4.0)), Shown::Truth(true));
        assert_eq!(apply(Operator::Less, late(6.0), ms(5.0)), unknown());
        assert_eq!(apply(Operator::Greater, late(6.0), ms(5.0)), unknown());
        assert_eq!(apply(Operator::Greater, late(4.0), ms(5.0)), unknown());
        assert_eq!(apply(Operator::Equal, late(5.0), ms(5.0)), unknown());
        // `p99(a) < 2 * p99(b)`: a `b` that was measured too long proves nothing, an `a` that was does.
        let twice = |shown| apply(Operator::Multiply, Value::Number(2.0).into(), shown);
        assert_eq!(apply(Operator::Less, ms(3.0), twice(late(2.0))), unknown());
        assert_eq!(apply(Operator::Less, ms(5.0), twice(late(2.0))), unknown());
        assert_eq!(apply(Operator::Less, late(3.0), twice(ms(2.0))), Shown::Truth(true));
        assert_eq!(apply(Operator::Less, late(3.0), twice(late(2.0))), unknown());
        let ratio = |a, b| apply(Operator::Divide, a, b);
        assert_eq!(
            apply(Operator::Less, ratio(late(3.0), ms(2.0)), Shown::between(2.0, 2.0)),
            Shown::Truth(true)
        );
        assert!(matches!(
            apply(Operator::Less, ratio(ms(3.0), late(2.0)), Shown::between(2.0, 2.0)),
            Shown::Unknown(_)
        ));
        let less = |a, b| apply(Operator::Subtract, a, b);
        assert_eq!(apply(Operator::Less, less(ms(9.0), late(8.0)), ms(5.0)), unknown());
    }

    #[test]
    fn a_ratio_of_durations_is_a_number_and_a_zero_divisor_is_unknown() {
        let ms = |n: f64| Shown::from(Value::Duration(n * 1e6));
        assert_eq!(apply(Operator::Divide, ms(4.0), ms(2.0)), Shown::between(2.0, 2.0));
        assert!(matches!(apply(Operator::Divide, ms(4.0), ms(0.0)), Shown::Unknown(_)));
    }
}
