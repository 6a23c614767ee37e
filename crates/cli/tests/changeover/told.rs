//! Mistakes as people, programs and GitHub read them.

use std::process::Command;

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

use crate::shelf::{QUIET, Said, Shelf, changeover, ghost, said};

/// A scenario with two mistakes in it.
fn wrong() -> Shelf {
    let shelf = ghost();
    shelf.put("scenarios/quiet.toml", &QUIET.replace("lost == 0", "lots == 0").replace("1s", "1"));
    shelf
}

fn check(shelf: &Shelf, arguments: &[&str], github: bool) -> Said {
    let mut command = Command::new(cargo_bin!("changeover"));
    command.args(["scenario", "check"]).args(arguments).current_dir(shelf.path());
    if github {
        command.env("GITHUB_ACTIONS", "true");
    }
    let said = said(command);
    assert_eq!(said.code, Some(65), "{}{}", said.out, said.err);
    said
}

#[test]
fn people_see_the_line_and_are_told_where_to_read_on() {
    let said = check(&wrong(), &[], false);
    for part in
        ["error[CO0006]", "scenarios/quiet.toml:4:", "error[CO0016]", "`changeover explain CO0006` says more"]
    {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    assert!(!said.err.contains('\u{1b}'), "no colours where nobody looks: {}", said.err);
}

#[test]
fn programs_read_one_object_a_line_and_nothing_else() {
    let said = check(&wrong(), &["--message-format", "json"], true);
    let mistakes: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let codes: Vec<&Value> = mistakes.iter().map(|mistake| &mistake["code"]).collect();
    assert_eq!(codes, [&json!("CO0006"), &json!("CO0016")]);
    assert_eq!(mistakes[0]["file"], json!("scenarios/quiet.toml"));
    assert_eq!(mistakes[0]["line"], json!(4));
    assert_eq!(said.err, "");
}

#[test]
fn github_sees_an_error_beside_the_line_and_ten_of_them_at_most() {
    let shelf = wrong();
    for (arguments, github) in [(&[][..], true), (&["--message-format", "github"], false)] {
        let said = check(&shelf, arguments, github);
        let errors: Vec<&str> = said.out.lines().filter(|line| line.starts_with("::error ")).collect();
        assert_eq!(errors.len(), 2, "{}", said.out);
        assert!(errors[0].starts_with("::error file=scenarios/quiet.toml,line=4,col="), "{}", errors[0]);
    }
    for number in 0..12 {
        shelf.put(&format!("scenarios/more-{number}.toml"), "schema = 1\nname = 'no steps'\n");
    }
    let said = check(&shelf, &["--message-format", "github"], false);
    assert_eq!(said.out.matches("::error ").count(), 10, "{}", said.out);
    assert!(said.err.contains("more mistakes"), "{}", said.err);
}

#[test]
fn a_file_that_cannot_be_read_hides_nothing_and_has_a_place() {
    let shelf = wrong();
    std::fs::write(shelf.path().join("scenarios/bytes.toml"), b"schema = 1\nname = '\xff'\n")
        .expect("written");
    let said = check(&shelf, &["--message-format", "json"], false);
    let mistakes: Vec<Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let codes: Vec<&Value> = mistakes.iter().map(|mistake| &mistake["code"]).collect();
    assert_eq!(codes, [&json!("CF0004"), &json!("CO0006"), &json!("CO0016")]);
    assert_eq!((&mistakes[0]["file"], &mistakes[0]["line"]), (&json!("scenarios/bytes.toml"), &json!(2)));
    let folder = check(&shelf, &["scenarios", "scenarios/quiet.toml"], true);
    for part in ["::error file=scenarios,line=1,col=1,title=CF0004", "title=CO0006"] {
        assert!(folder.out.contains(part), "{part} in {}", folder.out);
    }
}

#[test]
fn a_mistake_in_an_included_file_has_a_path_that_an_editor_opens() {
    let shelf = ghost();
    shelf.put("scenarios/parts/wrong.toml", "expect.always = ['redy(web.new)']\n");
    shelf.put(
        "scenarios/quiet.toml",
        &QUIET.replace("schema = 1", "schema = 1\ninclude = ['parts/wrong.toml']"),
    );
    let said = check(&shelf, &[], true);
    assert!(said.out.contains("::error file=scenarios/parts/wrong.toml,line=1,"), "{}", said.out);
    assert!(said.err.contains("--> scenarios/parts/wrong.toml:1:"), "{}", said.err);
}

#[test]
fn a_target_or_a_part_that_is_not_there_has_a_nearest() {
    let shelf = ghost();
    shelf.put("scenarios/parts/users.toml", "");
    let part = QUIET.replace("schema = 1", "schema = 1\ninclude = ['parts/usres.toml']");
    for (text, near) in [
        (QUIET.replace("ghost", "gohst"), "did you mean `ghost`?"),
        (part, "did you mean `parts/users.toml`?"),
    ] {
        shelf.put("scenarios/quiet.toml", &text);
        let said = check(&shelf, &[], false);
        assert!(said.err.contains(near), "{near} in {}", said.err);
    }
}

#[test]
fn every_code_can_be_explained() {
    let here = tempfile::tempdir().expect("a temporary folder");
    let all = changeover(here.path(), &["explain"]);
    let codes: Vec<&str> = all.out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for code in ["CO0001", "CD0001", "CF0001"] {
        assert!(codes.contains(&code), "{code} in {}", all.out);
    }
    for code in codes {
        let page = changeover(here.path(), &["explain", code]);
        assert_eq!(page.code, Some(0), "{}", page.err);
        assert!(page.out.starts_with(&format!("{code}: ")), "{}", page.out);
        assert!(page.out.contains("\nThis is refused:\n\n    "), "{}", page.out);
    }
    for short in ["cd0008", "cd8", "CD08"] {
        assert_eq!(changeover(here.path(), &["explain", short]).code, Some(0), "{short}");
    }
    let page = changeover(here.path(), &["explain", "cd0008"]);
    assert!(page.out.contains("error[CD0008]"), "{}", page.out);
    assert_eq!(changeover(here.path(), &["explain", "CO9999"]).code, Some(2));
}

#[test]
fn a_mistake_in_a_target_is_told_once_however_many_scenarios_run_it() {
    let shelf = ghost();
    shelf.put("scenarios/another.toml", QUIET);
    let target = shelf.path().join("scenarios/targets/ghost/target.toml");
    let text = std::fs::read_to_string(target).expect("a target");
    shelf.put("scenarios/targets/ghost/target.toml", &format!("{text}\n[lakcs]\n"));
    let said = changeover(shelf.path(), &["scenario", "check"]);
    assert_eq!(said.code, Some(65), "{}{}", said.out, said.err);
    assert_eq!(said.err.matches("unknown key `lakcs`").count(), 1, "{}", said.err);
    assert!(said.out.contains("2 with mistakes"), "{}", said.out);
}
