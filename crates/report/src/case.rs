//! What became of one case.

use std::{path::PathBuf, time::Duration};

use checks::{Judged, Judgement};
use facts::{Plan, Verdict, plan::KnownFailure};

/// One case that was run, or the reason why it was not.
#[derive(Debug)]
pub struct CaseResult {
    /// `upgrade/usr2-winch-quit::target=nginx`
    pub case: String,
    /// The scenario file, as the user named it.
    pub file: String,
    /// One sentence.
    pub title: String,
    /// What its populations drew from.
    pub seed: u64,
    /// The case runs several times, each with another seed.
    pub is_repeated: bool,
    /// How long it took.
    pub took: Duration,
    /// How it counts.
    pub disposition: Disposition,
    /// What its history shows, if there is one.
    pub judgement: Option<Judgement>,
    /// Where its history was kept, if it was.
    pub directory: Option<PathBuf>,
    /// The command that runs just this case again.
    pub rerun: String,
}

/// How a case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Everything expected is shown.
    Passed,
    /// Something expected is refuted.
    Failed,
    /// Something expected is neither shown nor refuted.
    Unknown,
    /// Not run; why, and what to do about it.
    Skipped { why: String },
    /// Failed, as is known of this target.
    FailedAsKnown { why: String },
    /// Passed, though it is known to fail: the knowledge is out of date.
    PassedUnexpectedly,
    /// A planted loss, and it was found.
    Caught,
    /// A planted loss that was not found: the verdicts of this run are worth nothing.
    Missed,
    /// The target did not start: nothing could be asked of it.
    NotStarted { why: String },
    /// The harness could not run it.
    Broken { why: String },
}

impl Disposition {
    /// How a judged case counts.
    pub fn of(plan: &Plan, judgement: &Judgement) -> Disposition {
        if plan.must_fail {
            return planted(&judgement.verdicts);
        }
        match (&judgement.overall, &plan.known_failure) {
            (Verdict::Pass { .. }, None) => Disposition::Passed,
            (Verdict::Unknown { .. }, None) => Disposition::Unknown,
            (Verdict::Fail { .. }, None) => Disposition::Failed,
            (_, Some(known)) => known_to_fail(known, &judgement.verdicts),
        }
    }

    /// The word at the start of its line.
    pub fn word(&self) -> &'static str {
        match self {
            Disposition::Passed => "PASS",
            Disposition::Failed | Disposition::NotStarted { .. } => "FAIL",
            Disposition::Unknown => "UNKNOWN",
            Disposition::Skipped { .. } => "SKIP",
            Disposition::FailedAsKnown { .. } => "XFAIL",
            Disposition::PassedUnexpectedly => "XPASS",
            Disposition::Caught => "CAUGHT",
            Disposition::Missed => "MISSED",
            Disposition::Broken { .. } => "BROKEN",
        }
    }

    /// The reason it carries; the first line says it, the others are evidence.
    pub fn why(&self) -> Option<&str> {
        match self {
            Disposition::Skipped { why }
            | Disposition::FailedAsKnown { why }
            | Disposition::NotStarted { why }
            | Disposition::Broken { why } => Some(why),
            _ => None,
        }
    }

    /// True when it was not run.
    pub fn is_skip(&self) -> bool {
        matches!(self, Disposition::Skipped { .. })
    }

    /// True when the case did what it must.
    pub fn is_good(&self) -> bool {
        matches!(self, Disposition::Passed | Disposition::FailedAsKnown { .. } | Disposition::Caught)
    }
}

/// A planted loss is caught when every expectation the scenario itself wrote down is refuted: one that is only
/// unknown may have been missed.
fn planted(verdicts: &[Judged]) -> Disposition {
    let written = || verdicts.iter().filter(|judged| judged.expectation.place.is_some());
    match Verdict::worst(written().map(|judged| judged.verdict.clone())) {
        _ if written().any(|judged| matches!(judged.verdict, Verdict::Pass { .. })) => Disposition::Missed,
        Verdict::Fail { .. } if !written().any(|judged| is_unknown(&judged.verdict)) => Disposition::Caught,
        _ => Disposition::Unknown,
    }
}

/// What a known failure excuses must be refuted at least in part, and everything else must be shown: a server that fails
/// in another way, or an instrument that cannot tell, is not what was known.
fn known_to_fail(known: &KnownFailure, verdicts: &[Judged]) -> Disposition {
    let is_excused = |judged: &&Judged| known.fails.contains(&judged.expectation.text);
    let (excused, others): (Vec<&Judged>, Vec<&Judged>) = verdicts.iter().partition(is_excused);
    let of = |some: &[&Judged]| Verdict::worst(some.iter().map(|judged| judged.verdict.clone()));
    match (of(&others), of(&excused)) {
        (Verdict::Fail { .. }, _) => Disposition::Failed,
        (Verdict::Unknown { .. }, _) if !others.is_empty() => Disposition::Unknown,
        (_, Verdict::Fail { .. }) => Disposition::FailedAsKnown { why: known.why.clone() },
        (_, Verdict::Unknown { .. }) => Disposition::Unknown,
        (_, Verdict::Pass { .. }) => Disposition::PassedUnexpectedly,
    }
}

fn is_unknown(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Unknown { .. })
}

#[cfg(test)]
mod tests {
    use checks::Judged;
    use facts::{
        Verdict,
        plan::{Claim, Expectation},
    };

    use super::Disposition;
    use crate::example::judged;

    fn of<const N: usize>(must_fail: bool, known: Option<&str>, verdicts: [Verdict; N]) -> &'static str {
        let (plan, judgement) = judged(must_fail, known, &verdicts);
        Disposition::of(&plan, &judgement).word()
    }

    #[test]
    fn a_verdict_counts_by_what_was_known_before() {
        let (pass, fail, unknown) = (Verdict::pass("p"), Verdict::fail("f"), Verdict::unknown("u"));
        assert_eq!(of(false, None, [pass.clone()]), "PASS");
        assert_eq!(of(false, None, [pass.clone(), unknown.clone()]), "UNKNOWN");
        assert_eq!(of(false, None, [fail.clone(), unknown.clone()]), "FAIL");
        assert_eq!(of(false, Some("race"), [fail]), "XFAIL");
        assert_eq!(of(false, Some("race"), [unknown]), "UNKNOWN");
        assert_eq!(of(false, Some("race"), [pass]), "XPASS");
        assert_eq!(of(false, None, []), "UNKNOWN");
    }

    #[test]
    fn a_known_failure_excuses_the_server_and_never_the_instrument() {
        let known = |names: &[(&str, Verdict)]| {
            let (plan, mut judgement) = judged(false, Some("race"), &[Verdict::fail("lost 3")]);
            for (name, verdict) in names {
                let claim = Claim::Check((*name).into());
                let expectation = Expectation { place: None, text: (*name).into(), claim };
                judgement.verdicts.push(Judged { expectation, verdict: verdict.clone() });
            }
            Disposition::of(&plan, &judgement).word()
        };
        assert_eq!(known(&[("generator", Verdict::pass("p"))]), "XFAIL");
        assert_eq!(known(&[("generator", Verdict::unknown("u"))]), "UNKNOWN");
        assert_eq!(known(&[("identities", Verdict::fail("f"))]), "FAIL");
        assert_eq!(known(&[("covered", Verdict::unknown("u"))]), "UNKNOWN");
        assert_eq!(
            known(&[("no-orphans", Verdict::fail("f"))]),
            "FAIL",
            "another failure than the known one"
        );
    }

    #[test]
    fn a_planted_loss_must_be_refuted_everywhere() {
        let (pass, fail, unknown) = (Verdict::pass("p"), Verdict::fail("f"), Verdict::unknown("u"));
        assert_eq!(of(true, None, [fail.clone(), fail.clone()]), "CAUGHT");
        assert_eq!(of(true, None, [fail.clone(), pass.clone()]), "MISSED");
        assert_eq!(of(true, None, [pass]), "MISSED");
        assert_eq!(of(true, None, [fail, unknown.clone()]), "UNKNOWN");
        assert_eq!(of(true, None, [unknown]), "UNKNOWN");
        assert_eq!(of(true, None, []), "UNKNOWN");
    }
}
