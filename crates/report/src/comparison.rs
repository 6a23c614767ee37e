//! Two sets of runs of the same case side by side: figures per phase, with their spread over the repeats.

use checks::{Judgement, PhaseRow};
use facts::Nanos;

use crate::{Paint, figures::ms};

/// With fewer runs on a side, two sets lie apart by chance too often to be given a word.
const ENOUGH_RUNS: usize = 5;

/// What the figures of every comparison mean.
pub const COMPARISON_NOTE: &str = "median [least..most] over the runs of a side, times in ms from the intended start; \
regressed or improved: at least 5 runs on each side, and the two ranges do not overlap; - : not measured";

/// One line of a phase.
struct Figure {
    name: &'static str,
    of: fn(&PhaseRow) -> Option<f64>,
}

const FIGURES: &[Figure] = &[
    Figure { name: "lost", of: |row| Some(row.lost as f64) },
    Figure { name: "retriable", of: |row| Some(row.retriable as f64) },
    Figure { name: "p50", of: |row| time(row, row.p50) },
    Figure { name: "p90", of: |row| time(row, row.p90) },
    Figure { name: "p99", of: |row| time(row, row.p99) },
    Figure { name: "p99.9", of: |row| time(row, row.p999) },
    Figure { name: "max", of: |row| time(row, row.max) },
];

/// A time of the server, not of a generator that was late itself.
fn time(row: &PhaseRow, nanos: Option<Nanos>) -> Option<f64> {
    nanos.filter(|_| !row.generator_was_late).map(|nanos| nanos as f64)
}

/// The values of one figure in all runs of a side, in ascending order.
struct Spread(Vec<f64>);

impl Spread {
    fn of(runs: &[Judgement], phase: &str, figure: &Figure) -> Spread {
        let rows = runs.iter().filter_map(|run| rows(run).find(|row| row.name == phase));
        let mut values: Vec<f64> = rows.filter_map(figure.of).collect();
        values.sort_by(f64::total_cmp);
        Spread(values)
    }

    fn median(&self) -> Option<f64> {
        self.0.get(self.0.len().saturating_sub(1) / 2).copied()
    }

    fn ends(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }

    fn text(&self, figure: &Figure) -> String {
        let number = |value: f64| match figure.name {
            "lost" | "retriable" => format!("{value}"),
            _ => ms(Some(value as Nanos)),
        };
        match (self.median(), self.ends()) {
            (Some(median), Some((least, most))) if self.0.len() > 1 => {
                format!("{} [{}..{}]", number(median), number(least), number(most))
            }
            (Some(only), _) => number(only),
            _ => "-".into(),
        }
    }
}

/// What can be said of the second side against the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Regressed,
    Improved,
    Nothing,
}

impl Word {
    /// For every figure here, more is worse.
    fn of(a: &Spread, b: &Spread) -> Word {
        let (Some((a_least, a_most)), Some((b_least, b_most))) = (a.ends(), b.ends()) else {
            return Word::Nothing;
        };
        match a.0.len().min(b.0.len()) {
            few if few < ENOUGH_RUNS => Word::Nothing,
            _ if b_least > a_most => Word::Regressed,
            _ if b_most < a_least => Word::Improved,
            _ => Word::Nothing,
        }
    }

    fn text(self, paint: Paint) -> String {
        match self {
            Word::Regressed => paint.bad("regressed"),
            Word::Improved => paint.good("improved"),
            Word::Nothing => String::new(),
        }
    }
}

/// The table of one case: a line per phase and figure, first side, second side, change of the median.
pub fn comparison(a: &[Judgement], b: &[Judgement], paint: Paint) -> String {
    let mut lines = vec![["phase", "", "A", "B", "change", ""].map(str::to_owned)];
    for phase in phases(a.iter().chain(b)) {
        for figure in FIGURES {
            lines.extend(line(&phase, figure, a, b, paint));
        }
    }
    aligned(&lines)
}

/// `None` for a count that is 0 everywhere, and for what was not measured on either side.
fn line(phase: &str, figure: &Figure, a: &[Judgement], b: &[Judgement], paint: Paint) -> Option<[String; 6]> {
    let (a, b) = (Spread::of(a, phase, figure), Spread::of(b, phase, figure));
    if a.0.iter().chain(&b.0).all(|value| *value == 0.0) {
        return None;
    }
    let change = match (a.median(), b.median()) {
        (Some(a), Some(b)) if a > 0.0 => format!("{:+.0} %", (b / a - 1.0) * 100.0),
        _ => "-".into(),
    };
    let word = Word::of(&a, &b).text(paint);
    Some([phase.to_owned(), figure.name.to_owned(), a.text(figure), b.text(figure), change, word])
}

/// Names of phases in the order in which they first occur.
fn phases<'a>(runs: impl Iterator<Item = &'a Judgement>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in runs.flat_map(rows) {
        if !names.contains(&row.name) {
            names.push(row.name.clone());
        }
    }
    // The total of one run may come before a phase that only another has.
    names.sort_by_key(|name| name == "total");
    names
}

fn rows(run: &Judgement) -> impl Iterator<Item = &PhaseRow> {
    run.phases.iter().chain([&run.total])
}

fn aligned(lines: &[[String; 6]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let row = |line: &[String; 6]| {
        let [phase, figure, a, b, change, word] = line;
        let text = format!(
            "{phase:<0$}  {figure:<1$}  {a:>2$}  {b:>3$}  {change:>4$}  {word}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        );
        format!("{}\n", text.trim_end())
    };
    lines.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use checks::{Judgement, PhaseRow};

    use super::comparison;
    use crate::{Paint, example};

    /// One run per value: the p50 of its only phase, in milliseconds.
    fn runs<const N: usize>(p50s: [u64; N]) -> Vec<Judgement> {
        let run = |ms: u64| {
            let (_, mut judgement) = example::judged(false, None, &[]);
            let row =
                |name: &str| PhaseRow { name: name.into(), p50: Some(ms * 1_000_000), ..PhaseRow::default() };
            judgement.phases = vec![row("drain")];
            judgement.total = PhaseRow { name: "total".into(), ..PhaseRow::default() };
            judgement
        };
        p50s.map(run).to_vec()
    }

    fn check(a: &[Judgement], b: &[Judgement], expected: &str) {
        let text = comparison(a, b, Paint::Plain);
        let line = text.lines().find(|line| line.starts_with("drain")).unwrap_or_default();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{text}");
    }

    #[test]
    fn regressed_only_when_the_ranges_do_not_overlap() {
        let a = runs([10, 11, 12, 13, 14]);
        check(
            &a,
            &runs([15, 16, 17, 18, 30]),
            "drain p50 12.0 [10.0..14.0] 17.0 [15.0..30.0] +42 % regressed",
        );
        check(&a, &runs([14, 16, 17, 18, 30]), "drain p50 12.0 [10.0..14.0] 17.0 [14.0..30.0] +42 %");
        check(&a, &runs([5, 6, 6, 6, 9]), "drain p50 12.0 [10.0..14.0] 6.0 [5.0..9.0] -50 % improved");
    }

    #[test]
    fn few_runs_get_no_word() {
        check(&runs([10]), &runs([90]), "drain p50 10.0 90.0 +800 %");
        check(
            &runs([10, 11, 12, 13]),
            &runs([90, 91, 92, 93]),
            "drain p50 11.0 [10.0..13.0] 91.0 [90.0..93.0] +727 %",
        );
    }

    #[test]
    fn times_of_a_late_generator_are_not_the_servers() {
        let mut late = runs([90]);
        late[0].phases[0].generator_was_late = true;
        check(&runs([10]), &late, "drain p50 10.0 - -");
    }

    #[test]
    fn a_count_is_shown_where_there_is_one() {
        let mut b = runs([10]);
        b[0].phases[0].lost = 3;
        let text = comparison(&runs([10]), &b, Paint::Plain);
        assert!(
            text.lines().any(|line| line.split_whitespace().eq(["drain", "lost", "0", "3", "-"])),
            "{text}"
        );
        assert!(!text.contains("retriable"), "{text}");
    }
}
