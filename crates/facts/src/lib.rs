//! The words of a run, and nothing that happens: ids, outcomes, the layout of a record, events, the plan,
//! the verdict. Knows no clock, no file and no process; every other crate speaks in these words.

pub mod caller;
pub mod content;
pub mod event;
pub mod expression;
pub mod fault;
pub mod history;
mod id_set;
pub mod journal;
pub mod kernel;
pub mod outcome;
pub mod plan;
pub mod record;
pub mod seed;
pub mod site;
mod socket;
pub mod verdict;

pub use caller::Caller;
pub use content::Content;
pub use event::{Event, Moment, Role, Stamped};
pub use expression::Expression;
pub use history::{History, Turns};
pub use id_set::IdSet;
pub use outcome::{Blame, Outcome};
pub use plan::{CHECK_NAMES, Plan};
pub use record::Record;
pub use socket::SocketState;
pub use verdict::Verdict;

/// Generation of a target: one master and its workers, numbered from 1. Zero means "not known".
pub type Generation = u32;

/// Nanoseconds on `CLOCK_MONOTONIC`, the one clock of a run.
pub type Nanos = u64;
