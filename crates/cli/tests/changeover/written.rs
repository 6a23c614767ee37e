//! Scenarios that the program writes, and what it says of those that are there.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::shelf::{Said, changeover};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

/// `changeover scenario …` on the scenarios of this repository.
fn scenario(here: &Path, arguments: &[&str]) -> Said {
    changeover(here, &[&["scenario"], arguments, &["--scenarios", SCENARIOS]].concat())
}

#[test]
fn a_new_scenario_of_each_kind_passes_check_and_is_never_written_over() {
    let here = tempfile::tempdir().expect("a temporary folder");
    for kind in ["upgrade", "reload", "rollback", "crash"] {
        let out = format!("mine/{kind}.toml");
        let flags =
            ["new", "--name", "mine \"too\"", "--target", "reference,nginx", "--kind", kind, "--out", &out];
        let written = scenario(here.path(), &flags);
        assert_eq!(written.code, Some(0), "{kind}: {}{}", written.out, written.err);
        let checked = scenario(here.path(), &["check", &out]);
        assert_eq!(checked.code, Some(0), "{kind}: {}", checked.err);
        assert!(checked.out.contains("2 cases, nothing wrong"), "{}", checked.out);
        let again = scenario(here.path(), &flags);
        assert_eq!(again.code, Some(2), "{kind}: {}{}", again.out, again.err);
        assert!(again.err.contains("it is there already"), "{}", again.err);
    }
}

#[test]
fn without_a_terminal_nothing_is_guessed() {
    let here = tempfile::tempdir().expect("a temporary folder");
    let new = |flags: &[&str]| scenario(here.path(), &[&["new"], flags].concat());
    for (flags, part) in [
        (&["--name", "a", "--target", "reference"][..], "say --kind"),
        (&["--name", "a", "--kind", "reload"], "say --target"),
        (&["--kind", "reload", "--target", "reference"], "say --name"),
        (&["--name", "a", "--kind", "reload", "--target", "refernce"], "did you mean `reference`?"),
        (&["--name", "a", "--kind", "relaod", "--target", "reference"], "invalid value"),
    ] {
        let said = new(flags);
        assert_eq!(said.code, Some(2), "{flags:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    assert_eq!(fs::read_dir(here.path()).expect("the folder").count(), 0);
}

#[test]
fn every_shipped_scenario_passes_check() {
    let here = tempfile::tempdir().expect("a temporary folder");
    let said = scenario(here.path(), &["check"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.lines().last().is_some_and(|line| line.contains(" 0 with mistakes")), "{}", said.out);
}

#[test]
fn the_schema_is_one_that_editors_know() {
    let said = changeover(Path::new("/"), &["scenario", "schema"]);
    let schema: Value = serde_json::from_str(&said.out).expect("it is JSON");
    assert_eq!(schema["$schema"], json!("http://json-schema.org/draft-07/schema#"));
    assert!(schema["properties"]["step"].is_object(), "{}", said.out);
}
