//! Typed expressions: conditions a step waits for and expectations a run is judged by. `scenario` parses and
//! type-checks them; `harness` evaluates conditions on what it sees now, `checks` evaluates expectations on a
//! history. Both only answer [`Source::call`].

mod evaluation;

use serde::{Deserialize, Serialize};

pub use evaluation::{Source, evaluate, truth};

use crate::{Generation, Outcome, plan::Selector};

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
    /// A generation; 0 where there is none. A number in every way but one: two that are not there are not the same.
    Generation(Generation),
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
    /// Steps `first..=last` (indices into `Plan::steps`).
    Steps { first: usize, last: usize },
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
    /// `accepting(web)`: 1 while a fresh connection is answered, 0 while none is.
    Accepting,
    /// `zombies(web)`: ended processes that nobody has reaped.
    Zombies,
    /// `fired(web)`: processes that failed at a failpoint.
    Fired,
    /// `fds(web.master)`: open file descriptors of these processes together.
    Fds,

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
    /// `took(drain..commit)`: how long these phases lasted.
    Took,
    /// `done(ID)`: the steps of that id were done. Of one that was skipped or failed, no.
    Done,

    /// `clients(..)`: clients with an address of their own that got an answer.
    Clients,
    /// `moved(before, after)`: part of the clients answered before whom another back end answers after, 0 to 1.
    Moved,
    /// `moved_minimum(before, after)`: the part that had to move for the shares to become those of after.
    MovedMinimum,
    /// Part of the clients of an origin before that are at another one after.
    Left,
    /// `flaps(..)`: how often clients changed their back end beyond once per change of the configuration.
    Flaps,
    /// `variants(..)`: the most back ends that any one client was answered by.
    Variants,
    /// `started(b, ..)`: requests that this back end began to execute.
    Started,
    /// `unfinished(b, ..)`: those of them that it never answered.
    Unfinished,
    /// `first_start(b, ..)`: from the begin of the phases to the first of them.
    FirstStart,
    /// `last_start(b, ..)`: from the begin of the phases to the last of them.
    LastStart,
    /// `last_end(b, ..)`: from the begin of the phases to the last answer to any of them, or to one begun before.
    LastEnd,
    /// `exposed(b, ..)`: requests that met a planted fault of this back end, whether or not their client noticed.
    Exposed,
    /// `shifts(..)`: how often other weights took effect that gave a member its first requests, or its last.
    Shifts,
    /// `first_new_p50(..)`: of these, from the order to the first request of such a member. Of a thousand; 1000 is the latest.
    FirstNew(u16),
    /// `last_old_p50(..)`: from the order to the last one.
    LastOld(u16),
}

impl Function {
    /// Whether a [`View`](crate::event::View) answers it, at any instant; the others need the ledger or the log.
    pub fn is_live(self) -> bool {
        use Function::*;
        matches!(
            self,
            Ready
                | Workers
                | Alive
                | Pid
                | PidFile
                | OldBin
                | Answers
                | Generation
                | Orphans
                | Reloaded
                | Accepting
                | Zombies
                | Fired
                | Fds
        )
    }
}

impl Expression {
    /// Every function it asks.
    pub fn functions(&self) -> Vec<Function> {
        self.calls().into_iter().map(|(function, _)| function).collect()
    }

    /// Every function it asks, with its arguments.
    pub fn calls(&self) -> Vec<(Function, &[Argument])> {
        match self {
            Expression::Literal(_) => Vec::new(),
            Expression::Call { function, arguments } => vec![(*function, arguments)],
            Expression::Not(inner) => inner.calls(),
            Expression::Binary { left, right, .. } => [left.calls(), right.calls()].concat(),
        }
    }
}

impl Value {
    /// The type.
    pub fn kind(self) -> Kind {
        match self {
            Value::Number(_) | Value::Generation(_) => Kind::Number,
            Value::Duration(_) => Kind::Duration,
            Value::Truth(_) => Kind::Truth,
            Value::Pid(_) => Kind::Pid,
        }
    }

    fn number(self) -> Result<f64, String> {
        match self {
            Value::Number(number) | Value::Duration(number) => Ok(number),
            Value::Generation(generation) => Ok(f64::from(generation)),
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
            Value::Generation(generation) => write!(f, "{generation}"),
        }
    }
}
