//! The table of one case: a row per phase.

use checks::{Judgement, PhaseRow};

use crate::figures::{grouped, ms};

const HEADS: [&str; 13] = [
    "phase",
    "lasted",
    "sent",
    "ok",
    "lost",
    "retriable",
    "corrupt",
    "excused",
    "unseen",
    "p50",
    "p99",
    "p99.9",
    "max",
];

/// The table, aligned; the last line says what its columns mean.
pub fn phase_table(judgement: &Judgement) -> String {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(judgement.phases.iter().chain([&judgement.total]).map(cells));
    let widths: Vec<usize> = (0..HEADS.len()).map(|column| width(&rows, column)).collect();
    let mut table: String = rows.iter().map(|row| line(row, &widths)).collect();
    table.push_str("times in ms from the intended start; - : fewer than 10 samples beyond it");
    if judgement.total.generator_was_late {
        table.push_str("; * : the generator itself was late, times are not the server's");
    }
    table.push('\n');
    table
}

fn cells(row: &PhaseRow) -> [String; 13] {
    let late = if row.generator_was_late { "*" } else { "" };
    let counts =
        [row.sent, row.ok, row.lost, row.retriable, row.corrupt, row.excused, row.unseen].map(grouped);
    let [sent, ok, lost, retriable, corrupt, excused, unseen] = counts;
    let [p50, p99, p999, max] = [row.p50, row.p99, row.p999, row.max].map(ms);
    let lasted = ms(row.lasted_ns);
    let name = format!("{}{late}", row.name);
    [name, lasted, sent, ok, lost, retriable, corrupt, excused, unseen, p50, p99, p999, max]
}

fn width(rows: &[[String; 13]], column: usize) -> usize {
    rows.iter().map(|row| row[column].len()).max().unwrap_or(0)
}

fn line(row: &[String; 13], widths: &[usize]) -> String {
    let mut line = format!("{:<width$}", row[0], width = widths[0]);
    for (cell, width) in row.iter().zip(widths).skip(1) {
        line.push_str(&format!("  {cell:>width$}"));
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::phase_table;
    use crate::example;

    #[test]
    fn rows_are_aligned_and_say_what_is_not_known() {
        let expected = "\
phase    lasted   sent     ok  lost  retriable  corrupt  excused  unseen  p50  p99  p99.9   max
steady   3000.0  1 500  1 500     0          0        0        0       0  0.3  1.2      -   4.1
upgrade   812.4    406    403     3          0        0        0       0  0.4    -      -  88.0
total         -  1 906  1 903     3          0        0        0       0  0.3  1.4      -  88.0
times in ms from the intended start; - : fewer than 10 samples beyond it
";
        assert_eq!(phase_table(&example::failed().judgement.unwrap()), expected);
    }
}
