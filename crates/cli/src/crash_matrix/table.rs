//! The matrix as a table: a row for each process of each sequence.

use std::time::Duration;

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Passed,
    Failed,
    Unknown,
    /// Nobody came to the instant: never a pass.
    NotReached,
    Broken,
}

/// One case.
pub(super) struct Row {
    pub(super) sequence: &'static str,
    pub(super) hand: &'static str,
    pub(super) word: Word,
}

const WORDS: [(Word, &str); 5] = [
    (Word::Passed, "passed"),
    (Word::Failed, "failed"),
    (Word::Unknown, "unknown"),
    (Word::NotReached, "not reached"),
    (Word::Broken, "broken"),
];

/// Every process with its cases, and all together.
pub(super) fn table(rows: &[Row], took: Duration) -> String {
    let mut text = format!("{:<10} {:<15}{}\n", "sequence", "process", heads());
    let mut groups: Vec<(&str, &str)> = rows.iter().map(|row| (row.sequence, row.hand)).collect();
    groups.sort_unstable();
    groups.dedup();
    for (sequence, hand) in groups {
        let of = |word: Word| {
            rows.iter().filter(|row| (row.sequence, row.hand, row.word) == (sequence, hand, word)).count()
        };
        text.push_str(&format!("{sequence:<10} {hand:<15}{}\n", cells(of)));
    }
    let of = |word: Word| rows.iter().filter(|row| row.word == word).count();
    text.push_str(&format!("{:<10} {:<15}{}\n", "all", "", cells(of)));
    text + &format!("{} cases in {:.1} s", rows.len(), took.as_secs_f64())
}

fn heads() -> String {
    WORDS.map(|(_, head)| format!("{head:>12}")).concat()
}

fn cells(of: impl Fn(Word) -> usize) -> String {
    WORDS.map(|(word, _)| format!("{:>12}", of(word))).concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_counted_apart() {
        let row = |hand, word| Row { sequence: "reload", hand, word };
        let rows =
            [row("master", Word::Passed), row("master", Word::NotReached), row("new-worker", Word::Failed)];
        assert_eq!(
            table(&rows, Duration::from_millis(1500)),
            "sequence   process              passed      failed     unknown not reached      broken\n\
             reload     master                    1           0           0           1           0\n\
             reload     new-worker                0           1           0           0           0\n\
             all                                  1           1           0           1           0\n\
             3 cases in 1.5 s"
        );
    }
}
