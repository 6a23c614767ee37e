//! The plan of every shipped scenario, as `changeover scenario explain` prints it, is the one in `plans/`: a change of
//! the language or of a folder shows what it changes. `UPDATE=1 cargo test -p scenario --test plans` writes them anew.

use std::{collections::BTreeSet, fs, path::Path};

const PLANS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans");
const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(Path::new(SCENARIOS).join(path)).map_err(|error| error.to_string())
}

/// `upgrade/usr2-winch-quit.toml` and the like.
fn shipped() -> Vec<String> {
    let themes = fs::read_dir(SCENARIOS).expect("the scenario folder").flatten();
    let themes = themes.filter(|theme| {
        theme.path().is_dir() && theme.file_name() != "targets" && theme.file_name() != "parts"
    });
    let mut found = Vec::new();
    for theme in themes {
        let files = fs::read_dir(theme.path()).expect("a theme").flatten();
        let name = |file: fs::DirEntry| {
            format!("{}/{}", theme.file_name().to_string_lossy(), file.file_name().to_string_lossy())
        };
        found.extend(files.map(name).filter(|name| name.ends_with(".toml")));
    }
    found.sort();
    found
}

fn explained(path: &str) -> String {
    let (name, text) = (format!("scenarios/{path}"), read(path).expect("a shipped scenario"));
    let plans = scenario::load(&name, &text, &read)
        .unwrap_or_else(|found| panic!("{}", scenario::render(&found, &name, &text, &read)));
    plans.iter().map(scenario::explain).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_shipped_plan_is_the_one_that_was_read_before_it_was_committed() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut expected = BTreeSet::new();
    for path in shipped() {
        let plan = path.replace('/', ".").replace(".toml", ".txt");
        let (file, told) = (Path::new(PLANS).join(&plan), explained(&path));
        if update {
            fs::write(&file, &told).expect("the plan can be written");
        }
        let known = fs::read_to_string(&file).unwrap_or_default();
        assert!(told == known, "{path}\n--- expected\n{known}\n--- is\n{told}\n(UPDATE=1 writes it)");
        expected.insert(plan);
    }
    let known = fs::read_dir(PLANS).expect("the plans").flatten();
    let stale = known.map(|file| file.file_name().to_string_lossy().into_owned());
    let stale: Vec<String> = stale.filter(|name| !expected.contains(name)).collect();
    assert!(stale.is_empty(), "plans without a scenario: {stale:?}");
}
