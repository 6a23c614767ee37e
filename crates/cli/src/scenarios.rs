//! `scenario check | explain | list`: what would happen, without anything happening.

use std::path::{Path, PathBuf};

use facts::{
    Plan,
    plan::{Pace, Population, Step},
};

use crate::{
    arguments::{Scenario, Shelf},
    catalogue::{Catalogue, NotUnderstood},
    exit::Exit,
    printed::{complain, print},
};

/// Does what was asked.
pub(crate) fn scenarios(asked: &Scenario) -> Exit {
    let done = match asked {
        Scenario::Check { files, shelf } => check(files, shelf),
        Scenario::Explain { file, shelf } => explain(file, shelf),
        Scenario::List { shelf } => list(shelf),
    };
    match done {
        Ok(()) => Exit::Passed,
        Err(NotUnderstood(why)) => {
            complain(&why);
            Exit::BadScenario
        }
    }
}

fn open(shelf: &Shelf) -> Result<Catalogue, NotUnderstood> {
    Catalogue::open(shelf.scenarios.as_deref())
}

/// All files, all mistakes.
fn check(files: &[PathBuf], shelf: &Shelf) -> Result<(), NotUnderstood> {
    let catalogue = open(shelf)?;
    let mut wrong = Vec::new();
    for file in files {
        match catalogue.load(file) {
            Ok(plans) => print(&format!("{}: {} cases, nothing wrong", file.display(), plans.len())),
            Err(NotUnderstood(why)) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(NotUnderstood(wrong.join("\n\n"))) }
}

fn explain(file: &Path, shelf: &Shelf) -> Result<(), NotUnderstood> {
    for plan in open(shelf)?.load(file)? {
        print(&explained(&plan));
    }
    Ok(())
}

fn list(shelf: &Shelf) -> Result<(), NotUnderstood> {
    for plan in open(shelf)?.plans()? {
        let tags = if plan.case.tags.is_empty() {
            String::new()
        } else {
            format!(" [{}]", plan.case.tags.join(", "))
        };
        print(&format!("{}{tags}  {}", plan.case.id, plan.case.title));
    }
    Ok(())
}

fn explained(plan: &Plan) -> String {
    let mut text = format!("{}\n  {}\n", plan.case.id, plan.case.title);
    if let Some(why) = &plan.known_failure {
        text.push_str(&format!("  known to fail: {why}\n"));
    }
    if plan.must_fail {
        text.push_str("  planted: every expectation with a place must fail\n");
    }
    for target in &plan.targets {
        text.push_str(&format!("  target {}: {}, {} workers\n", target.name, target.kind, target.workers));
    }
    text.extend(plan.populations.iter().map(|population| sentence(plan, population)));
    text.extend(plan.steps.iter().enumerate().map(|(number, step)| line(plan, number, step)));
    text.extend(plan.expectations.iter().map(|expectation| format!("  expect {}\n", expectation.text)));
    text
}

fn sentence(plan: &Plan, population: &Population) -> String {
    let pace = match population.pace {
        Pace::Constant { per_second } => format!("{per_second} a second"),
        Pace::Poisson { per_second } => format!("{per_second} a second on average"),
        Pace::Think { nanos } => format!("{} ms after each answer", nanos as f64 / 1e6),
    };
    let target = plan.targets.get(population.target).map_or("?", |target| target.name.as_str());
    let behaviour = format!("{:?}", population.behaviour).to_lowercase();
    format!(
        "  load {} on {target}: {behaviour}, {pace}, at most {} connections\n",
        population.name, population.connections
    )
}

fn line(plan: &Plan, number: usize, step: &Step) -> String {
    let phase = step.phase.and_then(|phase| plan.phases.get(usize::from(phase)));
    let phase = phase.map(|name| format!("[{name}] ")).unwrap_or_default();
    let when = step.when.as_ref();
    let when = when
        .map(|c| format!("wait until {} (at most {} ms), then ", c.text, c.within_ms))
        .unwrap_or_default();
    format!("  {:>3}. {phase}{when}{}\n", number + 1, step.text)
}
