//! For machines.

use facts::Blame;
use serde_json::{Map, Value, json};

use super::{Echo, Evidence, LoadResult, LoadVerdict, Priority, Spread};

/// Version of the layout. Keys are only added under one number.
const SCHEMA: u32 = 1;

/// The same as the table, times in nanoseconds; what is not known is null.
pub fn load_json(result: &LoadResult) -> String {
    let classes: Map<String, Value> =
        result.classes.iter().map(|(class, count)| (class.name().to_owned(), json!(count))).collect();
    let (verdict, why) = match result.verdict() {
        LoadVerdict::Sound => ("sound", None),
        LoadVerdict::Lost { .. } => ("lost", None),
        LoadVerdict::Void(why) => ("void", Some(why)),
    };
    let value = json!({
        "schema": SCHEMA,
        "url": result.url,
        "clients": result.clients,
        "pace": result.pace,
        "loop": match result.evidence {
            Evidence::Open => "open",
            Evidence::PartlyOpen => "partly_open",
            Evidence::Closed => "closed",
        },
        "seed": result.seed,
        "lasted_s": result.lasted.as_secs_f64(),
        "asked_per_second": result.asked,
        "achieved_per_second": result.achieved(),
        "planned": result.planned,
        "sent": result.sent,
        "unsent": result.unsent,
        "ok": result.blamed(Blame::Nobody),
        "lost": result.blamed(Blame::Lost),
        "retriable": result.blamed(Blame::Retriable),
        "corrupt": result.blamed(Blame::Corrupt),
        "unseen": result.blamed(Blame::Generator),
        "classes": classes,
        "bytes_out": result.bytes_out,
        "bytes_in": result.bytes_in,
        "connections": result.connections,
        "latency_ns": spread(&result.latency),
        "service_ns": spread(&result.service),
        "generator_lag_ns": spread(&result.lag),
        "generator_priority": if result.priority == Priority::First { "first" } else { "ordinary" },
        "times_void": result.late,
        "ids_checked": result.echo == Echo::Checked,
        "interrupted": result.interrupted,
        "verdict": verdict,
        "why": why,
    });
    format!("{value:#}\n")
}

fn spread(spread: &Spread) -> Value {
    json!({
        "count": spread.count,
        "min": spread.min,
        "mean": spread.mean,
        "p50": spread.p50,
        "p90": spread.p90,
        "p99": spread.p99,
        "p99.9": spread.p999,
        "p99.99": spread.p9999,
        "max": spread.max,
    })
}

#[cfg(test)]
mod tests {
    use facts::Outcome;
    use serde_json::{Value, json};

    use super::*;
    use crate::example;

    #[test]
    fn a_machine_reads_what_a_person_reads() {
        let lost = LoadResult { classes: vec![(Outcome::Ok, 9), (Outcome::Refused, 3)], ..example::load() };
        let value: Value = serde_json::from_str(&load_json(&lost)).expect("it is JSON");
        assert_eq!(value["verdict"], json!("lost"));
        assert_eq!((&value["lost"], &value["classes"]["refused"]), (&json!(3), &json!(3)));
        assert_eq!(
            (&value["latency_ns"]["p99"], &value["latency_ns"]["p99.9"]),
            (&json!(942_000), &Value::Null)
        );
    }
}
