//! Every scenario in this repository loads.

use std::{fs, path::Path};

use facts::Plan;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(folder().join(path)).map_err(|error| error.to_string())
}

/// The plans of a shipped scenario, by its path below the folder.
fn plans(path: &str) -> Vec<Plan> {
    let text = read(path).expect("a shipped scenario can be read");
    let name = format!("scenarios/{path}");
    scenario::load(&name, &text, &read)
        .unwrap_or_else(|found| panic!("{}", scenario::render(&found, &name, &text, &read)))
}

fn shipped() -> Vec<String> {
    let mut found = Vec::new();
    for theme in fs::read_dir(folder()).expect("the scenario folder").flatten() {
        let name = theme.file_name().into_string().expect("a plain name");
        if !theme.path().is_dir() || name == "targets" || name == "parts" {
            continue;
        }
        let files = fs::read_dir(theme.path()).expect("a theme").flatten();
        found.extend(files.map(|file| format!("{name}/{}", file.file_name().to_string_lossy())));
    }
    found.sort();
    found
}

#[test]
fn every_shipped_scenario_loads() {
    let files = shipped();
    assert!(files.len() >= 13, "{files:?}");
    for file in files {
        let must_fail = file.starts_with("broken/");
        for plan in plans(&file) {
            assert_eq!(plan.must_fail, must_fail, "{}", plan.case.id);
            assert!(plan.expectations.iter().any(|e| e.place.is_some()), "{} expects nothing", plan.case.id);
            for check in scenario::DEFAULT_CHECKS {
                assert!(
                    plan.expectations.iter().any(|e| e.text == check),
                    "{} without {check}",
                    plan.case.id
                );
            }
            assert_eq!(plan.steps[0].phase, Some(0), "{} begins in a phase", plan.case.id);
        }
    }
}

#[test]
fn the_first_scenario_is_what_it_says() {
    let plans = plans("upgrade/usr2-winch-quit.toml");
    let ids: Vec<&str> = plans.iter().map(|plan| plan.case.id.as_str()).collect();
    let kinds = ["reference", "nginx", "unicorn", "gunicorn"];
    assert_eq!(ids, kinds.map(|kind| format!("upgrade/usr2-winch-quit::target={kind}")));
    let nginx = &plans[1];
    assert_eq!(nginx.phases, ["steady", "upgrade", "both", "drain", "drained", "commit", "settled"]);
    let said: Vec<&str> = nginx.steps.iter().map(|step| step.text.as_str()).collect();
    let expected = [
        "sleep 2400ms",
        "signal web.master USR2",
        "sleep 600ms",
        "signal web.old.master WINCH",
        "sleep 600ms",
        "signal web.old.master QUIT",
        "sleep 1200ms",
    ];
    assert_eq!(said, expected);
    assert_eq!(nginx.targets[0].program, "nginx");
    assert_eq!(nginx.targets[0].workers, 2);
}

#[test]
fn both_servers_run_the_same_configuration() {
    for file in ["upgrade/usr2-winch-quit.toml", "canary/weight-shift.toml"] {
        let plans = plans(file);
        assert_eq!(plans[0].targets[0].files, plans[1].targets[0].files, "{file}");
        assert_eq!(plans[0].targets[0].files[0].0, "nginx.conf");
    }
}

#[test]
fn weights_are_the_whole_set_that_holds_from_then_on() {
    use facts::plan::Action;
    let plan = &plans("canary/weight-shift.toml")[0];
    let weights = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Weight { weights, .. } => Some((weights["a"], weights["b"])),
        _ => None,
    });
    assert_eq!(weights.collect::<Vec<_>>(), [(75, 25), (50, 50), (0, 100)]);
    assert_eq!(plan.targets[0].weights["a"], 100);
}

#[test]
fn a_known_failure_is_known_for_its_server_only() {
    let plans = plans("upgrade/usr2-then-quit-at-once.toml");
    let known: Vec<bool> = plans.iter().map(|plan| plan.known_failure.is_some()).collect();
    assert_eq!(known, [false, true]);
}

/// Whatever a half-written file looks like, the answer is a diagnostic, not a panic.
#[test]
fn a_scenario_cut_off_anywhere_is_still_only_a_mistake() {
    for file in ["upgrade/usr2-then-quit-at-once.toml", "canary/weight-shift.toml"] {
        let text = read(file).expect("a shipped scenario can be read");
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            if let Err(found) = scenario::load(file, &text[..end], &read) {
                assert!(found.iter().all(|diagnostic| !diagnostic.render(&text[..end]).is_empty()));
            }
        }
    }
}

/// The examples of the README are whole scenarios, and every function and action it could name is named.
#[test]
fn the_readme_teaches_what_is_true() {
    let readme = read("README.md").expect("scenarios/README.md");
    let examples: Vec<&str> =
        readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        if let Err(found) = scenario::load("scenarios/mine.toml", example, &read) {
            panic!("{}", scenario::render(&found, "scenarios/mine.toml", example, &read));
        }
    }
    let functions = scenario::function_names().take_while(|name| *name != "unfinished");
    for name in functions.filter(|name| *name != "p999").chain(scenario::ACTIONS.iter().copied()) {
        let told = [format!("`{name}`"), format!("`{name} "), format!("`{name}(")];
        assert!(told.iter().any(|told| readme.contains(told)), "{name} is not in scenarios/README.md");
    }
}
