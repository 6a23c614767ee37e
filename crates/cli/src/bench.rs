//! `bench`: upgrades of several servers, interleaved, so that what the machine does meanwhile hits all of them alike.

mod figures;
mod table;

use std::{
    fs,
    sync::{Arc, atomic::Ordering},
};

use checks::Upgrade;
use facts::Plan;

use crate::{
    arguments,
    case_run::Runner,
    catalogue::Catalogue,
    exit::Exit,
    interrupt,
    printed::{complain, print},
};
use figures::Figures;

/// Measures what was asked for.
pub(crate) fn bench(asked: &arguments::Bench) -> Exit {
    let interrupted = interrupt::watch();
    let plans = match Catalogue::open(asked.shelf.scenarios.as_deref()).and_then(|shelf| shelf.plans()) {
        Ok(plans) => plans,
        Err(why) => {
            why.tell();
            return Exit::BadScenario;
        }
    };
    let chosen: Vec<Plan> = plans.into_iter().filter(|plan| plan.case.id.contains(&asked.case)).collect();
    if chosen.is_empty() {
        complain(&format!("no case matches `{}`; `changeover scenario list` names them all", asked.case));
        return Exit::NothingMatched;
    }
    let runner = match Runner::new(&asked.place, None, &asked.shelf, Arc::clone(&interrupted)) {
        Ok(runner) => runner,
        Err(error) => {
            complain(&format!("make a folder for run directories: {error}"));
            return Exit::of_folder(&asked.place);
        }
    };
    let is_interrupted = || interrupted.load(Ordering::SeqCst);
    let figures = measure(&runner, &chosen, asked.upgrades, is_interrupted);
    conclude(&figures, asked, is_interrupted())
}

/// A B A B …: each round runs every case once. A case that cannot run is not asked again.
fn measure(runner: &Runner, plans: &[Plan], rounds: u32, is_interrupted: impl Fn() -> bool) -> Vec<Figures> {
    let mut all: Vec<Figures> = plans.iter().map(Figures::new).collect();
    for round in 0..rounds {
        for (plan, figures) in plans.iter().zip(&mut all) {
            if is_interrupted() {
                return all;
            }
            if figures.gave_up.is_none() {
                one_more(runner, plan, round, figures);
            }
        }
    }
    all
}

fn one_more(runner: &Runner, plan: &Plan, round: u32, figures: &mut Figures) {
    let plan = plan.clone().seeded(plan.seed.wrapping_add(u64::from(round)));
    let outcome = runner.run(&plan);
    match outcome.history.as_ref().and_then(|history| Upgrade::of(&plan, history)) {
        Some(upgrade) => {
            complain(&format!("{} {}: {}", round + 1, plan.case.id, outcome.result.disposition.word()));
            figures.add(upgrade, &outcome.result.disposition);
        }
        None => {
            let line = report::case_line(&outcome.result, report::Paint::Plain);
            complain(line.trim_start());
            figures.gave_up = Some(line.trim_start().to_owned());
        }
    }
}

fn conclude(figures: &[Figures], asked: &arguments::Bench, interrupted: bool) -> Exit {
    print(&table::table(figures));
    if let Some(file) = &asked.json
        && let Err(error) = fs::write(file, table::json(figures))
    {
        complain(&format!("write {}: {error}", file.display()));
        return Exit::HarnessBug;
    }
    match figures.iter().all(|figures| figures.upgrades == 0) {
        _ if interrupted => Exit::Interrupted,
        true => Exit::TargetMissing,
        false => Exit::Passed,
    }
}
