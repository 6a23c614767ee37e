//! Renderings of one value: what became of a case. Terminal lines, the per-phase table, `result.json`, JUnit, GitHub's
//! summary; and of two sets of runs: their comparison. It judges nothing, and writes nowhere: every rendering is a
//! `String` for its caller to print or keep.

mod case;
mod comparison;
mod figures;
mod github;
mod json;
mod junit;
mod load;
mod paint;
mod phase_table;
mod summary;
mod terminal;

#[cfg(test)]
mod example;

pub use case::{CaseResult, Disposition};
pub use comparison::{COMPARISON_NOTE, comparison};
pub use github::{annotations, github_summary};
pub use json::result_json;
pub use junit::junit;
pub use load::{Echo, Evidence, LoadResult, LoadVerdict, Priority, Spread, load_json, load_table};
pub use paint::Paint;
pub use phase_table::{PHASE_TABLE_NOTE, phase_table};
pub use summary::Tally;
pub use terminal::{asides, case_line, evidence};
