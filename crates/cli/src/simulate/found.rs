//! What an exploration found, as text.

use std::time::Duration;

use simulator::{Exploration, Model};

/// How much was explored.
pub(super) fn counts<A>(found: &Exploration<A>) -> String {
    let exhausted = if found.exhausted { "exhausted" } else { "NOT EXHAUSTED" };
    format!("{exhausted}: {} states, {} edges, {} steps deep", found.states, found.edges, found.depth)
}

/// How fast.
pub(super) fn pace(states: usize, took: Duration) -> String {
    let seconds = took.as_secs_f64();
    format!("{seconds:.1} s, {:.0} states/s", states as f64 / seconds.max(f64::EPSILON))
}

/// A counterexample, line by line.
pub(super) fn timeline<M: Model>(model: &M, trace: &[M::Action]) -> String {
    let mut state = model.initial();
    let mut lines = Vec::new();
    for (at, action) in trace.iter().enumerate() {
        lines.push(format!("    {:>3}  {}", at + 1, model.tell(&state, *action)));
        state = model.apply(&state, *action);
    }
    lines.join("\n")
}
