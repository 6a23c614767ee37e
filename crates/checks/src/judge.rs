//! From a history to verdicts.

use facts::{
    Blame, History, Outcome, Plan, Verdict,
    plan::{Claim, Expectation},
};

use crate::{
    CHECKS, Index, LifeStory, Machine, PhaseRow, PopulationRow, Retried,
    ask::ask,
    phase_row::{classes, rows, total},
    policy::retried,
    proof,
    remarks::remarks,
    spelling,
    story::story,
    treatment::populations,
    watched,
};

/// What a history shows.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Each expectation of the plan with its verdict, in order.
    pub verdicts: Vec<Judged>,
    /// One row per phase of the plan.
    pub phases: Vec<PhaseRow>,
    /// All phases together.
    pub total: PhaseRow,
    /// Attempts by class; classes that did not occur are left out.
    pub classes: Vec<(Outcome, u64)>,
    /// One row per population of the plan.
    pub populations: Vec<PopulationRow>,
    /// What users of clients that repeat requests would have seen.
    pub retried: Vec<Retried>,
    /// Attempts lost or answered wrongly.
    pub lost: Vec<LifeStory>,
    /// Attempts a careful client may retry.
    pub retriable: Vec<LifeStory>,
    /// What was allowed not to come to pass, and did not: a line each.
    pub remarks: Vec<String>,
    /// Where it ran.
    pub machine: Machine,
    /// The worst of `verdicts`.
    pub overall: Verdict,
}

/// An expectation and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What must be true.
    pub expectation: Expectation,
    /// Whether it is.
    pub verdict: Verdict,
}

/// Judges a history by the expectations of its plan.
pub fn judge(plan: &Plan, history: &History) -> Judgement {
    let index = Index::new(plan, history);
    let judged = |expectation: &Expectation| Judged {
        expectation: expectation.clone(),
        verdict: only_if_sealed(history, verdict(&index, expectation)),
    };
    let verdicts: Vec<Judged> = plan.expectations.iter().map(judged).collect();
    let told = |blames: &[Blame]| {
        let of = index.attempts.iter().filter(|a| blames.contains(&a.blame()));
        of.map(|attempt| story(&index, attempt)).collect()
    };
    Judgement {
        overall: Verdict::worst(verdicts.iter().map(|judged| judged.verdict.clone())),
        phases: rows(&index),
        total: total(&index),
        classes: classes(&index),
        populations: populations(&index),
        retried: retried(&index),
        lost: told(&[Blame::Lost, Blame::Corrupt]),
        retriable: told(&[Blame::Retriable]),
        remarks: remarks(&index),
        machine: Machine::of(history),
        verdicts,
    }
}

fn verdict(index: &Index, expectation: &Expectation) -> Verdict {
    match &expectation.claim {
        Claim::Holds(expression) => {
            let truth = proof::shown(expression, &|function, arguments| ask(index, function, arguments));
            proof::verdict(truth, &expectation.text, spelling::values(index, expression))
        }
        Claim::Always(condition) => watched::always(index, condition),
        Claim::Reached(condition) => watched::reached(index, condition),
        Claim::Check(name) => match CHECKS.iter().find(|check| check.name == name) {
            Some(check) => (check.judge)(index),
            None => Verdict::unknown(format!("there is no check named `{name}`")),
        },
    }
}

/// A history that is not whole shows what it shows, but never that all was well.
fn only_if_sealed(history: &History, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Pass { .. } if !history.is_sealed() => {
            Verdict::unknown("the history of the run is not whole")
        }
        verdict => verdict,
    }
}

#[cfg(test)]
mod tests {
    use facts::{Outcome, Verdict, plan::Claim};

    use super::judge;
    use crate::built::{Built, UNKNOWN, check};

    #[test]
    fn nothing_asked_is_nothing_shown() {
        let built = Built::good();
        assert_eq!(judge(&built.plan, &built.history).overall.rank(), 1);
        check("no-such-check", Built::good(), UNKNOWN);
    }

    #[test]
    fn rows_count_by_phase_of_intention_and_add_up() {
        let built = Built::good().outcome(120, Outcome::Refused).outcome(121, Outcome::RetriableClose);
        let judgement = judge(&built.plan, &built.history);
        let lost: Vec<u64> = judgement.phases.iter().map(|row| row.lost).collect();
        assert_eq!(lost, [0, 1, 0]);
        let row = &judgement.phases[1];
        assert_eq!((row.sent, row.ok, row.retriable), (100, 98, 1));
        assert_eq!(row.p50, Some(1_000_000));
        assert_eq!(row.p99, None, "100 samples are too few");
        assert_eq!(judgement.total.sent, judgement.phases.iter().map(|row| row.sent).sum::<u64>());
        assert_eq!(judgement.classes.iter().map(|(_, n)| n).sum::<u64>(), judgement.total.planned);
    }

    #[test]
    fn the_worst_verdict_is_the_overall_one() {
        let mut built = Built::good().outcome(3, Outcome::WrongId);
        for name in ["sealed", "no-corruption"] {
            let claim = Claim::Check(name.into());
            built.plan.expectations.push(facts::plan::Expectation { place: None, text: name.into(), claim });
        }
        let judgement = judge(&built.plan, &built.history);
        assert!(matches!(judgement.verdicts[0].verdict, Verdict::Pass { .. }));
        assert!(matches!(judgement.overall, Verdict::Fail { .. }));
    }
}
