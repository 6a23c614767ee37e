//! What a check concludes. Three-valued: nothing passes by default.

use serde::{Deserialize, Serialize};

/// The conclusion of one check about one history. Fail beats unknown beats pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Shown by evidence.
    Pass { because: String },
    /// Not shown either way.
    Unknown { why: String },
    /// Refuted by evidence; `lines` are for a reader.
    Fail { lines: Vec<String> },
}

impl Verdict {
    /// Refuted, with one line of evidence.
    pub fn fail(line: impl Into<String>) -> Verdict {
        Verdict::Fail { lines: vec![line.into()] }
    }

    /// Not shown either way.
    pub fn unknown(why: impl Into<String>) -> Verdict {
        Verdict::Unknown { why: why.into() }
    }

    /// Shown.
    pub fn pass(because: impl Into<String>) -> Verdict {
        Verdict::Pass { because: because.into() }
    }

    /// Position in the order pass < unknown < fail.
    pub fn rank(&self) -> u8 {
        match self {
            Verdict::Pass { .. } => 0,
            Verdict::Unknown { .. } => 1,
            Verdict::Fail { .. } => 2,
        }
    }

    /// The worst of many; of none: unknown, because nothing was shown.
    pub fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts
            .into_iter()
            .reduce(|a, b| if b.rank() > a.rank() { b } else { a })
            .unwrap_or_else(|| Verdict::unknown("nothing was checked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail_beats_unknown_beats_pass_and_nothing_is_unknown() {
        let (pass, unknown, fail) = (Verdict::pass("p"), Verdict::unknown("u"), Verdict::fail("f"));
        assert_eq!(Verdict::worst([pass.clone(), unknown.clone()]), unknown);
        assert_eq!(Verdict::worst([fail.clone(), unknown.clone(), pass]), fail);
        assert_eq!(Verdict::worst([]).rank(), 1);
    }
}
