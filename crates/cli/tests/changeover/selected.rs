//! Which cases run: filters, profiles, parts.

use crate::shelf::{QUIET, Said, Shelf, changeover, ghost, quiet};

/// Three cases that nobody can run: SKIP names those that were chosen.
fn three() -> Shelf {
    let shelf = ghost();
    shelf.put("scenarios/quiet.toml", &quiet("one", "'calm', 'quick'"));
    shelf.put("scenarios/crash/loud.toml", &quiet("two", "'crash'"));
    shelf.put("scenarios/broken/silent.toml", &quiet("three", "'broken', 'crash'"));
    shelf
}

fn names(said: &Said) -> Vec<String> {
    let lines = said.out.lines().filter(|line| line.trim_start().starts_with("SKIP"));
    let names = lines.filter_map(|line| line.split("] ").nth(1)?.split_whitespace().next());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names
}

#[track_caller]
fn check(shelf: &Shelf, arguments: &[&str], expected: &[&str]) {
    let said = shelf.verify(arguments);
    assert_eq!(names(&said), expected, "{arguments:?}: {}{}", said.out, said.err);
}

#[test]
fn a_filter_expression_chooses_cases() {
    let shelf = three();
    check(&shelf, &[], &["broken/silent", "crash/loud", "quiet"]);
    check(&shelf, &["-E", "tag(crash) & target(ghost) & !name(broken)"], &["crash/loud"]);
    check(&shelf, &["-E", "test(~quiet) | tag(broken)"], &["broken/silent", "quiet"]);
    check(&shelf, &["quiet", "loud"], &["crash/loud", "quiet"]);
    check(&shelf, &["--quick"], &["quiet"]);
    assert_eq!(shelf.verify(&["-E", "target(nginx)"]).code, Some(4));
}

#[test]
fn a_case_is_named_by_its_name_or_by_its_file() {
    let shelf = three();
    for word in ["crash/loud", "crash/loud.toml", "scenarios/crash/loud.toml", "./scenarios/crash/loud"] {
        check(&shelf, &[word], &["crash/loud"]);
    }
    for name in ["crash/loud", "crash/loud.toml", "scenarios/crash/loud.toml"] {
        for verb in ["explain", "check"] {
            let said = changeover(shelf.path(), &["scenario", verb, name]);
            assert_eq!(said.code, Some(0), "{verb} {name}: {}", said.err);
        }
    }
}

#[test]
fn a_file_that_lies_elsewhere_is_a_case_too() {
    let shelf = three();
    shelf.put("mine/loud-one.toml", &quiet("four", "'mine'"));
    for word in ["mine/loud-one.toml", "./mine/loud-one.toml"] {
        let said = shelf.verify(&[word, "--list"]);
        assert_eq!(said.code, Some(0), "{word}: {}", said.err);
        assert!(
            said.out.ends_with("mine/loud-one  four\n") && said.out.lines().count() == 1,
            "{word}: {}",
            said.out
        );
    }
    let gone = shelf.verify(&["mine/other.toml"]);
    assert_eq!(gone.code, Some(4), "{}{}", gone.out, gone.err);
    assert!(gone.err.contains("`mine/other.toml`: no such file, and no case of that name"), "{}", gone.err);
    shelf.put("mine/wrong.toml", &QUIET.replace("lost == 0", "lots == 0"));
    let wrong = shelf.verify(&["mine/wrong.toml"]);
    assert_eq!(wrong.code, Some(65), "{}{}", wrong.out, wrong.err);
    assert!(wrong.err.contains("mine/wrong.toml:"), "{}", wrong.err);
    check(&shelf, &["loud"], &["crash/loud"]);
}

#[test]
fn a_case_that_lies_elsewhere_has_a_name_that_can_be_said_again() {
    let shelf = three();
    let arms =
        quiet("four ${colour}", "'mine'").replace("step =", "matrix = { colour = ['red', 'blue'] }\nstep =");
    shelf.put("mine/loud.toml", &arms);
    shelf.put("own.toml", &arms);
    let whole = shelf.path().join("mine/loud");
    let whole = whole.to_str().expect("UTF-8");
    for (word, count) in [
        (format!("{whole}::colour=red"), 1),
        (format!("{whole}.toml::colour=red"), 1),
        (whole.to_owned(), 2),
        ("mine/loud::colour=blue".into(), 1),
        ("./mine/loud".into(), 2),
        ("own::colour=red".into(), 1),
    ] {
        let said = shelf.verify(&[&word, "--list"]);
        assert_eq!(
            (said.code, said.out.lines().count()),
            (Some(0), count),
            "{word}: {}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn a_file_that_is_there_is_meant_alone() {
    let shelf = three();
    shelf.put("crash.toml", &quiet("four", "'mine'"));
    let said = shelf.verify(&["crash.toml", "--list"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), "crash  four\n"), "{}", said.err);
    check(&shelf, &["crash"], &["crash/loud"]);
}

#[test]
fn a_word_whose_cases_are_left_out_by_a_flag_is_told_which() {
    let shelf = three();
    for (flags, flag) in [(&["--quick"][..], "--quick"), (&["-E", "tag(calm)"], "-E")] {
        let said = shelf.verify(&[&["crash/loud"], flags].concat());
        assert_eq!(said.code, Some(4), "{}{}", said.out, said.err);
        let expected = format!("`crash/loud`: there is such a case, and {flag} leaves it out");
        assert!(said.err.contains(&expected), "{}", said.err);
    }
}

#[test]
fn cases_can_be_listed_without_running() {
    let shelf = three();
    let listed = shelf.verify(&["--list", "-E", "tag(crash)"]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "broken/silent  three\ncrash/loud  two\n"));
    let said = changeover(shelf.path(), &["scenario", "list", "-E", "tag(broken)"]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "broken/silent [broken, crash]  three\n"),
        "{}",
        said.err
    );
    assert_eq!(changeover(shelf.path(), &["scenario", "list", "-E", "tga(x)"]).code, Some(2));
}

#[test]
fn only_files_that_are_asked_for_must_be_sound() {
    let shelf = three();
    shelf.put("scenarios/broken/wrong.toml", &QUIET.replace("lost == 0", "lots == 0"));
    let said = shelf.verify(&["crash/loud"]);
    assert_eq!(names(&said), ["crash/loud"], "{}{}", said.out, said.err);
    assert!(said.err.contains("left out scenarios/broken/wrong.toml"), "{}", said.err);
    // It may hold a case of that name, tag or target: nobody can tell.
    for asked in [&["broken/wrong"][..], &["broken"], &[], &["-E", "tag(crash)"], &["target=nginx"]] {
        let said = shelf.verify(asked);
        assert_eq!(said.code, Some(65), "{asked:?}: {}{}", said.out, said.err);
    }
}

#[test]
fn a_wrong_filter_is_2_and_shown_where_it_is_wrong() {
    let said = three().verify(&["-E", "tag(crash) & targt(ghost)"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    for part in ["error[CF0001]: unknown condition `targt`", "--> -E:1:14", "did you mean `target`?"] {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
}

#[test]
fn a_profile_chooses_and_the_default_one_steps_back_for_who_asks_for_a_case() {
    let shelf = three();
    shelf.put(
        "changeover.toml",
        "[profile.default]\nfilter = 'tag(quick)'\n[profile.crash]\nfilter = 'tag(crash)'\nrepeat = 2\n\
         [profile.strict]\ndeny_skips = true\n",
    );
    check(&shelf, &[], &["quiet"]);
    let said = shelf.verify(&[]);
    assert!(said.err.contains("profile default: 1 of 3 cases"), "{}", said.err);
    check(&shelf, &["loud"], &["crash/loud"]);
    check(&shelf, &["-E", "all()"], &["broken/silent", "crash/loud", "quiet"]);
    check(&shelf, &["--profile", "crash", "loud"], &["crash/loud", "crash/loud"]);
    check(&shelf, &["--profile", "crash", "--repeat", "1", "loud"], &["crash/loud"]);
    assert_eq!(shelf.verify(&["--profile", "strict"]).code, Some(69));
    let unknown = shelf.verify(&["--profile", "crahs"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
    assert!(unknown.err.contains("did you mean `crash`?"), "{}", unknown.err);
    shelf.put("changeover.toml", "[profile.default]\nretries = 3\n");
    let wrong = shelf.verify(&[]);
    assert_eq!(wrong.code, Some(65), "{}", wrong.err);
    assert!(wrong.err.contains("changeover.toml:2:1"), "{}", wrong.err);
}

#[test]
fn the_parts_of_a_run_are_the_whole() {
    let shelf = three();
    let mut all: Vec<String> =
        (1..=2).flat_map(|part| names(&shelf.verify(&["--shard", &format!("{part}/2")]))).collect();
    all.sort();
    assert_eq!(all, ["broken/silent", "crash/loud", "quiet"]);
    assert_eq!(shelf.verify(&["--shard", "3/2"]).code, Some(2));
    let parts = (1..=20).map(|part| shelf.verify(&["--shard", &format!("{part}/20")]));
    let empty: Vec<Said> = parts.filter(|said| names(said).is_empty()).collect();
    assert!(empty.len() >= 17, "{}", empty.len());
    for said in empty {
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        assert!(said.err.contains("no case is in this part"), "{}", said.err);
    }
    let named = |part: &str| shelf.verify(&["quiet", "loud", "silent", "--shard", part]);
    let all = ["1/2", "2/2"].map(|part| names(&named(part)).len());
    assert_eq!(all.iter().sum::<usize>(), 3, "a word that names a case of another part is not misspelt");
    assert_eq!(shelf.verify(&["quiet", "quite", "--shard", "1/1"]).code, Some(4));
}

#[test]
fn a_case_is_repeated_with_the_next_seeds() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    let said = shelf.verify(&["--repeat", "2", "--seed", "40"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    for seed in ["--seed 40\n", "--seed 41\n"] {
        assert_eq!(said.out.matches(seed).count(), 1, "{seed} in {}", said.out);
    }
}

#[test]
fn after_a_failure_no_other_case_is_begun_when_that_is_asked_for() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    let said = shelf.verify(&["--repeat", "3", "--fail-fast", "--jobs", "1"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.ends_with("\n0 passed, 1 failed, 0 skipped\n"), "{}", said.out);
    assert!(said.err.contains("--fail-fast: 2 cases were not run"), "{}", said.err);
}

#[test]
fn the_newest_run_that_is_kept_is_the_latest() {
    let shelf = Shelf::new(QUIET, "false", "['${program}']");
    let said = shelf.verify(&[]);
    let latest = std::fs::read_link(shelf.runs().join("latest")).expect("a link");
    assert!(said.out.contains(&format!("history: {}", latest.display())), "{}", said.out);
    for name in ["plan.json", "events.ndjson", "result.json"] {
        assert!(latest.join(name).is_file(), "{name}");
    }
    assert_eq!(changeover(shelf.path(), &["replay", "runs/latest"]).code, Some(3));
}
