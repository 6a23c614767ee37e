//! One file per code: `mistakes/CO0002.toml` must be refused with exactly `mistakes/CO0002.txt`.
//! `UPDATE=1 cargo test -p scenario --test mistakes` writes what is printed now, to be read before it is committed.

use std::{collections::BTreeSet, fs, path::Path};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mistakes");
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

/// The shipped targets, and `faulty`: a folder with mistakes of its own.
fn read(path: &str) -> Result<String, String> {
    let base = if path.starts_with("targets/faulty/") { FOLDER } else { SCENARIOS };
    fs::read_to_string(Path::new(base).join(path)).map_err(|_| format!("no file `{path}`"))
}

/// The codes and the printed text for one input file.
fn refused(name: &str) -> (BTreeSet<&'static str>, String) {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).expect("an input file");
    let found = scenario::load(name, &text, &read).expect_err(name);
    let codes = found.iter().map(|diagnostic| diagnostic.code).collect();
    (codes, scenario::render(&found, name, &text, &read) + "\n")
}

fn check(code: &str) {
    let (codes, printed) = refused(&format!("{code}.toml"));
    assert!(codes.contains(code), "{code}.toml shows {codes:?}:\n{printed}");
    let expected = Path::new(FOLDER).join(format!("{code}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, &printed).expect("the expected text can be written");
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert!(printed == expected, "{code}.toml\n--- expected\n{expected}\n--- printed\n{printed}");
}

#[test]
fn every_code_has_an_example_that_shows_it() {
    for code in scenario::CODES {
        check(code.code);
    }
}

/// What a file is warned of that is accepted.
fn warned(name: &str, text: &str) -> Vec<String> {
    let plans = scenario::load(name, text, &read).expect(name);
    scenario::advise(&plans, name, text).iter().map(|warning| warning.one_line(text)).collect()
}

#[test]
fn a_weight_change_that_moves_too_many_clients_is_warned_of() {
    for code in scenario::WARNINGS {
        let found = warned("w.toml", code.example);
        assert!(
            found.len() == 1 && found[0].contains(&format!("w.toml:9:3: warning[{}]: ", code.code)),
            "{found:?}"
        );
    }
    let total = warned("w.toml", scenario::WARNINGS[0].example);
    let expected = "w.toml:9:3: warning[CW0001]: the total weight was 3 and is 4: `ip_hash` moves clients that could stay \
                    (let the weights have the same sum, and use `down` for a weight of 0)";
    assert_eq!(total, [expected]);
    for good in [
        "{ weight = { target = 'web', set = { a = 2, b = 1 } } }",
        "{ down = { target = 'web', member = 'a' } }",
    ] {
        let text =
            scenario::WARNINGS[0].example.replace("{ weight = { target = \"web\", set = { b = 3 } } }", good);
        assert_eq!(warned("w.toml", &text), [""; 0], "{good}");
    }
    let in_turn = scenario::WARNINGS[0].example.replace("balanced", "proxy");
    assert_eq!(warned("w.toml", &in_turn), [""; 0], "in turn nobody has a member of his own");
}

#[test]
fn all_mistakes_are_told_at_once_and_each_once_for_the_whole_matrix() {
    let text = r#"
schema = 1
name = "six mistakes in two cells"
matrix = { target = ["reference", "nginx"] }
step = [{ sleep = "2" }, { when = "redy(web.new)", signal = { to = "wbe.master", sig = "USR3" } }]
target.web = { kind = "${target}" }
load.users = { to = "web", kind = "short", rate = 0 }
expect.finally = ["lost(stedy) == 0"]
"#;
    let found = scenario::load("six.toml", text, &read).expect_err("six mistakes");
    let lines: Vec<String> = found.iter().map(|diagnostic| diagnostic.one_line(text)).collect();
    let expected = [
        "six.toml:5:19: error[CO0006]: `2` is not a duration (write a number with a unit: `50us`, `250ms`, `2s`, `1m`)",
        "six.toml:5:36: error[CO0016]: `redy` cannot be asked of a run (did you mean `ready`?)",
        "six.toml:5:69: error[CO0008]: unknown target `wbe` (did you mean `web`?)",
        "six.toml:5:88: error[CO0013]: `USR3` is not a signal a scenario sends (did you mean `USR1`?)",
        "six.toml:7:51: error[CO0025]: 0 is out of range (requests per second: more than 0, at most 1000000)",
        "six.toml:8:25: error[CO0009]: unknown phase `stedy` (did you mean `steady`?)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_mistake_in_a_target_folder_is_shown_in_the_folder() {
    let (_, printed) = refused("faulty-folder.toml");
    for place in [
        "targets/faulty/target.toml:4:31",
        "targets/faulty/target.toml:9:27",
        "targets/faulty/target.toml:17:33",
        "targets/faulty/target.toml:18:13",
        "targets/faulty/server.conf:1:8",
    ] {
        assert!(printed.contains(place), "{place} is not in\n{printed}");
    }
}
