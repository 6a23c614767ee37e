//! What the exit code says.

use std::process::ExitCode;

use report::{Disposition, Tally};

use crate::{arguments::Place, profiles::Skips};

/// How `changeover` ends. The numbers are documented and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All passed.
    Passed = 0,
    /// An expectation failed.
    Failed = 1,
    /// The command line was not understood (clap's number too), or names a place that cannot be written.
    Usage = 2,
    /// Nothing failed, and something is unknown: a void run, too few samples.
    Unknown = 3,
    /// No case matched.
    NothingMatched = 4,
    /// A scenario or changeover.toml is not understood (`EX_DATAERR` of sysexits.h).
    BadScenario = 65,
    /// A required target is missing, or a case was skipped where skips are denied (`EX_UNAVAILABLE`).
    TargetMissing = 69,
    /// The harness itself failed (`EX_SOFTWARE`).
    HarnessBug = 70,
    /// Interrupted; everything was torn down and reported.
    Interrupted = 130,
}

impl Exit {
    /// Of a folder for run directories that cannot be made: who named it can name another.
    pub(crate) fn of_folder(place: &Place) -> Exit {
        if place.runs.is_some() { Exit::Usage } else { Exit::HarnessBug }
    }

    /// Of two parts of one answer: a failure counts before what is unknown.
    pub(crate) fn worse(self, other: Exit) -> Exit {
        match (self, other) {
            (Exit::Failed, _) | (_, Exit::Failed) => Exit::Failed,
            (Exit::Passed, other) => other,
            (this, _) => this,
        }
    }

    /// The code for a run of many cases.
    pub(crate) fn of(tally: &Tally, skips: Skips, interrupted: bool) -> Exit {
        match tally {
            _ if interrupted => Exit::Interrupted,
            Tally { failed: 1.., .. } => Exit::Failed,
            Tally { broken: 1.., .. } => Exit::HarnessBug,
            Tally { skipped: 1.., .. } if skips == Skips::Denied => Exit::TargetMissing,
            Tally { unknown: 1.., .. } => Exit::Unknown,
            _ => Exit::Passed,
        }
    }

    /// The code for one case alone.
    pub(crate) fn of_one(disposition: &Disposition) -> Exit {
        match disposition {
            good if good.is_good() => Exit::Passed,
            Disposition::Unknown => Exit::Unknown,
            Disposition::Skipped { .. } => Exit::TargetMissing,
            Disposition::Broken { .. } => Exit::HarnessBug,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use report::Tally;

    use super::{Exit, Skips};

    #[test]
    fn a_failure_counts_before_a_broken_harness_before_an_unknown() {
        let tally =
            |failed, broken, unknown| Tally { passed: 1, failed, broken, unknown, ..Tally::default() };
        assert_eq!(Exit::of(&tally(0, 0, 0), Skips::Allowed, false), Exit::Passed);
        assert_eq!(Exit::of(&tally(1, 1, 1), Skips::Allowed, false), Exit::Failed);
        assert_eq!(Exit::of(&tally(0, 1, 1), Skips::Allowed, false), Exit::HarnessBug);
        assert_eq!(Exit::of(&tally(0, 0, 1), Skips::Allowed, false), Exit::Unknown);
        assert_eq!(Exit::of(&tally(1, 0, 0), Skips::Allowed, true), Exit::Interrupted);
    }

    #[test]
    fn a_skip_counts_where_skips_are_denied() {
        let tally = Tally { passed: 1, skipped: 1, unknown: 1, ..Tally::default() };
        assert_eq!(Exit::of(&tally, Skips::Allowed, false), Exit::Unknown);
        assert_eq!(Exit::of(&tally, Skips::Denied, false), Exit::TargetMissing);
        let whole = Tally { passed: 1, ..Tally::default() };
        assert_eq!(Exit::of(&whole, Skips::Denied, false), Exit::Passed);
    }

    #[test]
    fn the_numbers_are_those_that_are_documented() {
        use Exit::*;
        let all = [
            Passed,
            Failed,
            Usage,
            Unknown,
            NothingMatched,
            BadScenario,
            TargetMissing,
            HarnessBug,
            Interrupted,
        ];
        assert_eq!(all.map(|exit| exit as u8), [0, 1, 2, 3, 4, 65, 69, 70, 130]);
    }
}
