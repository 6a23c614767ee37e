//! A file of a kept run that is not what the run left is noticed, and named.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
};

use ledger::{MANIFEST_NAME, Manifest, check_manifest, write_manifest};
use tempfile::TempDir;

/// A run directory with its manifest.
fn kept() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    put("events.ndjson", "{}\n{}\n");
    put("ledger-0.bin", &"x".repeat(100_000));
    fs::create_dir(directory.path().join("logs")).unwrap();
    put("logs/error.log", "all is well\n");
    fs::create_dir(directory.path().join("bin")).unwrap();
    put("bin/web", "a program");
    write_manifest(directory.path()).unwrap();
    directory
}

/// What is said after something was done to the directory.
fn after(change: impl FnOnce(&Path)) -> Manifest {
    let directory = kept();
    change(directory.path());
    check_manifest(directory.path()).unwrap()
}

fn broken(line: &str) -> Manifest {
    Manifest::Broken(vec![line.to_owned()])
}

#[test]
fn a_run_that_nobody_touched_holds() {
    assert_eq!(after(|_| {}), Manifest::Holds);
    assert_eq!(after(|d| fs::write(d.join("notes.txt"), "mine").unwrap()), Manifest::Holds);
    assert_eq!(after(|d| fs::remove_dir_all(d.join("bin")).unwrap()), Manifest::Holds);
}

#[test]
fn what_was_edited_cut_lost_or_added_is_named() {
    let edited = after(|d| fs::write(d.join("events.ndjson"), "{}\n[]\n").unwrap());
    assert_eq!(edited, broken("events.ndjson was changed after the run"));
    let cut = after(|d| {
        let file = OpenOptions::new().write(true).open(d.join("ledger-0.bin")).unwrap();
        file.set_len(99_999).unwrap();
    });
    assert_eq!(cut, broken("ledger-0.bin was changed after the run"));
    let longer = after(|d| {
        let mut file = OpenOptions::new().append(true).open(d.join("logs/error.log")).unwrap();
        file.write_all(b"x").unwrap();
    });
    assert_eq!(longer, broken("logs/error.log was changed after the run"));
    let lost = after(|d| fs::remove_file(d.join("ledger-0.bin")).unwrap());
    assert_eq!(lost, broken("ledger-0.bin is missing"));
    let added = after(|d| fs::write(d.join("journal-web.7.bin"), "").unwrap());
    assert_eq!(added, broken("journal-web.7.bin was added after the run"));
}

#[test]
fn a_run_that_was_killed_has_none_and_half_a_one_holds_nothing() {
    assert_eq!(after(|d| fs::remove_file(d.join(MANIFEST_NAME)).unwrap()), Manifest::Absent);
    let cut = after(|d| fs::write(d.join(MANIFEST_NAME), "0123").unwrap());
    assert_eq!(cut, broken("MANIFEST.sha256 was changed after the run"));
}

#[test]
fn another_program_reads_it() {
    let directory = kept();
    let text = fs::read_to_string(directory.path().join(MANIFEST_NAME)).unwrap();
    assert!(
        text.contains("  events.ndjson\n") && text.lines().all(|line| line.find("  ") == Some(64)),
        "{text}"
    );
    let known = text.lines().find(|line| line.ends_with("  events.ndjson")).unwrap();
    assert!(known.starts_with(EVENTS_DIGEST), "{known}");
}

/// Of `{}\n{}\n`, by coreutils.
const EVENTS_DIGEST: &str = "3b00ba5361676a0a8152642a6edaf54a222bd409b5774b5b461ac8d1cee09cb4";
