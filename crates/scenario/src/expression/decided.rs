//! Comparisons whose answer is known before anything runs: of constants, of a thing with itself, of a count with what
//! no count can be. Such a line proves nothing, whatever the run does.

use facts::{
    Expression,
    expression::{Function, Operator, Value},
};

/// Where a number can lie, ends included.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: f64,
    most: f64,
    /// Only whole numbers.
    whole: bool,
}

/// Why `left operator right` has the same answer in every run, if it has.
pub(super) fn decided(operator: Operator, left: &Expression, right: &Expression) -> Option<&'static str> {
    use Operator::{Add, And, Divide, Equal, Multiply, NotEqual, Or, Subtract};
    match operator {
        Add | Multiply => None,
        Divide if is_nothing(right) => Some("it divides by 0"),
        Subtract | Divide => is_same(left, right).then_some("both sides are the same"),
        And | Or => is_opposite(left, right).then_some("one side is true whenever the other is not"),
        _ if left.functions().is_empty() && right.functions().is_empty() => {
            Some("nothing in it is asked of the run")
        }
        // Two pids that are both absent are not equal: even of one with itself this asks whether it is there.
        Equal | NotEqual if left == right && is_pid(left) => None,
        _ if left == right => Some("both sides are the same"),
        _ => out_of_reach(operator, range(left)?, range(right)?),
    }
}

fn is_nothing(side: &Expression) -> bool {
    range(side).is_some_and(|range| range.least == 0.0 && range.most == 0.0)
}

fn is_same(left: &Expression, right: &Expression) -> bool {
    left == right && !left.functions().is_empty()
}

fn is_pid(side: &Expression) -> bool {
    matches!(side, Expression::Call { function: Function::Pid | Function::PidFile | Function::OldBin, .. })
}

/// `a` and `!a`, `lost == 0` and `lost != 0`, `lost == 0` and `lost > 0`.
fn is_opposite(left: &Expression, right: &Expression) -> bool {
    let denies = |a: &Expression, b: &Expression| matches!(a, Expression::Not(inner) if **inner == *b);
    if denies(left, right) || denies(right, left) {
        return true;
    }
    let (
        Expression::Binary { operator: a, left: of, right: with },
        Expression::Binary { operator: b, left: also_of, right: also_with },
    ) = (left, right)
    else {
        return false;
    };
    (of, with) == (also_of, also_with) && opposite(at_the_end(*a, of, with)) == Some(at_the_end(*b, of, with))
}

/// Above the least that a side can be is anything but that: `lost > 0` is `lost != 0`, and `lost <= 0` is `lost == 0`.
fn at_the_end(operator: Operator, of: &Expression, with: &Expression) -> Operator {
    let (Some(of), Some(with)) = (range(of), range(with)) else { return operator };
    match operator {
        Operator::Greater if with.most <= of.least => Operator::NotEqual,
        Operator::LessOrEqual if with.most <= of.least => Operator::Equal,
        other => other,
    }
}

fn opposite(operator: Operator) -> Option<Operator> {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let pairs = [(Equal, NotEqual), (Less, GreaterOrEqual), (Greater, LessOrEqual)];
    pairs.iter().find_map(|(a, b)| match operator {
        same if same == *a => Some(*b),
        same if same == *b => Some(*a),
        _ => None,
    })
}

/// Why two numbers that lie there compare as they do.
fn out_of_reach(operator: Operator, left: Range, right: Range) -> Option<&'static str> {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let (always, never) = match operator {
        Less => (left.most < right.least, left.least >= right.most),
        LessOrEqual => (left.most <= right.least, left.least > right.most),
        Greater => (left.least > right.most, left.most <= right.least),
        GreaterOrEqual => (left.least >= right.most, left.most < right.least),
        Equal => (are_one(left, right), are_apart(left, right)),
        NotEqual => (are_apart(left, right), are_one(left, right)),
        _ => (false, false),
    };
    match (always, never) {
        (true, _) => Some("it can never be false"),
        (_, true) => Some("it can never be true"),
        _ => None,
    }
}

fn are_one(left: Range, right: Range) -> bool {
    left.least == right.most && left.most == right.least
}

fn are_apart(left: Range, right: Range) -> bool {
    let between = |a: Range, b: Range| a.whole && b.least == b.most && b.least.fract() != 0.0;
    left.most < right.least || right.most < left.least || between(left, right) || between(right, left)
}

/// Where a number lies; `None` for what is none, or is divided by what may be 0.
fn range(expression: &Expression) -> Option<Range> {
    match expression {
        Expression::Literal(Value::Number(n) | Value::Duration(n)) => Some(Range::only(*n)),
        Expression::Call { function, .. } => of_function(*function),
        Expression::Binary { operator, left, right } => combined(*operator, range(left)?, range(right)?),
        Expression::Literal(_) | Expression::Not(_) => None,
    }
}

fn of_function(function: Function) -> Option<Range> {
    use Function::{
        Accepting, Done, FirstNew, FirstStart, LastEnd, LastOld, LastStart, Left, LongestGap, Max, Moved,
        MovedMinimum, OldBin, Percentile, Pid, PidFile, Ready, Reloaded, Share, Took,
    };
    let up_to = |most, whole| Some(Range { least: 0.0, most, whole });
    match function {
        Ready | Reloaded | Done | Pid | PidFile | OldBin => None,
        Accepting => up_to(1.0, true),
        Share | Moved | MovedMinimum | Left => up_to(1.0, false),
        Percentile(_) | Max | LongestGap | Took | FirstStart | LastStart | LastEnd | FirstNew(_)
        | LastOld(_) => up_to(f64::INFINITY, false),
        _ => up_to(f64::INFINITY, true),
    }
}

fn combined(operator: Operator, a: Range, b: Range) -> Option<Range> {
    // Nothing times infinity is still nothing.
    let times = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
    let by = |x: f64, y: f64| if x.is_infinite() && y.is_infinite() { 0.0 } else { x / y };
    let corners = |f: &dyn Fn(f64, f64) -> f64, whole| {
        let all = [f(a.least, b.least), f(a.least, b.most), f(a.most, b.least), f(a.most, b.most)];
        let least = all.into_iter().fold(f64::INFINITY, f64::min);
        let most = all.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Some(Range { least, most, whole })
    };
    let whole = a.whole && b.whole;
    match operator {
        Operator::Add => Some(Range { least: a.least + b.least, most: a.most + b.most, whole }),
        Operator::Subtract => Some(Range { least: a.least - b.most, most: a.most - b.least, whole }),
        Operator::Multiply => corners(&times, whole),
        Operator::Divide if b.least > 0.0 => corners(&by, false),
        // By what may be nothing: no answer then, and else at least 0.
        Operator::Divide if a.least >= 0.0 && b.least >= 0.0 && b.most > 0.0 => {
            Some(Range { least: 0.0, most: f64::INFINITY, whole: false })
        }
        _ => None,
    }
}

impl Range {
    fn only(number: f64) -> Range {
        Range { least: number, most: number, whole: number.fract() == 0.0 }
    }
}
