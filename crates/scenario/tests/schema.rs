//! `scenarios/schema.json` is the schema of this language, and every shipped file names it.
//! `UPDATE=1 cargo test -p scenario --test schema` writes it anew.

use std::{fs, path::Path};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

#[test]
fn the_committed_schema_is_fresh() {
    let file = Path::new(SCENARIOS).join("schema.json");
    let schema = scenario::schema();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &schema).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(schema == committed, "scenarios/schema.json is not what the code says; UPDATE=1 writes it anew");
}

#[test]
fn the_schema_is_for_editors_of_toml() {
    let schema: serde_json::Value = serde_json::from_str(&scenario::schema()).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["required"], serde_json::json!(["schema", "name"]));
    assert_eq!(schema["properties"]["name"]["type"], "string");
    assert!(schema["definitions"]["Step"]["properties"]["signal"].is_object());
    assert!(!scenario::schema().contains("spanned"), "an implementation detail leaks");
}

#[test]
fn every_shipped_scenario_names_its_schema() {
    for theme in fs::read_dir(SCENARIOS).expect("the scenario folder").flatten() {
        if !theme.path().is_dir() || theme.file_name() == "targets" || theme.file_name() == "parts" {
            continue;
        }
        for file in fs::read_dir(theme.path()).expect("a theme").flatten() {
            let text = fs::read_to_string(file.path()).expect("a scenario");
            assert!(text.starts_with("#:schema ../schema.json\n"), "{}", file.path().display());
        }
    }
}
