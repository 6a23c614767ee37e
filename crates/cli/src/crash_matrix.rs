//! `crash-matrix`: a process of the reference server is killed, stopped and made to exit before and after each of its
//! effects, in an upgrade, a reload and a rollback under load. What the effects are the server says itself: first each
//! sequence is done undisturbed, and every instant noted that somebody reaches; those are the cases.

mod cases;
mod table;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use facts::{Plan, Verdict};
use report::{CaseResult, Paint, case_line, evidence};

use self::{
    cases::{Case, SEQUENCES},
    table::{Row, Word, table},
};
use crate::{
    arguments,
    case_run::Runner,
    catalogue::Catalogue,
    exit::Exit,
    interrupt,
    mistakes::NotUnderstood,
    printed::{complain, paint, print},
    schedule::{self, Schedule},
};

/// The line of each case without which it was about nothing.
const REACHED: &str = "fired(web) == 1";

/// Fewer at a time than of scenarios: a case that is killed at every step answers late on a busy machine.
const JOBS_PER_CORE: u32 = 2;

/// Runs what was asked for.
pub(crate) fn crash_matrix(asked: &arguments::CrashMatrix) -> Exit {
    attempt(asked).unwrap_or_else(|exit| exit)
}

fn attempt(asked: &arguments::CrashMatrix) -> Result<Exit, Exit> {
    let interrupted = interrupt::watch();
    let catalogue = Catalogue::open(asked.shelf.scenarios.as_deref()).map_err(bad)?;
    let runner =
        Runner::new(&asked.place, None, &asked.shelf, Arc::clone(&interrupted)).map_err(|error| {
            complain(&format!("make a folder for run directories: {error}"));
            Exit::of_folder(&asked.place)
        })?;
    let all = all_cases(&catalogue, &runner, asked.seed)?;
    let chosen = chosen(all, asked)?;
    if asked.list {
        chosen.iter().for_each(|case| print(&case.name()));
        return Ok(Exit::Passed);
    }
    if asked.print {
        chosen.iter().for_each(|case| print(&case.text()));
        return Ok(Exit::Passed);
    }
    let plans: Result<Vec<Plan>, Exit> =
        chosen.iter().map(|case| plan(&catalogue, &case.name(), &case.text(), asked.seed)).collect();
    let jobs = asked.jobs.unwrap_or_else(|| schedule::jobs(JOBS_PER_CORE));
    let schedule = Schedule { jobs: Some(jobs), fail_fast: false, interrupted: &interrupted };
    let begun = Instant::now();
    let results = schedule.run(&runner, &plans?, |result| show(result, asked, paint()));
    let rows: Vec<Row> = chosen.iter().zip(&results).map(|(case, result)| row(case, result)).collect();
    print(&table(&rows, begun.elapsed()));
    Ok(exit(&rows, results.len() < chosen.len() || interrupted.load(Ordering::SeqCst)))
}

fn bad(why: NotUnderstood) -> Exit {
    why.tell();
    Exit::BadScenario
}

fn plan(catalogue: &Catalogue, name: &str, text: &str, seed: u64) -> Result<Plan, Exit> {
    let mut plans = catalogue.load_text(&format!("crash-matrix/{name}.toml"), text).map_err(bad)?;
    Ok(plans.remove(0).seeded(seed))
}

/// Every case there is: what is reached while nobody fails.
fn all_cases(catalogue: &Catalogue, runner: &Runner, seed: u64) -> Result<Vec<Case>, Exit> {
    let mut all = Vec::new();
    for sequence in SEQUENCES {
        let name = format!("{}/undisturbed", sequence.name);
        let plan = plan(catalogue, &name, &cases::undisturbed(sequence), seed)?;
        let outcome = runner.run(&plan);
        let Some(history) = outcome.history.filter(|_| outcome.result.disposition.is_good()) else {
            print(&case_line(&outcome.result, paint()));
            print(&evidence(&outcome.result, paint()));
            complain("a sequence that fails undisturbed shows nothing about crashes");
            return Err(Exit::of_one(&outcome.result.disposition));
        };
        let reached = cases::reached(sequence, &history);
        tell_reached(&plan, sequence, &reached);
        all.extend(reached);
    }
    Ok(all)
}

/// How much of what the server lists somebody comes to; for the rest it takes another fault, or another sequence.
fn tell_reached(plan: &Plan, sequence: &cases::Sequence, reached: &[Case]) {
    let listed = &plan.targets[0].failpoints;
    let is_reached = |name: &&String| reached.iter().any(|case| case.instant() == **name);
    let count = listed.iter().filter(is_reached).count();
    let (name, all, cases) = (sequence.name, listed.len(), reached.len());
    complain(&format!("{name}: {count} of {all} instants are reached undisturbed, {cases} cases"));
}

fn chosen(all: Vec<Case>, asked: &arguments::CrashMatrix) -> Result<Vec<Case>, Exit> {
    let is_meant = |case: &Case| {
        asked.filters.is_empty() || asked.filters.iter().any(|word| case.name().contains(word.as_str()))
    };
    let meant: Vec<Case> = all.into_iter().filter(is_meant).collect();
    if meant.is_empty() {
        complain("no case matches; `changeover crash-matrix --list` names them all");
        return Err(Exit::NothingMatched);
    }
    Ok(match asked.sample {
        Some(how_many) => cases::sample(meant, how_many, asked.seed),
        None => meant,
    })
}

fn show(result: &CaseResult, asked: &arguments::CrashMatrix, paint: Paint) {
    let mut text = case_line(result, paint) + "\n";
    if !result.disposition.is_good() {
        text.push_str(&evidence(result, paint));
        let name = result.case.trim_start_matches("crash-matrix/");
        text.push_str(&format!("    alone: crash-matrix '{name}' --seed {}\n", asked.seed));
    }
    print(&text);
}

fn row(case: &Case, result: &CaseResult) -> Row {
    let word = match &result.disposition {
        _ if is_only_unreached(result) => Word::NotReached,
        good if good.is_good() => Word::Passed,
        report::Disposition::Unknown | report::Disposition::Skipped { .. } => Word::Unknown,
        report::Disposition::Broken { .. } => Word::Broken,
        _ => Word::Failed,
    };
    Row { sequence: case.sequence.name, hand: case.hand.name, word }
}

/// Nobody came to the instant, and nothing else is wrong: the case was about nothing.
fn is_only_unreached(result: &CaseResult) -> bool {
    let Some(judgement) = &result.judgement else { return false };
    let is_about_it = |judged: &&checks::Judged| judged.expectation.text == REACHED;
    let reached = judgement.verdicts.iter().find(is_about_it);
    let others = judgement.verdicts.iter().filter(|judged| !is_about_it(judged));
    let is_pass = |verdict: &Verdict| matches!(verdict, Verdict::Pass { .. });
    reached.is_some_and(|judged| !is_pass(&judged.verdict))
        && !others.into_iter().any(|judged| matches!(judged.verdict, Verdict::Fail { .. }))
}

fn exit(rows: &[Row], cut_short: bool) -> Exit {
    let has = |word: Word| rows.iter().any(|row| row.word == word);
    match () {
        () if cut_short => Exit::Interrupted,
        () if has(Word::Failed) => Exit::Failed,
        () if has(Word::Broken) => Exit::HarnessBug,
        () if has(Word::Unknown) || has(Word::NotReached) => Exit::Unknown,
        () => Exit::Passed,
    }
}
