//! What is wrong with what was asked is said with its name, and is never a pass.

use std::{fs, os::unix::fs::symlink};

use nix::sys::stat::Mode;

use crate::shelf::{QUIET, Shelf, changeover, ghost};

/// A shelf whose target does not start.
fn failing() -> Shelf {
    Shelf::new(QUIET, "false", "['${program}']")
}

#[test]
fn results_that_cannot_be_written_are_2_before_a_run_and_70_after_it_and_the_file_is_named() {
    let said = ghost().verify(&["--results", "nowhere/results.json"]);
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    assert!(said.err.contains("write nowhere/results.json: No such file"), "{}", said.err);
    assert_eq!(said.out, "", "it is said before anything runs");
    let junit = ghost().verify(&["--junit", "nowhere/junit.xml"]);
    assert_eq!((junit.code, junit.out.as_str()), (Some(2), ""), "{}", junit.err);
    assert!(junit.err.contains("write nowhere/junit.xml: No such file"), "{}", junit.err);
    let full = ghost().verify(&["--results", "/dev/full"]);
    assert_eq!(full.code, Some(70), "{}{}", full.out, full.err);
    assert!(full.err.contains("write /dev/full: No space left"), "{}", full.err);
}

/// The arguments of the line that says how to run a failed case again.
fn rerun(shelf: &Shelf, arguments: &[&str]) -> String {
    let said = shelf.verify(arguments);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let line = said.out.lines().find_map(|line| line.trim().strip_prefix("rerun: changeover "));
    line.unwrap_or_else(|| panic!("no rerun: {}", said.out)).to_owned()
}

#[test]
fn the_rerun_line_runs_the_same_again() {
    let shelf = failing();
    assert_eq!(rerun(&shelf, &[]), "verify 'quiet' --seed 1");
    fs::rename(shelf.path().join("scenarios"), shelf.path().join("my shelf")).expect("rename");
    let again = rerun(&shelf, &["--scenarios", "my shelf", "--no-upgrade"]);
    assert_eq!(again, "verify 'my shelf/quiet' --seed 1 --no-upgrade --scenarios 'my shelf'");
    assert_eq!(
        rerun(&shelf, &["my shelf/quiet", "--seed", "1", "--no-upgrade", "--scenarios", "my shelf"]),
        again
    );
}

#[test]
fn the_rerun_line_of_a_file_that_lies_elsewhere_runs_that_file_again() {
    let shelf = failing();
    shelf.put("quiet.toml", QUIET);
    shelf.put(
        "mine/quiet.toml",
        &QUIET.replace("step =", "matrix = { kind = ['ghost'] }\nstep =").replace("\"ghost\"", "\"${kind}\""),
    );
    let whole = shelf.path().join("mine/quiet.toml");
    for (file, arms) in [("quiet.toml", ""), (whole.to_str().expect("UTF-8"), "::kind=ghost")] {
        let again = rerun(&shelf, &[file]);
        assert_eq!(again, format!("verify '{file}{arms}' --seed 1"));
        assert_eq!(rerun(&shelf, &[&format!("{file}{arms}"), "--seed", "1"]), again);
    }
}

#[test]
fn a_folder_for_runs_that_cannot_be_made_is_named() {
    let shelf = ghost();
    shelf.put("file", "");
    let said = changeover(shelf.path(), &["verify", "--runs", "file/runs"]);
    assert_eq!(said.code, Some(2), "{}{}", said.out, said.err);
    assert!(said.err.contains("/file/runs: "), "{}", said.err);
}

#[test]
fn what_is_no_file_is_skipped_and_named() {
    let shelf = ghost();
    let scenarios = shelf.path().join("scenarios");
    nix::unistd::mkfifo(&scenarios.join("pipe.toml"), Mode::S_IRWXU).expect("a fifo");
    fs::create_dir(scenarios.join("folder.toml")).expect("a folder");
    symlink("..", scenarios.join("folder.toml").join("up")).expect("a link");
    symlink(".", scenarios.join("loop")).expect("a link");
    let said = changeover(shelf.path(), &["scenario", "list"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "quiet  quiet\n"), "{}", said.err);
    let mut complaints: Vec<&str> = said.err.lines().collect();
    complaints.sort_unstable();
    assert_eq!(
        complaints,
        [
            "skip scenarios/folder.toml: a folder, not a file",
            "skip scenarios/loop: a link to a folder that it is in",
            "skip scenarios/pipe.toml: not a regular file",
        ]
    );
    let target = scenarios.join("targets/ghost/target.toml");
    fs::remove_file(&target).expect("remove");
    nix::unistd::mkfifo(&target, Mode::S_IRWXU).expect("a fifo");
    let said = changeover(shelf.path(), &["scenario", "list"]);
    assert_eq!(said.code, Some(65), "{}", said.out);
    assert!(said.err.contains("not a regular file"), "{}", said.err);
}

#[test]
fn a_filter_that_matches_nothing_is_4_even_when_another_one_matches() {
    let said = ghost().verify(&["quiet", "quite"]);
    assert_eq!(said.code, Some(4), "{}{}", said.out, said.err);
    assert!(said.err.contains("`quite`: no case of that name"), "{}", said.err);
}
