//! The table of one case: a row per phase.

use checks::{Judgement, PhaseRow};

use crate::figures::{grouped, ms};

/// What the figures of every table mean.
pub const PHASE_TABLE_NOTE: &str = "times in ms from the intended start; - : fewer than 10 samples beyond it; \
* : the generator itself was late, times are not the server's";

/// One column.
struct Column {
    head: &'static str,
    cell: fn(&PhaseRow) -> String,
    shown: Shown,
}

/// When a column is shown.
#[derive(PartialEq)]
enum Shown {
    Always,
    /// Only if it says something in some row.
    IfAny,
}

const COLUMNS: &[Column] = &[
    Column { head: "phase", cell: name, shown: Shown::Always },
    Column { head: "lasted", cell: |row| ms(row.lasted_ns), shown: Shown::Always },
    Column { head: "sent", cell: |row| grouped(row.sent), shown: Shown::Always },
    Column { head: "ok", cell: |row| grouped(row.ok), shown: Shown::Always },
    Column { head: "lost", cell: |row| grouped(row.lost), shown: Shown::Always },
    Column { head: "retriable", cell: |row| grouped(row.retriable), shown: Shown::IfAny },
    Column { head: "corrupt", cell: |row| grouped(row.corrupt), shown: Shown::IfAny },
    Column { head: "excused", cell: |row| grouped(row.excused), shown: Shown::IfAny },
    Column { head: "unseen", cell: |row| grouped(row.unseen), shown: Shown::IfAny },
    Column { head: "p50", cell: |row| ms(row.p50), shown: Shown::Always },
    Column { head: "p99", cell: |row| ms(row.p99), shown: Shown::Always },
    Column { head: "p99.9", cell: |row| ms(row.p999), shown: Shown::IfAny },
    Column { head: "max", cell: |row| ms(row.max), shown: Shown::Always },
];

/// The table, aligned.
pub fn phase_table(judgement: &Judgement) -> String {
    let rows: Vec<&PhaseRow> = judgement.phases.iter().chain([&judgement.total]).collect();
    let says_something =
        |column: &Column| rows.iter().any(|row| !["0", "-"].contains(&(column.cell)(row).as_str()));
    let shown = COLUMNS.iter().filter(|column| column.shown == Shown::Always || says_something(column));
    let columns: Vec<Vec<String>> = shown.map(|column| cells(column, &rows)).collect();
    (0..=rows.len()).map(|row| line(&columns, row)).collect()
}

/// Head and cells of one column, all as wide as the widest; the first column to the left.
fn cells(column: &Column, rows: &[&PhaseRow]) -> Vec<String> {
    let cells = rows.iter().map(|row| (column.cell)(row));
    let cells: Vec<String> = [column.head.to_owned()].into_iter().chain(cells).collect();
    let width = cells.iter().map(String::len).max().unwrap_or(0);
    let padded = |cell: &String| match column.head {
        "phase" => format!("{cell:<width$}"),
        _ => format!("{cell:>width$}"),
    };
    cells.iter().map(padded).collect()
}

fn line(columns: &[Vec<String>], row: usize) -> String {
    let cells: Vec<&str> = columns.iter().map(|column| column[row].as_str()).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn name(row: &PhaseRow) -> String {
    let late = if row.generator_was_late { "*" } else { "" };
    format!("{}{late}", row.name)
}

#[cfg(test)]
mod tests {
    use super::phase_table;
    use crate::example;

    #[test]
    fn rows_are_aligned_and_columns_that_say_nothing_are_left_out() {
        let mut judgement = example::failed().judgement.unwrap();
        let expected = "\
phase    lasted   sent     ok  lost  p50  p99   max
steady   3000.0  1 500  1 500     0  0.3  1.2   4.1
upgrade   812.4    406    403     3  0.4    -  88.0
total         -  1 906  1 903     3  0.3  1.4  88.0
";
        assert_eq!(phase_table(&judgement), expected);
        judgement.phases[1].retriable = 2;
        judgement.phases[1].generator_was_late = true;
        let text = phase_table(&judgement);
        assert!(text.starts_with("phase     lasted   sent     ok  lost  retriable  p50"), "{text}");
        assert!(text.contains("\nupgrade*   812.4    406    403     3          2  0.4"), "{text}");
    }
}
