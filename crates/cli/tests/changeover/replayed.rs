//! Hand-written runs, judged again: the exit codes of verdicts.

use facts::Outcome;

use crate::{
    run::{self, Wrong},
    shelf::{QUIET, Said, Shelf, changeover},
};

/// Writes a run, and replays it.
fn replay(wrong: Wrong, edit: impl Fn(&str) -> String) -> Said {
    let shelf = Shelf::new(&edit(QUIET), "no-such-server", "['${program}']");
    run::write(&shelf, "run", wrong, run::MS);
    changeover(shelf.path(), &["replay", "run"])
}

#[track_caller]
fn check(wrong: Wrong, edit: impl Fn(&str) -> String, code: i32, word: &str) -> Said {
    let said = replay(wrong, edit);
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    assert!(said.out.trim_start().starts_with(word), "{word} in {}", said.out);
    said
}

#[test]
fn a_good_run_is_0_and_one_that_lost_a_request_is_1_with_its_life_story() {
    check(Wrong::Nothing, str::to_owned, 0, "PASS");
    let said = check(Wrong::Ended(Outcome::Refused), str::to_owned, 1, "FAIL");
    for part in
        ["lost 1/100", "scenarios/quiet.toml:15:", "`lost == 0` is not true", "#0000000000000007 +0.060s"]
    {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
}

#[test]
fn a_run_that_was_not_seen_whole_is_3() {
    check(Wrong::CutOff, str::to_owned, 3, "UNKNOWN");
    check(Wrong::Ended(Outcome::StillOpen), str::to_owned, 3, "UNKNOWN");
}

#[test]
fn a_run_that_is_not_what_it_left_is_3_and_says_which_file() {
    let touched = |change: &dyn Fn(&std::path::Path)| {
        let shelf = Shelf::new(QUIET, "no-such-server", "['${program}']");
        run::write(&shelf, "run", Wrong::Ended(Outcome::Refused), run::MS);
        change(&shelf.path().join("run"));
        ["replay", "ledger"].map(|verb| changeover(shelf.path(), &[verb, "run"]))
    };
    let cut = |directory: &std::path::Path| {
        let file = std::fs::File::options().write(true).open(directory.join("ledger-0.bin"));
        file.and_then(|file| file.set_len(640)).expect("cut the ledger");
    };
    for said in touched(&cut) {
        assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
        assert!(said.err.contains("ledger-0.bin was changed after the run"), "{}", said.err);
    }
    let lose = |d: &std::path::Path| std::fs::remove_file(d.join("events.ndjson")).expect("remove the log");
    for said in touched(&lose) {
        assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
        assert!(said.err.contains("events.ndjson is missing"), "{}", said.err);
    }
}

#[test]
fn a_run_that_was_killed_says_so_and_what_it_lost_is_lost() {
    let killed = |wrong| {
        let shelf = Shelf::new(QUIET, "no-such-server", "['${program}']");
        run::write(&shelf, "run", wrong, run::MS);
        std::fs::remove_file(shelf.path().join("run").join(ledger::MANIFEST_NAME)).expect("remove it");
        ["replay", "ledger"].map(|verb| changeover(shelf.path(), &[verb, "run"]))
    };
    for said in killed(Wrong::Nothing) {
        assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
        assert!(
            said.out.contains("the run was killed before it could write MANIFEST.sha256"),
            "{}",
            said.out
        );
    }
    let [replay, _] = killed(Wrong::Ended(Outcome::Refused));
    assert_eq!(replay.code, Some(1), "{}", replay.out);
}

#[test]
fn a_known_failure_must_fail() {
    let known = |text: &str, fails: &str| {
        format!("{text}\n[known_failure]\nghost = {{ why = \"it is a ghost\", fails = ['{fails}'] }}\n")
    };
    check(Wrong::Ended(Outcome::Refused), |text| known(text, "lost == 0"), 0, "XFAIL");
    check(Wrong::Nothing, |text| known(text, "lost == 0"), 1, "XPASS");
    check(Wrong::Ended(Outcome::Refused), |text| known(text, "steps"), 1, "FAIL");
}

#[test]
fn a_planted_loss_must_be_found() {
    let planted = |text: &str| text.replacen("schema = 1", "schema = 1\nmust = \"fail\"", 1);
    check(Wrong::Ended(Outcome::Refused), planted, 0, "CAUGHT");
    check(Wrong::Nothing, planted, 1, "MISSED");
}

#[test]
fn what_is_no_run_is_refused() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let said = changeover(empty.path(), &["replay", "nowhere"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
}

#[test]
fn an_edited_scenario_judges_the_same_run() {
    let shelf = Shelf::new(QUIET, "no-such-server", "['${program}']");
    run::write(&shelf, "run", Wrong::Ended(Outcome::Refused), run::MS);
    let expecting = |from: &str, to: &str| {
        shelf.put("edited.toml", &QUIET.replace(from, to));
        changeover(shelf.path(), &["replay", "run", "--expect", "edited.toml"])
    };
    assert_eq!(changeover(shelf.path(), &["replay", "run"]).code, Some(1));
    let milder = expecting("lost == 0", "lost <= 1");
    assert_eq!(milder.code, Some(0), "{}{}", milder.out, milder.err);
    assert!(milder.out.trim_start().starts_with("PASS"), "{}", milder.out);
    let stricter = expecting("lost == 0", "count == 7");
    assert_eq!(stricter.code, Some(1), "{}{}", stricter.out, stricter.err);
    assert!(stricter.out.contains("edited.toml:15:"), "{}", stricter.out);
    let other = expecting("phase = \"steady\"", "phase = \"calm\"");
    assert_eq!(other.code, Some(65), "{}{}", other.out, other.err);
    assert!(other.err.contains("its phases are not those that were run"), "{}", other.err);
    let wrong = expecting("lost == 0", "lots == 0");
    assert_eq!(wrong.code, Some(65), "{}", wrong.err);
    assert!(wrong.err.contains("edited.toml:15:"), "{}", wrong.err);
}
