//! Typed expressions: conditions a step waits for and expectations a run is judged by. `scenario` parses and
//! type-checks them; `harness` evaluates conditions on what it sees now, `checks` evaluates expectations on a
//! history. Both only answer [`Source::call`].

use serde::{Deserialize, Serialize};

use crate::{Outcome, plan::Selector};

/// An expression whose types were checked when the scenario was loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// A literal.
    Literal(Value),
    /// A function of the run.
    Call { function: Function, arguments: Vec<Argument> },
    /// Logical negation.
    Not(Box<Expression>),
    /// Two operands.
    Binary { operator: Operator, left: Box<Expression>, right: Box<Expression> },
}

/// A value, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A plain number.
    Number(f64),
    /// Nanoseconds.
    Duration(f64),
    /// A truth value.
    Truth(bool),
    /// A process id; `None` where there is no such process or file.
    Pid(Option<u32>),
}

/// The type of a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Value::Number`
    Number,
    /// `Value::Duration`
    Duration,
    /// `Value::Truth`
    Truth,
    /// `Value::Pid`
    Pid,
}

/// Operators, weakest first in the grammar: `||`, `&&`, comparisons, `+ -`, `* /`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// An argument of a [`Function`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Argument {
    /// Phases `first..=last` (indices into `Plan::phases`).
    Phases { first: u8, last: u8 },
    /// Index into `Plan::populations`.
    Population(usize),
    /// Index into `Plan::origins`.
    Origin(usize),
    /// Processes of a target.
    Processes(Selector),
    /// A whole target: index into `Plan::targets`.
    Target(usize),
}

/// What can be asked of a run. The first group is answered at any instant from a view of the target, the second
/// from the ledger after the run; its phase and population arguments are optional and default to everything.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `ready(web.new)`: all configured workers of the generation live and one of them answered a probe.
    Ready,
    /// `workers(web.old)`: live workers of these generations.
    Workers,
    /// `alive(web.old.master)`: live processes selected.
    Alive,
    /// `pid(web.old.master)`: the pid selected, if it lives.
    Pid,
    /// `pidfile(web)`: the pid in the pid file.
    PidFile,
    /// `oldbin(web)`: the pid in the old master's pid file.
    OldBin,
    /// `answers(web)`: the generation a fresh connection is answered by; 0 for nobody.
    Answers,
    /// `generation(web.new)`: its number.
    Generation,
    /// `orphans(web)`: workers without a master.
    Orphans,
    /// `reloaded(web)`: no worker that lived when the last HUP was sent lives now, and the configured number does.
    Reloaded,

    /// `lost(upgrade..settled, users)`: attempts lost.
    Lost,
    /// `retriable(..)`: reused connections closed before any byte of an idempotent request's answer.
    Retriable,
    /// `corrupt(..)`: wrong answers.
    Corrupt,
    /// `count(..)`: attempts sent.
    Count,
    /// `ok(..)`: attempts answered completely.
    Ok,
    /// `refused(..)`, `timeout_first_byte(..)`, …: attempts of one class.
    Class(Outcome),
    /// `p50(..)`, `p99(..)`, `p99.9(..)`: latency from the intended start of the attempts answered completely, this many per mille.
    /// Attempts that were never answered count as their deadline.
    Percentile(u16),
    /// `max(..)`: the longest such latency.
    Max,
    /// `longest_gap(..)`: the longest stretch without a complete answer.
    LongestGap,
    /// `share(origin, ..)`: part of the complete answers that came from this origin, 0 to 1.
    Share,
    /// `idle(drain)`: connections open and idle through the whole phase.
    Idle,
    /// `idle_lost(drain)`: those of them whose next attempt got no answer.
    IdleLost,
    /// `stray_lost(drain)`: lost or retriable attempts from that phase on, but for those on connections that were already open
    /// when the phase began (each can lose one at most).
    StrayLost,
    /// `idle_closes_seen(..)`: connections found closed by a client that looked before it wrote: harmless.
    IdleClosesSeen,
}

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

impl Value {
    /// The type.
    pub fn kind(self) -> Kind {
        match self {
            Value::Number(_) => Kind::Number,
            Value::Duration(_) => Kind::Duration,
            Value::Truth(_) => Kind::Truth,
            Value::Pid(_) => Kind::Pid,
        }
    }

    fn number(self) -> Result<f64, String> {
        match self {
            Value::Number(number) | Value::Duration(number) => Ok(number),
            other => Err(format!("{other} is not a number")),
        }
    }
}

impl core::fmt::Display for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{}", (number * 1000.0).round() / 1000.0),
            Value::Duration(nanos) if *nanos >= 1e9 => write!(f, "{:.2}s", nanos / 1e9),
            Value::Duration(nanos) => write!(f, "{:.2}ms", nanos / 1e6),
            Value::Truth(truth) => write!(f, "{truth}"),
            Value::Pid(Some(pid)) => write!(f, "pid {pid}"),
            Value::Pid(None) => write!(f, "no pid"),
        }
    }
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
    fn what_is_not_known_is_never_true_or_false() {
        let lost = Expression::Call { function: Function::Lost, arguments: vec![] };
        let zero = Expression::Literal(Value::Number(0.0));
        let none = Expression::Binary { operator: Operator::Equal, left: lost.into(), right: zero.into() };
        assert_eq!(truth(&none, &Nothing), Err("nobody looked".into()));
    }
}
