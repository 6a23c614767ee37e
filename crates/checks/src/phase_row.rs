//! One row of the per-phase table.

use facts::{Blame, Nanos, Outcome};
use serde::Serialize;

use crate::{Counted, Index, ask::was_sent, index::Scope, kernel, latency::Latencies, timing::kept_up};

/// Counts and latencies of the attempts meant to start in one phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PhaseRow {
    /// The phase.
    pub name: String,
    /// How long it lasted; `None` when it never began.
    pub lasted_ns: Option<Nanos>,
    /// Attempts planned.
    pub planned: u64,
    /// Attempts begun.
    pub sent: u64,
    /// Answered completely.
    pub ok: u64,
    /// Got no complete answer though the client did everything right.
    pub lost: u64,
    /// Reused connections closed before any byte of an idempotent request's answer.
    pub retriable: u64,
    /// Wrong answers.
    pub corrupt: u64,
    /// Explained by what the scenario itself did.
    pub excused: u64,
    /// Nobody saw how they ended.
    pub unseen: u64,
    /// Latency from the intended start, in nanoseconds. `None` with fewer than 10 samples beyond it.
    pub p50: Option<Nanos>,
    /// See `p50`.
    pub p90: Option<Nanos>,
    /// See `p50`.
    pub p99: Option<Nanos>,
    /// See `p50`.
    pub p999: Option<Nanos>,
    /// The longest; `None` without a sample.
    pub max: Option<Nanos>,
    /// The generator itself was late: these times are not the server's.
    pub generator_was_late: bool,
    /// What the kernel counted meanwhile; `None` where that was not seen.
    pub kernel: Option<Counted>,
}

/// The row of each phase, in order.
pub(crate) fn rows(index: &Index) -> Vec<PhaseRow> {
    (0..index.plan.phases.len()).map(|phase| row(index, phase as u8)).collect()
}

fn row(index: &Index, phase: u8) -> PhaseRow {
    let scope = Scope::phase(phase);
    let lasted = index.phases.get(usize::from(phase)).copied().flatten();
    PhaseRow {
        name: index.phase_name(phase).to_owned(),
        lasted_ns: lasted.map(|stretch| stretch.end - stretch.begin),
        generator_was_late: kept_up(index, phase).is_err(),
        ..counted(index, scope)
    }
}

/// The row of everything.
pub(crate) fn total(index: &Index) -> PhaseRow {
    let late = (0..index.plan.phases.len()).any(|phase| kept_up(index, phase as u8).is_err());
    PhaseRow { name: "total".into(), generator_was_late: late, ..counted(index, Scope::default()) }
}

fn counted(index: &Index, scope: Scope) -> PhaseRow {
    let mut row = PhaseRow::default();
    for attempt in index.attempts(scope) {
        row.planned += 1;
        row.sent += u64::from(was_sent(attempt));
        *match attempt.blame() {
            Blame::Nobody => &mut row.ok,
            Blame::Lost => &mut row.lost,
            Blame::Retriable => &mut row.retriable,
            Blame::Corrupt => &mut row.corrupt,
            Blame::Excused => &mut row.excused,
            Blame::Generator => &mut row.unseen,
        } += 1;
    }
    let latencies = Latencies::of(index, index.attempts(scope));
    (row.p50, row.p90) = (latencies.percentile(500), latencies.percentile(900));
    (row.p99, row.p999) = (latencies.percentile(990), latencies.percentile(999));
    PhaseRow { max: latencies.max(), kernel: kernel::counted(index, scope), ..row }
}

/// How many attempts ended in each class, in ledger order, without those that did not occur.
pub(crate) fn classes(index: &Index) -> Vec<(Outcome, u64)> {
    let count = |class| index.attempts.iter().filter(|a| a.outcome == class).count() as u64;
    Outcome::ALL.into_iter().map(|class| (class, count(class))).filter(|(_, n)| *n > 0).collect()
}
