//! For people.

use facts::{Blame, Nanos};

use super::{Echo, Evidence, LoadResult, LoadVerdict, Priority, Spread};
use crate::{Paint, figures::grouped};

/// Whose doing a class is, in the words of the README.
fn whose(blame: Blame) -> &'static str {
    match blame {
        Blame::Nobody => "",
        Blame::Lost => "lost",
        Blame::Retriable => "retriable",
        Blame::Corrupt => "corrupt",
        Blame::Excused => "excused",
        Blame::Generator => "not seen",
    }
}

/// Everything, as a block of lines.
pub fn load_table(result: &LoadResult, paint: Paint) -> String {
    let sections = [
        heading(result),
        requests(result),
        times(result),
        traffic(result),
        remarks(result).concat(),
        verdict(result, paint),
    ];
    sections.concat()
}

fn heading(result: &LoadResult) -> String {
    let early = if result.interrupted { ", interrupted" } else { "" };
    format!(
        "{}\n  {}: {}, for {:.1} s{early}; seed {}\n\n",
        result.url,
        result.clients,
        result.pace,
        result.lasted.as_secs_f64(),
        result.seed
    )
}

fn requests(result: &LoadResult) -> String {
    let asked = result.asked.map_or_else(String::new, |asked| format!(", {asked:.1}/s asked for"));
    let mut text = format!(
        "requests     {:>11}  planned\n             {:>11}  sent, {:.1}/s{asked}\n",
        grouped(result.planned),
        grouped(result.sent),
        result.achieved()
    );
    if result.unsent > 0 {
        text.push_str(&format!(
            "             {:>11}  never sent: no connection was free\n",
            grouped(result.unsent)
        ));
    }
    let finished: u64 = result.classes.iter().map(|(_, count)| count).sum();
    let mut name = "outcomes";
    for (class, count) in &result.classes {
        let share = 100.0 * *count as f64 / finished.max(1) as f64;
        let line = format!(
            "{name:<12} {:>11}  {:>9}  {:<22} {}",
            grouped(*count),
            format!("{share:.3} %"),
            class.name(),
            whose(class.blame())
        );
        text.push_str(line.trim_end());
        text.push('\n');
        name = "";
    }
    text + "\n"
}

fn times(result: &LoadResult) -> String {
    let from = match result.evidence {
        Evidence::Open => "from intended start",
        Evidence::PartlyOpen => "from end of thinking",
        Evidence::Closed => "closed loop",
    };
    let mut text = format!(
        "{:<21}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
        "times in ms", "min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"
    );
    let rows = [
        (from, &result.latency),
        ("from sent to answered", &result.service),
        ("generator late by", &result.lag),
    ];
    for (name, spread) in rows.iter().filter(|(_, spread)| spread.count > 0) {
        text.push_str(&row(name, spread));
    }
    text + "\n"
}

fn row(name: &str, spread: &Spread) -> String {
    let Spread { min, mean, p50, p90, p99, p999, p9999, max, .. } = *spread;
    let cells: String =
        [min, mean, p50, p90, p99, p999, p9999, max].map(|cell| format!("{:>9}", ms(cell))).concat();
    format!("{name:<21}{cells}\n")
}

/// Three decimals below 100 ms: a loopback answer takes a twentieth of one.
fn ms(nanos: Option<Nanos>) -> String {
    match nanos {
        None => "-".into(),
        Some(nanos) if nanos < 100_000_000 => format!("{:.3}", nanos as f64 / 1e6),
        Some(nanos) => format!("{:.1}", nanos as f64 / 1e6),
    }
}

fn traffic(result: &LoadResult) -> String {
    let a_second = |bytes: u64| size(bytes as f64 / result.lasted.as_secs_f64().max(1e-9));
    format!(
        "traffic      {} out ({}/s), {} in ({}/s), {} connections\n",
        size(result.bytes_out as f64),
        a_second(result.bytes_out),
        size(result.bytes_in as f64),
        a_second(result.bytes_in),
        grouped(result.connections)
    )
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000.0 {
        return format!("{bytes:.0} B");
    }
    let power = ((bytes.log10() / 3.0) as usize).clamp(1, UNITS.len());
    format!("{:.1} {}", bytes / 1000_f64.powi(power as i32), UNITS[power - 1])
}

fn remarks(result: &LoadResult) -> Vec<String> {
    let remark = |text: &str| format!("note         {text}\n");
    let mut remarks = Vec::new();
    if result.evidence == Evidence::Closed {
        remarks.push(remark(
            "a closed loop, for comparison only: what delays answers delays questions too, so these times are no evidence",
        ));
    }
    if result.echo == Echo::Absent && result.blamed(Blame::Nobody) > 0 {
        remarks.push(remark(
            "this server does not echo X-Changeover-Id: that answers belong to their requests was not checked",
        ));
    }
    if result.classes.iter().any(|(class, _)| *class == facts::Outcome::WrongBody) {
        remarks.push(remark("bodies differ from the first one; if that is as it should be: --vary"));
    }
    if result.priority == Priority::Ordinary && result.late.is_some() && result.evidence != Evidence::Closed {
        remarks.push(remark("its threads were scheduled as everybody's; root would have them run first"));
    }
    remarks
}

fn verdict(result: &LoadResult, paint: Paint) -> String {
    let retriable = match result.blamed(Blame::Retriable) {
        0 => String::new(),
        count => format!("; {} closed before any byte, which a careful client may retry", grouped(count)),
    };
    let late = match &result.late {
        Some(why) if !matches!(result.verdict(), LoadVerdict::Void(_)) => format!("; times are void: {why}"),
        _ => String::new(),
    };
    let says = match result.verdict() {
        LoadVerdict::Sound => {
            let (good, all) = (result.blamed(Blame::Nobody), result.sent);
            format!(
                "{} {} of {} answered right{retriable}",
                paint.good("NOTHING LOST:"),
                grouped(good),
                grouped(all)
            )
        }
        LoadVerdict::Lost { lost, corrupt: 0 } => {
            format!("{} {} of {}{retriable}", paint.bad("LOST"), grouped(lost), grouped(result.sent))
        }
        LoadVerdict::Lost { lost, corrupt } => format!(
            "{} {} of {}, {} answered wrongly{retriable}",
            paint.bad("LOST"),
            grouped(lost),
            grouped(result.sent),
            grouped(corrupt)
        ),
        LoadVerdict::Void(why) => format!("{} {why}{retriable}", paint.doubtful("VOID:")),
    };
    format!("\n{says}{late}\n")
}

#[cfg(test)]
mod tests {
    use facts::Outcome;

    use super::*;
    use crate::example;

    #[test]
    fn a_person_reads_what_was_sent_what_came_of_it_and_how_long_it_took() {
        let expected = "\
http://127.0.0.1:8080/
  64 kept connections, 1 thread: 500/s at random, for 10.0 s; seed 1

requests           5 012  planned
                   5 012  sent, 501.2/s, 500.0/s asked for
outcomes           5 012  100.000 %  ok

times in ms                min     mean      p50      p90      p99    p99.9   p99.99      max
from intended start      0.051    0.080    0.071    0.112    0.942        -        -    123.5
from sent to answered    0.051    0.080    0.071    0.112    0.942        -        -    123.5
generator late by        0.051    0.080    0.071    0.112    0.942        -        -    123.5

traffic      406.0 kB out (40.6 kB/s), 1.2 MB in (123.5 kB/s), 64 connections

NOTHING LOST: 5 012 of 5 012 answered right
";
        assert_eq!(load_table(&example::load(), Paint::Plain), expected);
    }

    #[test]
    fn what_was_lost_is_told_with_its_class_and_the_rest_with_what_to_do() {
        let lost = LoadResult {
            classes: vec![(Outcome::Ok, 5000), (Outcome::Refused, 3), (Outcome::WrongBody, 9)],
            echo: Echo::Absent,
            late: Some("it was late".into()),
            priority: Priority::Ordinary,
            evidence: Evidence::Closed,
            unsent: 7,
            ..example::load()
        };
        let text = load_table(&lost, Paint::Plain);
        for line in [
            "                       3    0.060 %  refused                lost\n",
            "                       7  never sent: no connection was free\n",
            "note         a closed loop, for comparison only",
            "note         this server does not echo X-Changeover-Id",
            "if that is as it should be: --vary\n",
            "\nLOST 3 of 5 012, 9 answered wrongly; times are void: it was late\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        let void = LoadResult { late: Some("it was late".into()), ..example::load() };
        assert!(load_table(&void, Paint::Plain).ends_with("\nVOID: it was late\n"));
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!([0.0, 999.0, 1000.0, 1_234_567.0].map(size), ["0 B", "999 B", "1.0 kB", "1.2 MB"]);
    }
}
