//! The same results as files for other programs.

use std::fs;

use crate::shelf::{QUIET, Shelf, ghost, quiet, said};

#[test]
fn junit_says_what_the_terminal_says() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    shelf.put("scenarios/other.toml", &QUIET.replace("ghost", "absent"));
    let target = fs::read_to_string(shelf.path().join("scenarios/targets/ghost/target.toml"));
    let target = target.expect("the target").replace("\"false\"", "\"no-such-server\"");
    shelf.put("scenarios/targets/absent/target.toml", &target);
    let run = shelf.verify(&["--junit", "junit.xml", "--jobs", "1"]);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    let text = fs::read_to_string(shelf.path().join("junit.xml")).expect("a file");
    assert!(text.contains("<testsuite name=\"scenarios/quiet.toml\" tests=\"1\""), "{text}");
    assert!(text.contains("<skipped message=\"no-such-server is not installed;"), "{text}");
    assert!(text.contains("<failure message=\"FAIL ["), "{text}");
    let line = run.out.lines().find(|line| line.trim_start().starts_with("FAIL")).expect("a failure");
    let because = line.split_once("  (").map_or(line, |(_, why)| why);
    for part in [because.trim_end_matches(')'), "rerun: changeover verify"] {
        assert!(text.replace("&apos;", "'").contains(part), "{part} in {text}");
    }
}

#[test]
fn github_gets_a_summary_behind_what_is_there_and_remarks() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    shelf.put("summary.md", "before\n");
    let mut command = shelf.command(&[]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", shelf.path().join("summary.md"));
    let run = said(command);
    assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
    assert!(
        run.out.contains("\n::error file=scenarios/quiet.toml,line=1,col=1,title=FAIL quiet::"),
        "{}",
        run.out
    );
    assert!(run.out.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{}", run.out);
    let text = fs::read_to_string(shelf.path().join("summary.md")).expect("a file");
    assert!(text.starts_with("before\n### changeover: 0 passed, 1 failed, 0 skipped\n"), "{text}");
    assert!(text.contains("| FAIL | quiet ("), "{text}");
}

#[test]
fn what_the_machine_lacks_is_a_skip_that_says_so() {
    let shelf = ghost();
    let needy = quiet("needy", "").replace("tags = []", "requires = ['true>=9999.0']");
    shelf.put("scenarios/quiet.toml", &needy);
    let run = shelf.verify(&[]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(run.out.contains("SKIP") && run.out.contains("(needs true 9999.0 or later, and"), "{}", run.out);
}
