//! `verify`: one case after the other, a line for each, evidence for what did not do what it must.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use facts::Plan;
use report::{CaseResult, PHASE_TABLE_NOTE, Paint, Tally, case_line, evidence, phase_table, result_json};

use crate::{
    arguments,
    case_run::Runner,
    catalogue::{Catalogue, NotUnderstood},
    control::control,
    exit::Exit,
    interrupt,
    printed::{complain, paint, print},
    programs::{Missing, programs},
};

/// The tag that `--quick` selects.
const QUICK: &str = "quick";

/// Runs what was asked for.
pub(crate) fn verify(asked: &arguments::Verify) -> Exit {
    let interrupted = interrupt::watch();
    let plans = match Catalogue::open(asked.shelf.scenarios.as_deref()).and_then(|shelf| shelf.plans()) {
        Ok(plans) => plans,
        Err(NotUnderstood(why)) => {
            complain(&why);
            return Exit::BadScenario;
        }
    };
    if let Some(exit) = missing(&plans, &asked.require) {
        return exit;
    }
    let chosen = chosen(plans, asked);
    if chosen.is_empty() {
        complain("no case matches; `changeover scenario list` names them all");
        return Exit::NothingMatched;
    }
    if let Some(exit) = unmatched(&chosen, &asked.filters) {
        return exit;
    }
    if let Some(missing) = chosen.iter().find_map(|plan| programs(plan).err().filter(Missing::is_ours)) {
        complain(&missing.to_string());
        return Exit::TargetMissing;
    }
    let runner = match Runner::new(&asked.place, &asked.shelf, Arc::clone(&interrupted)) {
        Ok(runner) => runner,
        Err(error) => {
            complain(&format!("make a folder for run directories: {error}"));
            return Exit::HarnessBug;
        }
    };
    // Now, not after minutes of runs.
    if let Some(Err(error)) = asked.results.as_deref().map(writable) {
        complain(&error);
        return Exit::HarnessBug;
    }
    let is_interrupted = || interrupted.load(Ordering::SeqCst);
    let results = run(runner, &chosen, asked, is_interrupted);
    conclude(&results, asked, is_interrupted())
}

/// Complains when a required target is not there.
fn missing(plans: &[Plan], required: &[String]) -> Option<Exit> {
    for kind in required {
        let Some(plan) = plans.iter().find(|plan| plan.targets.iter().any(|target| target.kind == *kind))
        else {
            complain(&format!("require target `{kind}`: no scenario runs it"));
            return Some(Exit::Usage);
        };
        if let Err(missing) = programs(plan) {
            complain(&format!("require target `{kind}`: {missing}"));
            return Some(Exit::TargetMissing);
        }
    }
    None
}

/// Complains about each filter that no chosen case contains: a misspelt one must not look like a pass.
fn unmatched(chosen: &[Plan], filters: &[String]) -> Option<Exit> {
    let is_idle = |filter: &&String| !chosen.iter().any(|plan| plan.case.id.contains(filter.as_str()));
    let idle: Vec<&String> = filters.iter().filter(is_idle).collect();
    for filter in &idle {
        complain(&format!("no case matches `{filter}`; `changeover scenario list` names them all"));
    }
    (!idle.is_empty()).then_some(Exit::NothingMatched)
}

fn chosen(plans: Vec<Plan>, asked: &arguments::Verify) -> Vec<Plan> {
    let named = |plan: &Plan| {
        asked.filters.is_empty() || asked.filters.iter().any(|filter| plan.case.id.contains(filter.as_str()))
    };
    let quick = |plan: &Plan| !asked.quick || plan.case.tags.iter().any(|tag| tag == QUICK);
    let plans = plans.into_iter().filter(|plan| named(plan) && quick(plan));
    let plans = plans.filter_map(|plan| if asked.no_upgrade { control(&plan) } else { Some(plan) });
    let repeated = |plan: Plan| (0..u64::from(asked.repeat)).map(move |nth| (nth, plan.clone()));
    let seeded = |(nth, plan): (u64, Plan)| {
        let seed = asked.seed.unwrap_or(plan.seed).wrapping_add(nth);
        Plan { seed, ..plan }
    };
    plans.flat_map(repeated).map(seeded).collect()
}

fn run(
    mut runner: Runner,
    plans: &[Plan],
    asked: &arguments::Verify,
    is_interrupted: impl Fn() -> bool,
) -> Vec<(CaseResult, Instant)> {
    let mut results = Vec::new();
    for plan in plans {
        if is_interrupted() {
            complain(&format!("interrupted: {} cases were not run", plans.len() - results.len()));
            break;
        }
        let begun = Instant::now();
        let result = runner.run(plan).result;
        show(&result, asked, paint());
        results.push((result, begun));
    }
    results
}

fn show(result: &CaseResult, asked: &arguments::Verify, paint: Paint) {
    print(&case_line(result, paint));
    match &result.judgement {
        _ if !result.disposition.is_good() && !result.disposition.is_skip() => {
            print(&evidence(result, paint))
        }
        Some(judgement) if !asked.brief => {
            print(
                &phase_table(judgement).lines().map(|line| format!("          {line}\n")).collect::<String>(),
            );
        }
        _ => {}
    }
    if let (true, Some(directory)) = (result.disposition.is_good(), &result.directory) {
        print(&format!("          history: {}", directory.display()));
    }
}

fn conclude(results: &[(CaseResult, Instant)], asked: &arguments::Verify, interrupted: bool) -> Exit {
    let mut tally = Tally::default();
    results.iter().for_each(|(result, _)| tally.add(result));
    let written = asked.results.as_deref().map_or(Ok(()), |file| write_results(file, results));
    let took = results.first().map(|(_, begun)| begun.elapsed()).unwrap_or_default();
    if !asked.brief {
        print(PHASE_TABLE_NOTE);
    }
    print(&tally.summary(took, paint()));
    print(&tally.closing_line());
    if let Err(error) = &written {
        complain(error);
    }
    match Exit::of(&tally, interrupted) {
        Exit::Passed | Exit::Unknown if written.is_err() => Exit::HarnessBug,
        exit => exit,
    }
}

fn write_results(file: &Path, results: &[(CaseResult, Instant)]) -> Result<(), String> {
    let all: Vec<String> = results.iter().map(|(result, _)| result_json(result)).collect();
    let written = fs::write(file, format!("[\n{}]\n", all.join(",")));
    written.map_err(|error| format!("write {}: {error}", file.display()))
}

/// What is there is not touched yet.
fn writable(file: &Path) -> Result<(), String> {
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map(drop).map_err(|error| format!("write {}: {error}", file.display()))
}
