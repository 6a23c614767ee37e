//! `replay`: judges a kept run again. Checks may have changed since; what happened has not.

use std::fs;

use facts::Plan;
use report::{CaseResult, Disposition, PHASE_TABLE_NOTE, Tally, case_line, evidence};

use crate::{
    arguments::{self, Shelf},
    case_run::{judged, result},
    exit::Exit,
    printed::{complain, paint, print},
};

/// The plan, as a file of the run directory.
const PLAN_NAME: &str = "plan.json";

/// Judges the run in a directory.
pub(crate) fn replay(asked: &arguments::Replay) -> Exit {
    let file = asked.directory.join(PLAN_NAME);
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("read {}: {error}; name the directory of a kept run", file.display()));
            return Exit::Usage;
        }
    };
    match serde_json::from_slice::<Plan>(&text) {
        Ok(plan) => judge(&plan, asked),
        Err(error) => {
            complain(&format!("read {}: {error}; it was written by another version", file.display()));
            Exit::BadScenario
        }
    }
}

fn judge(plan: &Plan, asked: &arguments::Replay) -> Exit {
    let result = match judged(plan, &asked.directory) {
        Ok((judgement, _)) => {
            let disposition = Disposition::of(plan, &judgement);
            CaseResult { judgement: Some(judgement), ..result(plan, &Shelf::default(), disposition) }
        }
        Err(disposition) => result(plan, &Shelf::default(), disposition),
    };
    let mut tally = Tally::default();
    tally.add(&result);
    print(&case_line(&result, paint()));
    print(&evidence(&CaseResult { directory: Some(asked.directory.clone()), ..result }, paint()));
    print(PHASE_TABLE_NOTE);
    Exit::of(&tally, false)
}
