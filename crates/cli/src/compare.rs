//! `compare A B`: figures of kept runs side by side.

use std::{collections::BTreeMap, path::Path};

use checks::Judgement;
use report::{COMPARISON_NOTE, comparison};

use crate::{
    arguments,
    exit::Exit,
    kept_run,
    printed::{complain, paint, print},
};

/// The judged runs of a side, by case.
type Side = BTreeMap<String, Vec<Judgement>>;

/// Compares two folders.
pub(crate) fn compare(asked: &arguments::Compare) -> Exit {
    attempt(asked).unwrap_or_else(|exit| exit)
}

fn attempt(asked: &arguments::Compare) -> Result<Exit, Exit> {
    let (a, b) = (side(&asked.a)?, side(&asked.b)?);
    let pairs = pairs(&a, &b);
    if pairs.is_empty() {
        complain("the two have no case in common");
        return Err(Exit::NothingMatched);
    }
    for (name_a, name_b) in pairs {
        let (runs_a, runs_b) = (&a[name_a], &b[name_b]);
        if name_a != name_b {
            complain("these are two cases of one scenario, not twice the same");
        }
        print(&format!(
            "A: {name_a}, {} runs in {}\nB: {name_b}, {} runs in {}\n{}",
            runs_a.len(),
            asked.a.display(),
            runs_b.len(),
            asked.b.display(),
            comparison(runs_a, runs_b, paint())
        ));
    }
    print(COMPARISON_NOTE);
    Ok(Exit::Passed)
}

fn side(folder: &Path) -> Result<Side, Exit> {
    let runs = kept_run::runs(folder).map_err(|error| {
        complain(&format!("read {}: {error}; name the directory of a kept run", folder.display()));
        Exit::Usage
    })?;
    let mut side = Side::new();
    for run in runs {
        let plan = kept_run::plan(&run)?;
        match kept_run::history(&run) {
            Ok(history) => {
                let judgement = checks::judge(&plan, &history);
                side.entry(plan.case.id).or_default().push(judgement);
            }
            // Cut off before it began, say: no figures, and no reason to show none of the others.
            Err(why) => complain(&format!("left out {}: {why}", run.display())),
        }
    }
    match side.is_empty() {
        true => {
            complain(&format!("no kept run in {}: `verify --keep --runs DIR` keeps them", folder.display()));
            Err(Exit::Usage)
        }
        false => Ok(side),
    }
}

/// The scenario that a case is of.
fn scenario(case: &str) -> &str {
    case.split("::").next().unwrap_or_default()
}

/// The same case on both sides; where each side has but one, those, if they are of one scenario: two servers, say.
fn pairs<'a>(a: &'a Side, b: &'a Side) -> Vec<(&'a str, &'a str)> {
    let both = a.keys().filter(|case| b.contains_key(*case));
    let both: Vec<(&str, &str)> = both.map(|case| (case.as_str(), case.as_str())).collect();
    match (both.is_empty(), a.len(), b.len()) {
        (true, 1, 1) => {
            let one = a.keys().zip(b.keys()).map(|(a, b)| (a.as_str(), b.as_str()));
            one.filter(|(a, b)| scenario(a) == scenario(b)).collect()
        }
        _ => both,
    }
}
