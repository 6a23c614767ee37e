//! Judges a history against its plan. One property, one function, one row in [`CHECKS`]; expectations of a scenario
//! are judged by [`judge`] too. It never runs anything and reads no file: the same history gives the same verdict,
//! today and in a replay. Nothing passes by default: what was not seen is unknown.

mod accounts;
mod allowance;
mod ask;
mod attempt;
mod cause;
mod check;
mod clients;
pub mod conforms;
mod coverage;
mod descriptors;
mod executions;
mod exposure;
mod fault;
mod generations;
mod generator;
mod identities;
mod idle;
mod in_force;
mod index;
mod judge;
mod kernel;
mod latency;
mod leftovers;
mod lives;
mod machine;
mod masters;
mod phase_row;
mod pid_file;
mod policy;
mod possible;
mod proof;
mod reactions;
mod remarks;
mod sealed;
mod serving;
mod shifts;
mod spelling;
mod split;
mod steps;
mod story;
mod takings;
mod tended;
mod timing;
mod treatment;
mod upgrade;
mod watched;

#[cfg(test)]
mod built;

pub use accounts::{Fates, Identity, accounts, fates};
pub use attempt::Execution;
pub use cause::Cause;
pub use check::{CHECKS, Check};
pub use index::Index;
pub use judge::{Judged, Judgement, judge};
pub use kernel::Counted;
pub use latency::Latencies;
pub use machine::Machine;
pub use phase_row::PhaseRow;
pub use policy::Retried;
pub use story::{Holder, LifeStory, SignalBefore};
pub use treatment::PopulationRow;
pub use upgrade::Upgrade;
