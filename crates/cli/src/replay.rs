//! `replay`: judges a kept run again. Checks and expectations may have changed since; what happened has not.

use std::path::Path;

use facts::{History, Plan, plan::Case};
use report::{CaseResult, Disposition, PHASE_TABLE_NOTE, Tally, case_line, evidence};

use crate::{
    arguments,
    case_run::result,
    catalogue::Catalogue,
    control::case_of,
    exit::Exit,
    kept_run,
    mistakes::NotUnderstood,
    printed::{complain, paint, print},
    profiles::Skips,
};

/// Judges the run in a directory.
pub(crate) fn replay(asked: &arguments::Replay) -> Exit {
    attempt(asked).unwrap_or_else(|exit| exit)
}

fn attempt(asked: &arguments::Replay) -> Result<Exit, Exit> {
    let plan = kept_run::plan(&asked.directory)?;
    let plan = match &asked.expect {
        None => plan,
        Some(file) => expecting(plan, file, asked)?,
    };
    let history = kept_run::history(&asked.directory).map_err(|why| {
        complain(&why);
        Exit::Unknown
    })?;
    Ok(judge(&plan, &history, asked))
}

fn judge(plan: &Plan, history: &History, asked: &arguments::Replay) -> Exit {
    let judgement = checks::judge(plan, history);
    let disposition = Disposition::of(plan, &judgement);
    let result = CaseResult { judgement: Some(judgement), ..result(plan, &asked.shelf, disposition) };
    let mut tally = Tally::default();
    tally.add(&result);
    print(&case_line(&result, paint()));
    print(&evidence(&CaseResult { directory: Some(asked.directory.clone()), ..result }, paint()));
    print(PHASE_TABLE_NOTE);
    Exit::of(&tally, Skips::Allowed, false)
}

/// The plan that was run, with what an edited scenario expects of it.
fn expecting(ran: Plan, file: &Path, asked: &arguments::Replay) -> Result<Plan, Exit> {
    let bad = |why: NotUnderstood| {
        why.tell();
        Exit::BadScenario
    };
    let catalogue = Catalogue::open(asked.shelf.scenarios.as_deref()).map_err(bad)?;
    let plans = catalogue.load(file).map_err(bad)?;
    let refused = |why: &str| {
        complain(&format!("expect what {} says of {}: {why}", file.display(), ran.case.id));
        Exit::BadScenario
    };
    let edited = plans.iter().find(|plan| cell(plan) == cell(&ran));
    let edited = edited.ok_or_else(|| refused("its matrix has no such case"))?;
    if let Some(what) = differs(&ran, edited) {
        return Err(refused(&format!("its {what} are not those that were run; edit a copy of the scenario")));
    }
    Ok(Plan {
        // The history says of which case it is, whatever the edited file is called.
        case: Case { id: ran.case.id, ..edited.case.clone() },
        minimum_samples: edited.minimum_samples,
        expectations: edited.expectations.clone(),
        known_failure: edited.known_failure.clone(),
        must_fail: edited.must_fail,
        ..ran
    })
}

/// `target=nginx`: which case of a file it is. A control run is a case of the same cell.
fn cell(plan: &Plan) -> &str {
    let id = case_of(&plan.case.id).unwrap_or(&plan.case.id);
    id.split_once("::").map_or("", |(_, cell)| cell)
}

/// Expectations name things by their numbers: they must be the same things.
fn differs(ran: &Plan, edited: &Plan) -> Option<&'static str> {
    let targets = |plan: &Plan| plan.targets.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let origins = |plan: &Plan| plan.origins.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let clients = |plan: &Plan| plan.populations.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let steps = |plan: &Plan| plan.steps.iter().map(|it| it.text.clone()).collect::<Vec<_>>();
    let different = [
        ("phases", ran.phases != edited.phases),
        ("targets", targets(ran) != targets(edited)),
        ("origins", origins(ran) != origins(edited)),
        ("populations", clients(ran) != clients(edited)),
        ("steps", steps(ran) != steps(edited)),
    ];
    different.into_iter().find(|(_, differ)| *differ).map(|(what, _)| what)
}
