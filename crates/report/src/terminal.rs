//! What a person reads while cases run: one line per case, and evidence below one that did not do what it must.

use checks::{Judged, Judgement, PhaseRow, PopulationRow, Retried};
use facts::Verdict;

use crate::{
    CaseResult, Disposition, Paint,
    figures::{grouped, ms},
    phase_table,
};

/// So many lives are told.
const TOLD: usize = 5;

/// `PASS [  4.2s] upgrade/usr2-winch-quit::target=reference  lost 0/2 014  p50 0.3 p99 1.2 max 8.1 ms`
pub fn case_line(result: &CaseResult, paint: Paint) -> String {
    let word = format!("{:>7}", result.disposition.word());
    let word = match &result.disposition {
        good if good.is_good() => paint.good(&word),
        Disposition::Unknown | Disposition::Skipped { .. } => paint.doubtful(&word),
        _ => paint.bad(&word),
    };
    let figures = result.judgement.as_ref().map(figures).unwrap_or_default();
    let why = match &result.disposition {
        Disposition::PassedUnexpectedly => "  (known to fail, and passed: remove known_failure)".into(),
        Disposition::Missed => "  (a planted loss was not found)".into(),
        other => first_line(other).map(|line| format!("  ({line})")).unwrap_or_default(),
    };
    let seed = if result.is_repeated { format!(" seed={}", result.seed) } else { String::new() };
    let (took, case) = (result.took.as_secs_f64(), &result.case);
    format!("{word} [{took:>6.1}s] {case}{seed}{figures}{}", paint.aside(&why))
}

/// The reason a disposition carries, without its evidence.
fn first_line(disposition: &Disposition) -> Option<&str> {
    disposition.why()?.lines().next()
}

fn figures(judgement: &Judgement) -> String {
    let total = &judgement.total;
    let mut text = format!("  lost {}/{}", grouped(total.lost), grouped(total.sent));
    for (count, name) in [
        (total.retriable, "retriable"),
        (total.corrupt, "corrupt"),
        (total.excused, "excused"),
        (total.unseen, "unseen"),
    ] {
        if count > 0 {
            text.push_str(&format!("  {name} {}", grouped(count)));
        }
    }
    format!("{text}  p50 {} p99 {} max {} ms", ms(total.p50), ms(total.p99), ms(total.max))
}

/// Everything that helps with a case that did not do what it must; for a good one only what it shows per phase.
pub fn evidence(result: &CaseResult, paint: Paint) -> String {
    let more = result.disposition.why().unwrap_or_default().lines().skip(1);
    let mut text: String = more.map(|line| format!("    {line}\n")).collect();
    if let Some(judgement) = &result.judgement {
        let told = first_lives(judgement);
        let bad: Vec<&Judged> =
            judgement.verdicts.iter().filter(|judged| judged.verdict.rank() > 0).collect();
        let (told_once, bad): (Vec<&Judged>, Vec<&Judged>) =
            bad.into_iter().partition(|one| is_cut_off(judgement) && is_of_the_end(one));
        let (shared, own): (Vec<&Judged>, Vec<&Judged>) = bad.iter().partition(|one| is_shared(one, &bad));
        text.extend(own.into_iter().map(|judged| complaint(judged, &told, paint)));
        text.push_str(&shared_complaints(&shared, paint));
        text.push_str(&of_the_end(&told_once, paint));
        text.push_str(&remarks(judgement));
        text.push_str(&indented(&phase_table(judgement)));
        text.push_str(&indented(&kernel(judgement)));
        text.push_str(&populations(judgement));
        text.push_str(&retries(judgement));
        text.push_str(&lives(judgement));
    }
    if let Some(directory) = &result.directory {
        text.push_str(&format!("    history: {}\n", directory.display()));
    }
    text.push_str(&format!("    rerun: {}\n", result.rerun));
    text
}

/// What else there is to know of a case that did what it must: what failed as known, and what was allowed not to come
/// to pass and did not.
pub fn asides(result: &CaseResult, paint: Paint) -> String {
    let Some(judgement) = &result.judgement else { return String::new() };
    let bad = judgement.verdicts.iter().filter(|judged| judged.verdict.rank() > 0);
    let known: String = match &result.disposition {
        Disposition::FailedAsKnown { .. } => bad.map(|judged| headline(judged, "known", paint)).collect(),
        _ => String::new(),
    };
    known + &remarks(judgement)
}

fn remarks(judgement: &Judgement) -> String {
    judgement.remarks.iter().map(|remark| format!("    note  {remark}\n")).collect()
}

/// All that a terminal shows of a case, without colours.
pub(crate) fn shown(result: &CaseResult) -> String {
    let line = case_line(result, Paint::Plain);
    match &result.disposition {
        quiet if quiet.is_good() || quiet.is_skip() => {
            format!("{line}\n{}", asides(result, Paint::Plain))
        }
        _ => format!("{line}\n{}", evidence(result, Paint::Plain)),
    }
}

/// The checks that say themselves what a run lacks that was cut off.
const WHAT_IS_MISSING: [&str; 2] = ["sealed", "steps"];

/// Whether the history of the run is not whole: then that is the one reason of nearly all that is unknown.
fn is_cut_off(judgement: &Judgement) -> bool {
    let unknown = |judged: &Judged| matches!(judged.verdict, Verdict::Unknown { .. });
    judgement.verdicts.iter().any(|judged| judged.expectation.text == "sealed" && unknown(judged))
}

fn is_of_the_end(judged: &Judged) -> bool {
    let says_itself = WHAT_IS_MISSING.contains(&judged.expectation.text.as_str());
    matches!(judged.verdict, Verdict::Unknown { .. }) && !says_itself
}

/// `    unknown  9 others: not before the end of a whole run`
fn of_the_end(judged: &[&Judged], paint: Paint) -> String {
    match judged.len() {
        0 => String::new(),
        count => {
            let word = paint.doubtful("unknown");
            format!("    {word}  {count} others: nobody can tell before the end of a whole run\n")
        }
    }
}

/// Whether several checks that always hold are unknown for one reason: a run that was cut off, say.
fn is_shared(one: &Judged, bad: &[&Judged]) -> bool {
    let is_default = |judged: &Judged| judged.expectation.place.is_none();
    let same = |other: &&&Judged| is_default(other) && other.verdict == one.verdict;
    matches!(one.verdict, Verdict::Unknown { .. }) && is_default(one) && bad.iter().filter(same).count() > 1
}

/// Each reason once, below the names of the checks that it is the reason of.
fn shared_complaints(shared: &[&Judged], paint: Paint) -> String {
    let mut text = String::new();
    for (number, first) in shared.iter().enumerate() {
        if shared[..number].iter().any(|before| before.verdict == first.verdict) {
            continue;
        }
        let same = shared.iter().filter(|other| other.verdict == first.verdict);
        let names: Vec<&str> = same.map(|judged| judged.expectation.text.as_str()).collect();
        let word = paint.doubtful(word(&first.verdict));
        text.push_str(&format!("    {word}  {}\n", names.join(", ")));
        text.extend(reasons(&first.verdict).into_iter().map(|line| format!("          {line}\n")));
    }
    text
}

/// `    fail  scenarios/upgrade/x.toml:31:10  lost(upgrade..settled) == 0`, and below it why. Lives that are told below
/// the table are not told here.
fn complaint(judged: &Judged, told: &[String], paint: Paint) -> String {
    let mut text = headline(judged, word(&judged.verdict), paint);
    let is_new = |line: &&str| !told.iter().any(|life| life == line);
    text.extend(
        reasons(&judged.verdict).into_iter().filter(is_new).map(|line| format!("          {line}\n")),
    );
    text
}

fn headline(judged: &Judged, word: &str, paint: Paint) -> String {
    let place = judged.expectation.place.as_ref();
    let place = place.map(|p| format!("{}:{}:{}  ", p.file, p.line, p.column)).unwrap_or_default();
    let word = match &judged.verdict {
        Verdict::Fail { .. } => paint.bad(word),
        Verdict::Unknown { .. } => paint.doubtful(word),
        Verdict::Pass { .. } => paint.good(word),
    };
    format!("    {word}  {place}{}\n", judged.expectation.text)
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Fail { .. } => "fail",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Pass { .. } => "pass",
    }
}

fn reasons(verdict: &Verdict) -> Vec<&str> {
    match verdict {
        Verdict::Fail { lines } => lines.iter().map(String::as_str).collect(),
        Verdict::Unknown { why: reason } | Verdict::Pass { because: reason } => vec![reason],
    }
}

/// `kernel, in upgrade: EstabResets +3, OutRsts +3`, for each phase in which something moved.
fn kernel(judgement: &Judgement) -> String {
    let moved = |row: &&PhaseRow| row.kernel.as_ref().is_some_and(|counted| !counted.counters.is_empty());
    let told = |row: &PhaseRow| Some(format!("kernel, in {}: {}\n", row.name, row.kernel.as_ref()?));
    judgement.phases.iter().filter(moved).filter_map(told).collect()
}

/// `    talkers (may_reconnect): 3 lost`, for each population that was treated as it must not be.
fn populations(judgement: &Judgement) -> String {
    let of = |row: &PopulationRow| match &row.verdict {
        Verdict::Fail { lines } => {
            format!("    {} ({}): {}\n", row.name, row.at_drain.name(), lines.join(", "))
        }
        _ => String::new(),
    };
    judgement.populations.iter().map(of).collect()
}

/// `    unanswered for users of clients that ask again: none 64, browser 0, go 0, hyper-util 64`, where they differ.
fn retries(judgement: &Judgement) -> String {
    let Some(raw) = judgement.retried.first() else { return String::new() };
    let differs = |r: &Retried| r.failed != raw.failed || r.executed_twice.is_some_and(|twice| twice > 0);
    if !judgement.retried.iter().any(differs) {
        return String::new();
    }
    let told = |r: &Retried| {
        let twice = r.executed_twice.filter(|twice| *twice > 0);
        let twice = twice.map(|twice| format!(" ({} executed twice)", grouped(twice))).unwrap_or_default();
        format!("{} {}{twice}", r.policy, grouped(r.failed))
    };
    let all: Vec<String> = judgement.retried.iter().map(told).collect();
    format!("    unanswered for users of clients that ask again: {}\n", all.join(", "))
}

/// The lives that are told.
fn first_lives(judgement: &Judgement) -> Vec<String> {
    judgement.lost.iter().chain(&judgement.retriable).take(TOLD).map(ToString::to_string).collect()
}

fn lives(judgement: &Judgement) -> String {
    let told = first_lives(judgement);
    if told.is_empty() {
        return String::new();
    }
    let count = grouped((judgement.lost.len() + judgement.retriable.len()) as u64);
    let mut text = format!("    the first {} of {count} that got no right answer:\n", told.len());
    text.extend(told.iter().map(|life| format!("      {life}\n")));
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use facts::Verdict;

    use super::{asides, case_line, evidence};
    use crate::{Disposition, Paint, example};

    #[test]
    fn a_line_says_what_became_of_a_case_and_its_figures() {
        let line = case_line(&example::passed(), Paint::Plain);
        assert_eq!(
            line,
            "   PASS [   4.2s] upgrade/usr2::target=web  lost 0/1 906  p50 0.3 p99 1.4 max 88.0 ms"
        );
        let why = "nginx is not installed; apt-get install nginx-light".into();
        let skipped = example::without_judgement(Disposition::Skipped { why });
        let expected = "   SKIP [   4.2s] upgrade/usr2::target=web  (nginx is not installed; apt-get install nginx-light)";
        assert_eq!(case_line(&skipped, Paint::Plain), expected);
    }

    #[test]
    fn a_run_that_was_cut_off_says_once_why_the_rest_is_unknown() {
        let mut result = example::failed();
        let judgement = result.judgement.as_mut().expect("it was judged");
        let sealed = |why: &str| checks::Judged {
            expectation: facts::plan::Expectation {
                place: None,
                text: "sealed".into(),
                claim: facts::plan::Claim::Check("sealed".into()),
            },
            verdict: Verdict::unknown(why),
        };
        judgement.verdicts.push(sealed("the run was interrupted"));
        let text = evidence(&result, Paint::Plain);
        let lines: Vec<&str> = text.lines().take(6).collect();
        assert_eq!(
            lines,
            [
                "    fail  a.toml:31:10  lost(upgrade) == 0",
                "          `lost(upgrade) == 0` is not true",
                "          lost(upgrade) = 3",
                "    unknown  sealed",
                "          the run was interrupted",
                "    unknown  1 others: nobody can tell before the end of a whole run",
            ]
        );
    }

    #[test]
    fn a_failure_shows_its_evidence() {
        let expected = "    \
    fail  a.toml:31:10  lost(upgrade) == 0
          `lost(upgrade) == 0` is not true
          lost(upgrade) = 3
    unknown  a.toml:32:10  p99(upgrade) < 5ms
          406 samples in upgrade are too few for this percentile
";
        let text = evidence(&example::failed(), Paint::Plain);
        assert!(text.starts_with(expected), "{text}");
        for part in [
            "    upgrade   812.4    406    403     3  0.4",
            "    kernel, in upgrade: AttemptFails +3\n",
            "    the first 1 of 1 that got no right answer:\n      #0000000000000007 +3.100s phase=upgrade users",
            "    history: /tmp/run/1\n",
            "    rerun: cargo xtask verify 'upgrade/usr2::target=web' --seed 7\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn what_clients_that_ask_again_would_see_is_told_where_it_differs() {
        let line = "unanswered for users of clients that ask again";
        let mut result = example::failed();
        assert!(!evidence(&result, Paint::Plain).contains(line), "all policies say the same");
        let judgement = result.judgement.as_mut().expect("it was judged");
        let twice = checks::Retried { executed_twice: Some(1), ..example::retried("go", 0) };
        judgement.retried = vec![example::retried("none", 3), twice, example::retried("hyper-util", 3)];
        let told = format!("    {line}: none 3, go 0 (1 executed twice), hyper-util 3\n");
        let text = evidence(&result, Paint::Plain);
        assert!(text.contains(&told), "{text}");
    }

    #[test]
    fn a_repeated_case_says_which_of_them_it_is() {
        let repeated = crate::CaseResult { is_repeated: true, ..example::passed() };
        let line = case_line(&repeated, Paint::Plain);
        assert!(
            line.starts_with("   PASS [   4.2s] upgrade/usr2::target=web seed=7  lost 0/1 906"),
            "{line}"
        );
    }

    #[test]
    fn what_is_unknown_for_one_reason_is_told_once() {
        let mut result = example::failed();
        let judgement = result.judgement.as_mut().expect("it was judged");
        for (name, why) in [("generator", "cut off"), ("steps", "interrupted"), ("covered", "cut off")] {
            let mut one = judgement.verdicts[1].clone();
            (one.expectation.place, one.expectation.text) = (None, name.into());
            one.verdict = Verdict::unknown(why);
            judgement.verdicts.push(one);
        }
        let text = evidence(&result, Paint::Plain);
        let told =
            "    unknown  steps\n          interrupted\n    unknown  generator, covered\n          cut off\n";
        assert!(text.contains(told), "{text}");
    }

    #[test]
    fn a_life_is_told_once() {
        let mut result = example::failed();
        let judgement = result.judgement.as_mut().expect("it was judged");
        let life = judgement.lost[0].to_string();
        let lines = vec!["1 lost, which nothing bounds".into(), life.clone(), "another life".into()];
        judgement.verdicts[0].verdict = Verdict::Fail { lines };
        let text = evidence(&result, Paint::Plain);
        assert_eq!(text.matches(&life).count(), 1, "{text}");
        assert!(text.contains("          another life\n"), "{text}");
    }

    #[test]
    fn a_good_case_says_what_failed_as_known_and_what_did_not_come_to_pass() {
        let mut result = example::failed();
        result.disposition = Disposition::FailedAsKnown { why: "it races".into() };
        result.judgement.as_mut().expect("it was judged").remarks = vec!["reaction `x` did nothing".into()];
        let expected = "    \
    known  a.toml:31:10  lost(upgrade) == 0
    known  a.toml:32:10  p99(upgrade) < 5ms
    note  reaction `x` did nothing
";
        assert_eq!(asides(&result, Paint::Plain), expected);
        result.disposition = Disposition::Caught;
        assert_eq!(asides(&result, Paint::Plain), "    note  reaction `x` did nothing\n");
        result.disposition = Disposition::Failed;
        assert!(evidence(&result, Paint::Plain).contains("\n    note  reaction `x` did nothing\n"));
    }

    #[test]
    fn a_population_that_was_treated_as_it_must_not_be_is_named() {
        let mut result = example::failed();
        let judgement = result.judgement.as_mut().expect("it was judged");
        let row = |name: &str, verdict| checks::PopulationRow { verdict, ..example::population(name) };
        judgement.populations = vec![
            row("users", Verdict::pass("all answered")),
            row("talkers", Verdict::Fail { lines: vec!["3 lost".into(), "1 answered wrongly".into()] }),
        ];
        let text = evidence(&result, Paint::Plain);
        assert!(text.contains("    talkers (must_finish): 3 lost, 1 answered wrongly\n"), "{text}");
        assert!(!text.contains("users (must_finish)"), "{text}");
    }

    #[test]
    fn colours_are_an_addition() {
        let coloured = case_line(&example::failed(), Paint::Coloured);
        assert!(coloured.starts_with("\x1b[1;31m   FAIL\x1b[0m"), "{coloured}");
    }
}
