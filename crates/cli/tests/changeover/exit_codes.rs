//! Each documented exit code but those that need a history (see `replayed`).

use std::fs;

use assert_cmd::cargo::cargo_bin;

use crate::shelf::{QUIET, Shelf, changeover, ghost};

#[test]
fn a_command_line_that_is_not_understood_is_2() {
    let here = tempfile::tempdir().expect("a temporary folder");
    for arguments in [&[] as &[&str], &["verfy"], &["verify", "--seed", "many"], &["verify", "--repeat", "0"]]
    {
        let said = changeover(here.path(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
    }
}

#[test]
fn a_scenario_that_is_not_understood_is_65_and_its_place_is_named() {
    let shelf = ghost();
    shelf.put("scenarios/quiet.toml", &QUIET.replace("sleep", "slep"));
    for said in [shelf.verify(&[]), changeover(shelf.path(), &["scenario", "check", "scenarios/quiet.toml"])]
    {
        assert_eq!(said.code, Some(65), "{}{}", said.out, said.err);
        assert!(said.err.contains("scenarios/quiet.toml:4:"), "{}", said.err);
    }
}

#[test]
fn no_scenarios_at_all_is_65() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let said = changeover(empty.path(), &["verify", "--scenarios", "nowhere"]);
    assert_eq!((said.code, said.err.as_str()), (Some(65), "open the scenarios in nowhere: not a folder\n"));
}

#[test]
fn nothing_that_matches_is_4() {
    let said = ghost().verify(&["no-such-case"]);
    assert_eq!(said.code, Some(4), "{}", said.err);
}

#[test]
fn a_missing_target_is_skipped_loudly_and_69_when_it_is_required() {
    let skipped = ghost().verify(&[]);
    assert_eq!(skipped.code, Some(0), "{}{}", skipped.out, skipped.err);
    assert!(skipped.out.contains("SKIP"), "{}", skipped.out);
    assert!(
        skipped.out.contains("(no-such-server is not installed; conjure no-such-server)"),
        "{}",
        skipped.out
    );
    assert!(skipped.out.ends_with("\n0 passed, 0 failed, 1 skipped\n"), "{}", skipped.out);
    let required = ghost().verify(&["--require", "ghost"]);
    assert_eq!(required.code, Some(69), "{}", required.out);
    assert!(required.err.contains("conjure no-such-server"), "{}", required.err);
    let unheard_of = ghost().verify(&["--require", "goat"]);
    assert_eq!(unheard_of.code, Some(2), "{}", unheard_of.err);
}

#[test]
fn a_program_of_ours_that_was_not_built_is_69() {
    // A copy of `changeover` alone: what it looks for beside itself is not there.
    let shelf = Shelf::new(QUIET, "changeoverd", "['${program}']");
    let alone = shelf.path().join("changeover");
    // By another process: a file that this one has open for writing may be inherited by a child of another test just
    // then, and cannot be executed meanwhile.
    let copied = std::process::Command::new("cp").arg(cargo_bin!("changeover")).arg(&alone).status();
    assert!(copied.is_ok_and(|status| status.success()), "copy changeover");
    let output = std::process::Command::new(alone).arg("verify").current_dir(shelf.path()).output();
    let output = output.expect("run changeover");
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_target_that_does_not_start_is_1_and_says_why() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    let said = shelf.verify(&[]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.contains("FAIL") && said.out.contains("start target web"), "{}", said.out);
    assert!(said.out.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{}", said.out);
    let kept = fs::read_dir(shelf.runs()).expect("the folder of runs").count();
    assert!(kept > 0, "the directory of a failed run is kept");
}

#[test]
fn explain_and_list_name_every_case_without_running_it() {
    let shelf = ghost();
    let listed = changeover(shelf.path(), &["scenario", "list"]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "quiet  quiet\n"));
    let explained = changeover(shelf.path(), &["scenario", "explain", "scenarios/quiet.toml"]);
    assert_eq!(explained.code, Some(0), "{}", explained.err);
    for part in [
        "web: ghost, ",
        "users: to web, 100/s",
        "steady      1  sleep 1s",
        "finally  lost == 0",
        "checks   sealed, ",
    ] {
        assert!(explained.out.contains(part), "{part} in {}", explained.out);
    }
}
