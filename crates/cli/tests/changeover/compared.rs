//! Kept runs side by side.

use crate::{
    run::{self, MS, Wrong},
    shelf::{Said, ghost},
};

/// Compares folders of runs; each run is the time, in milliseconds, that its requests took.
fn compare(a: &[u64], b: &[u64]) -> Said {
    let shelf = ghost();
    for (folder, runs) in [("a", a), ("b", b)] {
        for (number, took) in runs.iter().enumerate() {
            run::write(&shelf, &format!("{folder}/run-{number}"), Wrong::Nothing, took * MS);
        }
    }
    crate::shelf::changeover(shelf.path(), &["compare", "a", "b"])
}

/// The line of the median in the only phase.
#[track_caller]
fn check(a: &[u64], b: &[u64], expected: &str) {
    let said = compare(a, b);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let line = said.out.lines().find(|line| line.starts_with("steady") && line.contains("p50"));
    let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    assert_eq!(words.join(" "), expected, "{}", said.out);
}

#[test]
fn what_lies_apart_in_every_run_regressed_and_nothing_else() {
    check(&[1, 1, 2, 2, 3], &[4, 5, 5, 5, 9], "steady p50 2.0 [1.0..3.0] 5.0 [4.0..9.0] +150 % regressed");
    check(&[4, 5, 5, 5, 9], &[1, 1, 2, 2, 3], "steady p50 5.0 [4.0..9.0] 2.0 [1.0..3.0] -60 % improved");
    check(&[1, 1, 2, 2, 4], &[4, 5, 5, 5, 9], "steady p50 2.0 [1.0..4.0] 5.0 [4.0..9.0] +150 %");
    check(&[1], &[9], "steady p50 1.0 9.0 +800 %");
}

#[test]
fn a_single_run_can_be_named_and_what_is_no_run_is_refused() {
    let shelf = ghost();
    run::write(&shelf, "a", Wrong::Nothing, MS);
    let same = crate::shelf::changeover(shelf.path(), &["compare", "a", "a"]);
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.starts_with("A: quiet, 1 runs in a\nB: quiet, 1 runs in a\n"), "{}", same.out);
    for nothing in ["nowhere", "scenarios"] {
        let said = crate::shelf::changeover(shelf.path(), &["compare", "a", nothing]);
        assert_eq!(said.code, Some(2), "{nothing}: {}", said.err);
    }
}
