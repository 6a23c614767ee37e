//! What GitHub shows of a run: a summary of the step in Markdown, and a remark beside each expectation that failed.

use diagnostic::{MOST_ANNOTATIONS, annotation};
use facts::Verdict;

use crate::{
    CaseResult, Tally,
    figures::{grouped, ms},
    terminal::shown,
};

/// GitHub refuses a summary of more than 1 MiB, and with it the whole upload; others may have written before us.
const MOST_BYTES: usize = 900 * 1024;

/// The summary of a step: a table of all cases, and the evidence for those that did not do what they must. It is cut
/// where it would be too long, and says so.
pub fn github_summary(results: &[&CaseResult]) -> String {
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.add(result));
    let mut text = format!("### changeover: {}\n\n", tally.closing_line());
    text.push_str("| | case | lost | p50 ms | p99 ms | max ms | took s |\n|---|---|--:|--:|--:|--:|--:|\n");
    let table = results.iter().map(|result| row(result)).collect::<Vec<_>>();
    let bad = results.iter().filter(|result| !result.disposition.is_good() && !result.disposition.is_skip());
    let details = bad.map(|result| detail(result)).collect::<Vec<_>>();
    let left_out = append(&mut text, &table);
    text.push_str(
        &left_out.map_or_else(String::new, |count| format!("\n{count} more cases are left out here.\n")),
    );
    text.push('\n');
    let left_out = append(&mut text, &details);
    text.push_str(
        &left_out.map_or_else(String::new, |count| format!("\nThe evidence of {count} more is left out.\n")),
    );
    text
}

/// Adds parts while there is room; how many were left out.
fn append(text: &mut String, parts: &[String]) -> Option<usize> {
    for (added, part) in parts.iter().enumerate() {
        if text.len() + part.len() > MOST_BYTES {
            return Some(parts.len() - added);
        }
        text.push_str(part);
    }
    None
}

fn row(result: &CaseResult) -> String {
    let (word, case) = (result.disposition.word(), escaped(&result.case));
    let took = result.took.as_secs_f64();
    match (&result.judgement, result.disposition.why()) {
        (Some(judgement), _) => {
            let total = &judgement.total;
            let lost = format!("{}/{}", grouped(total.lost), grouped(total.sent));
            let (p50, p99, max) = (ms(total.p50), ms(total.p99), ms(total.max));
            format!("| {word} | {case} | {lost} | {p50} | {p99} | {max} | {took:.1} |\n")
        }
        (None, why) => {
            let why = escaped(why.and_then(|why| why.lines().next()).unwrap_or_default());
            format!("| {word} | {case} ({why}) | | | | | {took:.1} |\n")
        }
    }
}

/// Four backticks: a life story may quote three.
fn detail(result: &CaseResult) -> String {
    let title = escaped(&result.case);
    let word = result.disposition.word();
    format!("<details><summary>{word} {title}</summary>\n\n````text\n{}````\n\n</details>\n", shown(result))
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// An `::error` line for each expectation that failed or is unknown, at most as many as GitHub shows.
pub fn annotations(results: &[&CaseResult]) -> Vec<String> {
    let bad = results.iter().filter(|result| !result.disposition.is_good() && !result.disposition.is_skip());
    bad.flat_map(|result| remarks(result)).take(MOST_ANNOTATIONS).collect()
}

/// One per expectation with a place; one at the head of the file when there is none.
fn remarks(result: &CaseResult) -> Vec<String> {
    let title = format!("{} {}", result.disposition.word(), result.case);
    let judged = result.judgement.iter().flat_map(|judgement| &judgement.verdicts);
    let placed = judged.filter_map(|judged| {
        let place = judged.expectation.place.as_ref()?;
        let lines = match &judged.verdict {
            Verdict::Pass { .. } => return None,
            Verdict::Fail { lines } => lines.join("\n"),
            Verdict::Unknown { why } => why.clone(),
        };
        let message = format!("{}\n{lines}", judged.expectation.text);
        Some(annotation(&place.file, (place.line, place.column), &title, &message))
    });
    let placed: Vec<String> = placed.collect();
    match placed.is_empty() {
        false => placed,
        true => vec![annotation(&result.file, (1, 1), &title, &shown(result))],
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_BYTES, annotations, github_summary};
    use crate::{CaseResult, Disposition, example};

    #[test]
    fn a_summary_shows_every_case_and_the_evidence_of_the_bad_ones() {
        let skipped = example::without_judgement(Disposition::Skipped { why: "no | pipe".into() });
        let text = github_summary(&[&example::passed(), &example::failed(), &skipped]);
        for part in [
            "### changeover: 1 passed, 1 failed, 1 skipped\n",
            "| PASS | upgrade/usr2::target=web | 0/1 906 | 0.3 | 1.4 | 88.0 | 4.2 |\n",
            "| SKIP | upgrade/usr2::target=web (no \\| pipe) | | | | | 4.2 |\n",
            "<summary>FAIL upgrade/usr2::target=web</summary>",
            "          lost(upgrade) = 3\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(text.matches("<details>").count(), 1);
    }

    #[test]
    fn a_summary_that_would_be_refused_is_cut_and_says_so() {
        let why = "x".repeat(64 * 1024);
        let many: Vec<CaseResult> =
            (0..30).map(|_| example::without_judgement(Disposition::Broken { why: why.clone() })).collect();
        let text = github_summary(&many.iter().collect::<Vec<_>>());
        assert!(text.len() < MOST_BYTES + 1024, "{}", text.len());
        assert!(text.contains("more cases are left out here."), "it does not say what is missing");
        assert!(text.ends_with("The evidence of 30 more is left out.\n"), "{}", &text[text.len() - 80..]);
    }

    #[test]
    fn what_failed_is_remarked_in_its_line_and_there_are_ten_remarks_at_most() {
        let remarks = annotations(&[&example::failed(), &example::passed()]);
        let expected = "::error file=a.toml,line=31,col=10,title=FAIL upgrade/usr2%3A%3Atarget=web::lost(upgrade) == 0%0A\
                        `lost(upgrade) == 0` is not true%0Alost(upgrade) = 3";
        assert_eq!((remarks.len(), remarks[0].as_str()), (2, expected));
        let broken = example::without_judgement(Disposition::Broken { why: "w".into() });
        let remarks = annotations(&[&broken; 30]);
        assert_eq!(remarks.len(), 10);
        assert!(
            remarks[0].starts_with("::error file=scenarios/upgrade/usr2.toml,line=1,col=1,"),
            "{}",
            remarks[0]
        );
    }
}
