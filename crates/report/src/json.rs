//! `result.json`: the same value for machines.

use checks::{Judged, Judgement, LifeStory};
use serde_json::{Map, Value, json};

use crate::CaseResult;

/// Version of the layout of `result.json`. Keys are only added under one number.
const SCHEMA: u32 = 1;
/// So many lives are written; the ledger has them all.
const TOLD: usize = 1000;

/// One case as a JSON object, in one line per key.
pub fn result_json(result: &CaseResult) -> String {
    let value = json!({
        "schema": SCHEMA,
        "case": result.case,
        "file": result.file,
        "title": result.title,
        "seed": result.seed,
        "took_ms": result.took.as_millis() as u64,
        "result": result.disposition.word().to_lowercase(),
        "rerun": result.rerun,
        "judgement": result.judgement.as_ref().map(judgement),
    });
    format!("{value:#}\n")
}

fn judgement(judgement: &Judgement) -> Value {
    let classes: Map<String, Value> =
        judgement.classes.iter().map(|(class, count)| (class.name().to_owned(), json!(count))).collect();
    json!({
        "verdict": judgement.overall,
        "expectations": judgement.verdicts.iter().map(expectation).collect::<Vec<_>>(),
        "machine": judgement.machine,
        "phases": judgement.phases,
        "total": judgement.total,
        "classes": classes,
        "populations": judgement.populations,
        "retries": judgement.retried,
        "lost": told(&judgement.lost),
        "retriable": told(&judgement.retriable),
        "remarks": judgement.remarks,
    })
}

fn expectation(judged: &Judged) -> Value {
    let Judged { expectation, verdict } = judged;
    json!({ "text": expectation.text, "place": expectation.place, "verdict": verdict })
}

fn told(lives: &[LifeStory]) -> &[LifeStory] {
    &lives[..lives.len().min(TOLD)]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::result_json;
    use crate::example;

    #[test]
    fn a_machine_reads_what_a_person_reads() {
        let value: Value = serde_json::from_str(&result_json(&example::failed())).expect("it is JSON");
        assert_eq!(value["schema"], json!(1));
        assert_eq!(value["result"], json!("fail"));
        let judgement = &value["judgement"];
        assert_eq!(judgement["verdict"]["verdict"], json!("fail"));
        assert_eq!(judgement["expectations"][0]["place"]["line"], json!(31));
        assert_eq!(judgement["phases"][1]["lost"], json!(3));
        assert_eq!(
            judgement["phases"][1]["kernel"],
            json!({ "extent": "run", "counters": { "AttemptFails": 3 } })
        );
        assert_eq!(judgement["phases"][0]["kernel"], Value::Null);
        assert_eq!(judgement["classes"], json!({ "ok": 1903, "refused": 3 }));
        assert_eq!(judgement["lost"][0]["outcome"], json!("refused"));
    }

    #[test]
    fn what_was_not_run_has_no_judgement() {
        let skipped = example::without_judgement(crate::Disposition::Skipped { why: "w".into() });
        let value: Value = serde_json::from_str(&result_json(&skipped)).expect("it is JSON");
        assert_eq!(value["judgement"], Value::Null);
        assert_eq!(value["result"], json!("skip"));
    }
}
