//! What an expression is worth.

use super::{Argument, Expression, Function, Operator, Value};

/// Whoever can answer a function: a live view, or a history.
pub trait Source {
    /// The value of `function`, or why it cannot be told (too few samples, nobody looked): then nothing is proven.
    fn call(&self, function: Function, arguments: &[Argument]) -> Result<Value, String>;
}

/// The value of a well-typed expression. `Err` says what is not known.
pub fn evaluate(expression: &Expression, source: &impl Source) -> Result<Value, String> {
    match expression {
        Expression::Literal(value) => Ok(*value),
        Expression::Call { function, arguments } => source.call(*function, arguments),
        Expression::Not(inner) => Ok(Value::Truth(!truth(inner, source)?)),
        Expression::Binary { operator: Operator::And, left, right } => {
            Ok(Value::Truth(truth(left, source)? && truth(right, source)?))
        }
        Expression::Binary { operator: Operator::Or, left, right } => {
            Ok(Value::Truth(truth(left, source)? || truth(right, source)?))
        }
        Expression::Binary { operator, left, right } => {
            apply(*operator, evaluate(left, source)?, evaluate(right, source)?)
        }
    }
}

/// Whether a truth-valued expression holds.
pub fn truth(expression: &Expression, source: &impl Source) -> Result<bool, String> {
    match evaluate(expression, source)? {
        Value::Truth(truth) => Ok(truth),
        other => Err(format!("{other} is not a truth value")),
    }
}

fn apply(operator: Operator, left: Value, right: Value) -> Result<Value, String> {
    if let (Value::Pid(a), Value::Pid(b)) = (left, right) {
        // Two files that are both absent do not name the same process.
        let same = a == b && a.is_some();
        return match operator {
            Operator::Equal => Ok(Value::Truth(same)),
            Operator::NotEqual => Ok(Value::Truth(!same)),
            _ => Err("pids have no order".into()),
        };
    }
    if let (Value::Generation(0), Value::Generation(0)) = (left, right) {
        // Nor does nobody answer for a generation that never was.
        match operator {
            Operator::Equal => return Ok(Value::Truth(false)),
            Operator::NotEqual => return Ok(Value::Truth(true)),
            _ => {}
        }
    }
    let (a, b) = (left.number()?, right.number()?);
    let unit = |number| match (left, right) {
        (Value::Duration(_), Value::Duration(_)) if operator == Operator::Divide => Value::Number(number),
        (Value::Duration(_), _) | (_, Value::Duration(_)) => Value::Duration(number),
        _ => Value::Number(number),
    };
    Ok(match operator {
        Operator::Equal => Value::Truth(a == b),
        Operator::NotEqual => Value::Truth(a != b),
        Operator::Less => Value::Truth(a < b),
        Operator::LessOrEqual => Value::Truth(a <= b),
        Operator::Greater => Value::Truth(a > b),
        Operator::GreaterOrEqual => Value::Truth(a >= b),
        Operator::Add => unit(a + b),
        Operator::Subtract => unit(a - b),
        Operator::Multiply => unit(a * b),
        Operator::Divide if b == 0.0 => return Err("division by zero".into()),
        Operator::Divide => unit(a / b),
        Operator::And | Operator::Or => return Err("not a truth value".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;
    impl Source for Nothing {
        fn call(&self, _: Function, _: &[Argument]) -> Result<Value, String> {
            Err("nobody looked".into())
        }
    }

    #[test]
    fn two_absent_pids_are_not_the_same_process() {
        assert_eq!(apply(Operator::Equal, Value::Pid(None), Value::Pid(None)), Ok(Value::Truth(false)));
        assert_eq!(apply(Operator::Equal, Value::Pid(Some(1)), Value::Pid(Some(1))), Ok(Value::Truth(true)));
    }

    #[test]
    fn two_generations_that_are_not_there_are_not_the_same_and_each_is_0() {
        let (none, zero) = (Value::Generation(0), Value::Number(0.0));
        assert_eq!(apply(Operator::Equal, none, none), Ok(Value::Truth(false)));
        assert_eq!(apply(Operator::NotEqual, none, none), Ok(Value::Truth(true)));
        assert_eq!(apply(Operator::Equal, none, zero), Ok(Value::Truth(true)));
        let two = Value::Generation(2);
        assert_eq!(apply(Operator::Equal, two, two), Ok(Value::Truth(true)));
        assert_eq!(apply(Operator::Greater, two, none), Ok(Value::Truth(true)));
    }

    #[test]
    fn what_is_not_known_is_never_true_or_false() {
        let lost = Expression::Call { function: Function::Lost, arguments: vec![] };
        let zero = Expression::Literal(Value::Number(0.0));
        let none = Expression::Binary { operator: Operator::Equal, left: lost.into(), right: zero.into() };
        assert_eq!(truth(&none, &Nothing), Err("nobody looked".into()));
    }
}
