//! How a run of many cases ended.

use std::time::Duration;

use crate::{CaseResult, Disposition, Paint};

/// Counts of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Did what they must: passed, failed as known, planted and caught.
    pub passed: u64,
    /// Failed, not started, passed unexpectedly, planted and missed.
    pub failed: u64,
    /// Neither shown nor refuted.
    pub unknown: u64,
    /// Not run.
    pub skipped: u64,
    /// The harness could not run them.
    pub broken: u64,
    /// Of `passed`: failed as known.
    pub failed_as_known: u64,
    /// Of `passed`: planted losses that were found.
    pub caught: u64,
}

impl Tally {
    /// Counts one more case.
    pub fn add(&mut self, result: &CaseResult) {
        let one = match &result.disposition {
            good if good.is_good() => &mut self.passed,
            Disposition::Unknown => &mut self.unknown,
            Disposition::Skipped { .. } => &mut self.skipped,
            Disposition::Broken { .. } => &mut self.broken,
            _ => &mut self.failed,
        };
        *one += 1;
        self.failed_as_known += u64::from(matches!(result.disposition, Disposition::FailedAsKnown { .. }));
        self.caught += u64::from(result.disposition == Disposition::Caught);
    }

    /// `Summary [  61.2s] 17 cases: 14 passed (1 failed as known, 4 planted losses caught), 1 failed, 2 skipped`
    pub fn summary(&self, took: Duration, paint: Paint) -> String {
        let all = self.passed + self.failed + self.unknown + self.skipped + self.broken;
        let mut parts = vec![format!("{} passed{}", self.passed, self.aside())];
        for (count, what) in [
            (self.failed, "failed"),
            (self.unknown, "unknown (counts as failed)"),
            (self.broken, "broken (counts as failed)"),
            (self.skipped, "skipped"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        let text = format!("Summary [{:>6.1}s] {all} cases: {}", took.as_secs_f64(), parts.join(", "));
        match self.failed + self.broken + self.unknown {
            0 => paint.good(&text),
            _ => paint.bad(&text),
        }
    }

    /// The closing line, for machines: `14 passed, 1 failed, 2 skipped`. What is not shown has not passed.
    pub fn closing_line(&self) -> String {
        let failed = self.failed + self.unknown + self.broken;
        format!("{} passed, {failed} failed, {} skipped", self.passed, self.skipped)
    }

    fn aside(&self) -> String {
        let mut notes = Vec::new();
        if self.failed_as_known > 0 {
            notes.push(format!("{} failed as known", self.failed_as_known));
        }
        if self.caught > 0 {
            notes.push(format!("{} planted losses caught", self.caught));
        }
        if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Tally;
    use crate::{Disposition, Paint, example};

    fn tally(dispositions: &[Disposition]) -> Tally {
        let mut tally = Tally::default();
        dispositions.iter().for_each(|d| tally.add(&example::without_judgement(d.clone())));
        tally
    }

    #[test]
    fn unknown_and_broken_never_count_as_passed() {
        use Disposition::{Broken, Caught, Failed, FailedAsKnown, Missed, Passed, Skipped, Unknown};
        let why = || "w".to_owned();
        let all = [
            Passed,
            Caught,
            FailedAsKnown { why: why() },
            Failed,
            Missed,
            Unknown,
            Broken { why: why() },
            Skipped { why: why() },
        ];
        assert_eq!(tally(&all).closing_line(), "3 passed, 4 failed, 1 skipped");
        let summary = tally(&all).summary(Duration::from_millis(61_200), Paint::Plain);
        let expected = "Summary [  61.2s] 8 cases: 3 passed (1 failed as known, 1 planted losses caught), \
                        2 failed, 1 unknown (counts as failed), 1 broken (counts as failed), 1 skipped";
        assert_eq!(summary, expected);
    }
}
