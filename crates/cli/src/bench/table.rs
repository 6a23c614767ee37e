//! The figures as a table and as JSON.

use checks::Latencies;
use facts::Nanos;
use serde_json::{Value, json};

use super::figures::Figures;

/// Version of the layout of the JSON.
const SCHEMA: u32 = 1;

/// Two tables: the upgrades themselves, and the requests in them beside steady state.
pub(super) fn table(all: &[Figures]) -> String {
    let head = ["target", "duration in ms", "n", "min", "p50", "p90", "max"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    for figures in all {
        let durations = figures.durations();
        rows.extend(
            durations
                .iter()
                .map(|(name, of)| [vec![figures.target.clone(), (*name).into()], spread(of)].concat()),
        );
    }
    let head = ["target", "requests, ms", "n", "p50", "p99", "p99.9", "max", "lost", "retriable"];
    let mut requests = vec![head.map(str::to_owned).to_vec()];
    for figures in all {
        let rows = figures.requests();
        requests.extend(rows.iter().map(|(name, of)| request_row(figures, name, of)));
    }
    let notes: String = all.iter().filter_map(note).collect();
    format!("{}\n{}{notes}", aligned(&rows), aligned(&requests))
}

fn note(figures: &Figures) -> Option<String> {
    match (&figures.gave_up, figures.not_good) {
        (Some(why), _) => Some(format!("{}: {why}\n", figures.target)),
        (None, 0) => None,
        (None, count) => {
            Some(format!("{}: {count} of {} runs did not pass\n", figures.target, figures.upgrades))
        }
    }
}

fn request_row(figures: &Figures, name: &str, of: &Latencies) -> Vec<String> {
    // Losses are counted over whole runs, beside the upgrades that they belong to.
    let counts = match name {
        "upgrade" => [figures.lost.to_string(), figures.retriable.to_string()],
        _ => [String::new(), String::new()],
    };
    let times = [of.percentile(500), of.percentile(990), of.percentile(999), of.max()].map(ms);
    let names = [figures.target.clone(), name.to_owned(), of.samples().len().to_string()];
    [names.to_vec(), times.to_vec(), counts.to_vec()].concat()
}

/// Order statistics: with few upgrades a percentile is one of them, and `n` says so.
fn spread(of: &Latencies) -> Vec<String> {
    let n = of.samples().len().to_string();
    [n].into_iter().chain([of.min(), of.rank(500), of.rank(900), of.max()].map(ms)).collect()
}

fn ms(nanos: Option<Nanos>) -> String {
    nanos.map_or_else(|| "-".into(), |nanos| format!("{:.2}", nanos as f64 / 1e6))
}

/// Columns of equal width, the first two to the left.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |(column, text): (usize, &String)| match column {
        0 | 1 => format!("{text:<width$}", width = widths[column]),
        _ => format!("{text:>width$}", width = widths[column]),
    };
    let line = |row: &Vec<String>| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| format!("{}\n", line(row).trim_end())).collect()
}

/// The same for machines, with every single upgrade.
pub(super) fn json(all: &[Figures]) -> String {
    let targets: Vec<Value> = all.iter().map(of_target).collect();
    format!("{:#}\n", json!({ "schema": SCHEMA, "targets": targets }))
}

fn of_target(figures: &Figures) -> Value {
    let requests = figures.requests().map(|(name, of)| {
        json!({
            "when": name,
            "n": of.samples().len(),
            "p50_ns": of.percentile(500),
            "p99_ns": of.percentile(990),
            "p999_ns": of.percentile(999),
            "max_ns": of.max(),
        })
    });
    json!({
        "case": figures.case,
        "target": figures.target,
        "upgrades": figures.upgrades,
        "not_passed": figures.not_good,
        "lost": figures.lost,
        "retriable": figures.retriable,
        "usr2_to_first_new_answer_ns": figures.first_answer_ns,
        "winch_to_old_workers_gone_ns": figures.workers_gone_ns,
        "usr2_to_old_master_gone_without_pauses_ns": figures.whole_ns,
        "requests": requests,
        "gave_up": figures.gave_up,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::figures::Figures, json, table};

    fn figures() -> Vec<Figures> {
        let one = |target: &str, lost| Figures {
            case: "c".into(),
            target: target.into(),
            upgrades: 2,
            first_answer_ns: vec![4_000_000, 3_000_000],
            workers_gone_ns: vec![1_500_000],
            during_ns: vec![200_000; 1000],
            lost,
            ..Figures::default()
        };
        let missing = Figures { gave_up: Some("SKIP nginx is not installed".into()), ..one("nginx", 0) };
        vec![one("reference", 3), missing]
    }

    #[test]
    fn a_table_shows_what_is_known() {
        let expected = "\
target     duration in ms                              n   min   p50   p90   max
reference  USR2 to first answer of the new generation  2  3.00  3.00  4.00  4.00
reference  WINCH to old workers gone                   1  1.50  1.50  1.50  1.50
reference  USR2 to old master gone, pauses apart       0     -     -     -     -
";
        let text = table(&figures());
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.contains("reference  upgrade       1000  0.20  0.20      -  0.20     3          0\n"),
            "{text}"
        );
        assert!(text.ends_with("nginx: SKIP nginx is not installed\n"), "{text}");
    }

    #[test]
    fn machines_get_every_upgrade() {
        let value: serde_json::Value = serde_json::from_str(&json(&figures())).expect("it is JSON");
        assert_eq!(
            value["targets"][0]["usr2_to_first_new_answer_ns"],
            serde_json::json!([4_000_000, 3_000_000])
        );
        assert_eq!(value["targets"][0]["requests"][1]["p99_ns"], serde_json::json!(200_000));
    }
}
