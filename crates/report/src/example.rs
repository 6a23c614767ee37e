//! Hand-made results for tests.

use std::time::Duration;

use checks::{Cause, Counted, Judged, Judgement, LifeStory, PhaseRow, PopulationRow, Retried};
use facts::{
    Expression, Outcome, Plan, Verdict,
    expression::Value,
    kernel::Extent,
    plan::{Case, Claim, Expectation, KnownFailure, Place},
};

use crate::{CaseResult, Disposition, Echo, Evidence, LoadResult, Priority, Spread};

/// A case that lost three requests.
pub(crate) fn failed() -> CaseResult {
    let verdicts = vec![
        judged_as(
            31,
            "lost(upgrade) == 0",
            Verdict::Fail {
                lines: vec!["`lost(upgrade) == 0` is not true".into(), "lost(upgrade) = 3".into()],
            },
        ),
        judged_as(
            32,
            "p99(upgrade) < 5ms",
            Verdict::unknown("406 samples in upgrade are too few for this percentile"),
        ),
        judged_as(33, "orphans(web) == 0", Verdict::pass("orphans(web) = 0")),
    ];
    let mut upgrade = row("upgrade", Some(812_400_000), (406, 3), (400, None, 88_000));
    let counters = [("AttemptFails".to_owned(), 3)].into_iter().collect();
    upgrade.kernel = Some(Counted { extent: Extent::Run, counters });
    let judgement = Judgement {
        machine: checks::Machine::default(),
        overall: Verdict::worst(verdicts.iter().map(|judged| judged.verdict.clone())),
        verdicts,
        phases: vec![row("steady", Some(3_000_000_000), (1500, 0), (300, Some(1200), 4100)), upgrade],
        total: row("total", None, (1906, 3), (300, Some(1400), 88_000)),
        classes: vec![(Outcome::Ok, 1903), (Outcome::Refused, 3)],
        populations: vec![],
        retried: vec![retried("none", 3), retried("browser", 3)],
        lost: vec![life()],
        retriable: vec![],
        remarks: vec![],
    };
    let directory = Some("/tmp/run/1".into());
    CaseResult { judgement: Some(judgement), directory, ..without_judgement(Disposition::Failed) }
}

/// What became of a population.
pub(crate) fn population(name: &str) -> PopulationRow {
    PopulationRow {
        name: name.into(),
        at_drain: facts::plan::AtDrain::MustFinish,
        sent: 10,
        ok: 10,
        lost: 0,
        retriable: 0,
        corrupt: 0,
        excused: 0,
        deadline: 0,
        unseen: 0,
        ended_at_boundary: 0,
        syn_retries: 0,
        verdict: Verdict::pass("10 of 10 answered"),
    }
}

/// What a policy comes to.
pub(crate) fn retried(policy: &'static str, failed: u64) -> Retried {
    Retried { policy, repeated: 3 - failed, failed, executed_twice: None }
}

/// The same, with nothing lost.
pub(crate) fn passed() -> CaseResult {
    let mut result = CaseResult { disposition: Disposition::Passed, ..failed() };
    if let Some(judgement) = &mut result.judgement {
        judgement.total.lost = 0;
    }
    result
}

/// A case without a history.
pub(crate) fn without_judgement(disposition: Disposition) -> CaseResult {
    CaseResult {
        case: "upgrade/usr2::target=web".into(),
        file: "scenarios/upgrade/usr2.toml".into(),
        title: "an upgrade".into(),
        seed: 7,
        is_repeated: false,
        took: Duration::from_millis(4200),
        disposition,
        judgement: None,
        directory: None,
        rerun: "cargo xtask verify 'upgrade/usr2::target=web' --seed 7".into(),
    }
}

/// A plan and what its expectations came to.
pub(crate) fn judged(must_fail: bool, known: Option<&str>, verdicts: &[Verdict]) -> (Plan, Judgement) {
    let verdicts: Vec<Judged> = verdicts.iter().map(|verdict| judged_as(1, "it", verdict.clone())).collect();
    let judgement = Judgement {
        machine: checks::Machine::default(),
        overall: Verdict::worst(verdicts.iter().map(|judged| judged.verdict.clone())),
        verdicts,
        phases: vec![],
        total: PhaseRow::default(),
        classes: vec![],
        populations: vec![],
        retried: vec![],
        lost: vec![],
        retriable: vec![],
        remarks: vec![],
    };
    (plan(must_fail, known), judgement)
}

fn judged_as(line: u32, text: &str, verdict: Verdict) -> Judged {
    let place = Some(Place { file: "a.toml".into(), line, column: 10 });
    let claim = Claim::Holds(Expression::Literal(Value::Truth(true)));
    Judged { expectation: Expectation { place, text: text.into(), claim }, verdict }
}

/// Counts are (sent, lost), times are (p50, p99, max) in microseconds.
fn row(name: &str, lasted_ns: Option<u64>, counts: (u64, u64), times: (u64, Option<u64>, u64)) -> PhaseRow {
    PhaseRow {
        name: name.into(),
        lasted_ns,
        planned: counts.0,
        sent: counts.0,
        ok: counts.0 - counts.1,
        lost: counts.1,
        p50: Some(times.0 * 1000),
        p99: times.1.map(|us| us * 1000),
        max: Some(times.2 * 1000),
        ..PhaseRow::default()
    }
}

fn life() -> LifeStory {
    LifeStory {
        id: 7,
        outcome: Outcome::Refused,
        seen_as: Outcome::Refused,
        intended_ns: 3_100_000_000,
        took_ns: 1_000_000,
        phase: "upgrade".into(),
        population: "users".into(),
        connection: 12,
        sequence: 0,
        bytes_out: 0,
        head_untold: false,
        bytes_in: 0,
        errno: "ECONNREFUSED".into(),
        status: 0,
        answered_by: None,
        held_by: None,
        execution: checks::Execution::Unknown,
        socket: None,
        signal: None,
        fault: None,
        kernel: None,
        cause: Cause::Unknown,
    }
}

fn plan(must_fail: bool, known: Option<&str>) -> Plan {
    let case = Case { id: "c".into(), file: "a.toml".into(), title: "t".into(), tags: vec![] };
    Plan {
        schema: 1,
        case,
        seed: 7,
        minimum_samples: 1,
        known_failure: known.map(|why| KnownFailure { why: why.to_owned(), fails: vec!["it".into()] }),
        must_fail,
        ..Plan::default()
    }
}

/// Ten seconds of load that lost nothing.
pub(crate) fn load() -> LoadResult {
    let times = Spread {
        count: 5012,
        min: Some(51_000),
        mean: Some(80_000),
        p50: Some(71_000),
        p90: Some(112_000),
        p99: Some(942_000),
        max: Some(123_456_000),
        ..Spread::default()
    };
    LoadResult {
        url: "http://127.0.0.1:8080/".into(),
        clients: "64 kept connections, 1 thread".into(),
        pace: "500/s at random".into(),
        evidence: Evidence::Open,
        seed: 1,
        lasted: Duration::from_secs(10),
        asked: Some(500.0),
        planned: 5012,
        sent: 5012,
        unsent: 0,
        classes: vec![(Outcome::Ok, 5012)],
        bytes_out: 405_972,
        bytes_in: 1_234_567,
        connections: 64,
        latency: times,
        service: times,
        lag: times,
        late: None,
        echo: Echo::Checked,
        priority: Priority::First,
        interrupted: false,
    }
}
