//! JUnit XML, for the test pages of CI systems. One suite per scenario file, one test case per run of a cell; its
//! text is what the terminal showed.

use std::{collections::BTreeMap, time::Duration};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{CaseResult, Disposition, terminal::shown};

/// The name of the whole report.
const NAME: &str = "changeover";

/// The results as a JUnit file; `took` is the time of the whole run.
pub fn junit(results: &[&CaseResult], took: Duration) -> String {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for result in results {
        let suite = suites.entry(&result.file).or_insert_with(|| TestSuite::new(result.file.as_str()));
        suite.add_test_case(test_case(result));
    }
    let mut report = Report::new(NAME);
    report.set_time(took);
    report.add_test_suites(suites.into_values());
    // Writing to memory fails only for a date out of range, and there is none.
    report.to_string().unwrap_or_default()
}

fn test_case(result: &CaseResult) -> TestCase {
    let text = shown(result);
    // A repeat is the same case with another seed.
    let mut case = TestCase::new(format!("{} seed={}", result.case, result.seed), status(result, &text));
    case.set_classname(result.file.as_str()).set_time(result.took);
    if matches!(case.status, TestCaseStatus::Success { .. }) {
        case.set_system_out(text);
    }
    case
}

fn status(result: &CaseResult, text: &str) -> TestCaseStatus {
    let disposition = &result.disposition;
    let mut status = match disposition {
        Disposition::Skipped { why } => {
            let mut skipped = TestCaseStatus::skipped();
            skipped.set_message(why.as_str());
            return skipped;
        }
        good if good.is_good() => return TestCaseStatus::success(),
        // Not the server's fault, as far as anybody knows.
        Disposition::Unknown | Disposition::Broken { .. } => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    let message = text.lines().next().unwrap_or_default().trim_start();
    status.set_type(disposition.word()).set_message(message).set_description(text);
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quick_junit::{NonSuccessKind, Report, TestCaseStatus};

    use super::junit;
    use crate::{Disposition, Paint, case_line, evidence, example};

    #[test]
    fn a_machine_counts_what_a_person_sees_and_reads_the_same_text() {
        let why = || "nginx is not installed".to_owned();
        let results = [
            example::passed(),
            example::failed(),
            example::without_judgement(Disposition::Skipped { why: why() }),
            example::without_judgement(Disposition::Broken { why: why() }),
            example::without_judgement(Disposition::FailedAsKnown { why: why() }),
        ];
        let text = junit(&results.iter().collect::<Vec<_>>(), Duration::from_secs(21));
        let report = Report::deserialize_from_str(&text).expect("it is JUnit");
        let suite = &report.test_suites[0];
        assert_eq!((suite.name.as_str(), suite.tests), ("scenarios/upgrade/usr2.toml", 5));
        assert!(matches!(suite.test_cases[2].status, TestCaseStatus::Skipped { .. }), "{text}");
        assert_eq!((suite.failures, suite.errors), (1, 1));
        let TestCaseStatus::NonSuccess { kind, description, .. } = &suite.test_cases[1].status else {
            panic!("{text}");
        };
        assert_eq!(*kind, NonSuccessKind::Failure);
        let failed = example::failed();
        let terminal = format!("{}\n{}", case_line(&failed, Paint::Plain), evidence(&failed, Paint::Plain));
        // A reader of XML takes off the space at both ends.
        assert_eq!(description.as_ref().map(|text| text.as_str()), Some(terminal.trim()));
    }
}
