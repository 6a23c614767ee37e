//! `verify`: runs cases and judges them: a line for each, evidence for what did not do what it must.

mod written;

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use facts::Plan;
use report::{CaseResult, PHASE_TABLE_NOTE, Paint, Tally, asides, case_line, evidence, phase_table};

use crate::{
    arguments,
    case_run::Runner,
    catalogue::Catalogue,
    exit::Exit,
    interrupt,
    mistakes::NotUnderstood,
    printed::{complain, paint, print},
    profiles::Skips,
    programs::{Missing, programs},
    schedule::Schedule,
    selection::{Selection, file_of},
};

/// Runs what was asked for.
pub(crate) fn verify(asked: &arguments::Verify) -> Exit {
    attempt(asked).unwrap_or_else(|exit| exit)
}

fn attempt(asked: &arguments::Verify) -> Result<Exit, Exit> {
    let interrupted = interrupt::watch();
    let bad = |why: NotUnderstood| {
        why.tell();
        Exit::BadScenario
    };
    let catalogue = Catalogue::open(asked.shelf.scenarios.as_deref()).map_err(bad)?;
    let catalogue = catalogue.with_guests(asked.filters.iter().map(String::as_str));
    let selection = Selection::of(asked, catalogue.folder())?;
    let plans = asked_for(&catalogue, &selection).map_err(bad)?;
    missing(&plans, &asked.require)?;
    let idle = said_of(&selection.idle(&plans), &selection, &plans);
    let has_other_parts = selection.has_other_parts(&plans);
    let chosen = selection.chosen(plans);
    if chosen.is_empty() && has_other_parts {
        all_match(&idle)?;
        complain("no case is in this part");
        return Ok(Exit::Passed);
    }
    all_match(&idle)?;
    if chosen.is_empty() {
        complain("no case matches all of that; `changeover scenario list` names every case");
        return Err(Exit::NothingMatched);
    }
    if asked.list {
        chosen.iter().for_each(|plan| print(&format!("{}  {}", plan.case.id, plan.case.title)));
        return Ok(Exit::Passed);
    }
    let netns = selection.netns();
    let runner =
        Runner::new(&asked.place, netns, &asked.shelf, Arc::clone(&interrupted)).map_err(|error| {
            complain(&format!("make a folder for run directories: {error}"));
            Exit::of_folder(&asked.place)
        })?;
    ours_are_there(&chosen, &runner)?;
    // Now, not after minutes of runs.
    written::check(asked).map_err(|error| {
        complain(&error);
        Exit::Usage
    })?;
    let begun = Instant::now();
    let schedule = Schedule { jobs: asked.jobs, fail_fast: asked.fail_fast, interrupted: &interrupted };
    let results = schedule.run(&runner, &chosen, |result| show(result, asked, paint()));
    let interrupted = interrupted.load(Ordering::SeqCst);
    if results.len() < chosen.len() {
        let why = if interrupted { "interrupted" } else { "--fail-fast" };
        complain(&format!("{why}: {} cases were not run", chosen.len() - results.len()));
    }
    Ok(conclude(&results, asked, begun.elapsed(), selection.skips(), interrupted))
}

/// The plans of all files that are sound. Only a file that may hold an asked case must be; of the others it is said
/// that they are left out.
fn asked_for(catalogue: &Catalogue, selection: &Selection) -> Result<Vec<Plan>, NotUnderstood> {
    let (plans, wrong) = catalogue.sound()?;
    if wrong.is_empty() {
        return Ok(plans);
    }
    let all = catalogue.files()?;
    let (needed, others): (Vec<_>, Vec<_>) =
        wrong.into_iter().partition(|(file, _)| selection.needs(file, &all));
    if !needed.is_empty() {
        return Err(NotUnderstood::all(needed.into_iter().map(|(_, why)| why).collect()));
    }
    for (file, _) in others {
        complain(&format!("left out {0}: it has mistakes; `changeover scenario check {0}`", file.display()));
    }
    Ok(plans)
}

/// Complains when a required target is not there.
fn missing(plans: &[Plan], required: &[String]) -> Result<(), Exit> {
    for kind in required {
        let Some(plan) = plans.iter().find(|plan| plan.targets.iter().any(|target| target.kind == *kind))
        else {
            let kinds = plans.iter().flat_map(|plan| &plan.targets).map(|target| target.kind.as_str());
            let help = diagnostic::closest(kind, kinds).map(|near| format!("; did you mean `{near}`?"));
            complain(&format!("require target `{kind}`: no scenario runs it{}", help.unwrap_or_default()));
            return Err(Exit::Usage);
        };
        if let Err(missing) = programs(plan) {
            complain(&format!("require target `{kind}`: {missing}"));
            return Err(Exit::TargetMissing);
        }
    }
    Ok(())
}

/// What is said of each word that means no case.
fn said_of(idle: &[&str], selection: &Selection, plans: &[Plan]) -> Vec<String> {
    let said = |word: &&str| {
        let file = Path::new(file_of(word));
        let why = match (selection.left_out_by(word, plans), file.extension()) {
            (Some(flag), _) => return format!("`{word}`: there is such a case, and {flag} leaves it out"),
            (None, Some(end)) if end == "toml" && !file.exists() => "no such file, and no case of that name",
            _ => "no case of that name",
        };
        format!("`{word}`: {why}; `changeover scenario list` names them all")
    };
    idle.iter().map(said).collect()
}

/// Complains about each filter that means no case: a misspelt one must not look like a pass.
fn all_match(idle: &[String]) -> Result<(), Exit> {
    idle.iter().for_each(|why| complain(why));
    if idle.is_empty() { Ok(()) } else { Err(Exit::NothingMatched) }
}

/// A program of this workspace that is not built would make every case of it a SKIP.
fn ours_are_there(chosen: &[Plan], runner: &Runner) -> Result<(), Exit> {
    let runnable = chosen.iter().filter(|plan| runner.unmet(plan).is_none());
    match runnable.filter_map(|plan| programs(plan).err()).find(Missing::is_ours) {
        Some(missing) => {
            complain(&missing.to_string());
            Err(Exit::TargetMissing)
        }
        None => Ok(()),
    }
}

fn show(result: &CaseResult, asked: &arguments::Verify, paint: Paint) {
    let mut text = case_line(result, paint) + "\n";
    match &result.judgement {
        _ if !result.disposition.is_good() && !result.disposition.is_skip() => {
            text.push_str(&evidence(result, paint));
        }
        Some(judgement) if !asked.brief => {
            text.extend(phase_table(judgement).lines().map(|line| format!("          {line}\n")));
            text.push_str(&asides(result, paint));
        }
        _ => {}
    }
    if let (true, Some(directory)) = (result.disposition.is_good(), &result.directory) {
        text.push_str(&format!("          history: {}\n", directory.display()));
    }
    print(&text);
}

fn conclude(
    results: &[CaseResult],
    asked: &arguments::Verify,
    took: Duration,
    skips: Skips,
    interrupted: bool,
) -> Exit {
    let mut tally = Tally::default();
    results.iter().for_each(|result| tally.add(result));
    let written = written::write(results, asked, took);
    if !asked.brief {
        print(PHASE_TABLE_NOTE);
    }
    print(&tally.summary(took, paint()));
    if skips == Skips::Denied && tally.skipped > 0 {
        complain(&format!("{} cases were skipped, and this profile denies skips", tally.skipped));
    }
    print(&tally.closing_line());
    if let Err(error) = &written {
        complain(error);
    }
    match Exit::of(&tally, skips, interrupted) {
        Exit::Passed | Exit::Unknown | Exit::TargetMissing if written.is_err() => Exit::HarnessBug,
        exit => exit,
    }
}
