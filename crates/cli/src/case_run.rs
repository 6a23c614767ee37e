//! One case: run it, read its history, judge it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use checks::Judgement;
use facts::{History, Plan};
use report::{CaseResult, Disposition, result_json};

use crate::{
    arguments::{Netns, Place, Shelf},
    control::case_of,
    printed::complain,
    programs::{Programs, programs},
    requirements::unmet,
    run_directory::Runs,
};

/// The result, as a file of the run directory.
const RESULT_NAME: &str = "result.json";
/// The command that leads here, when something other than this program was called (`cargo xtask`).
const CALLED_AS: &str = "CHANGEOVER_CALLED_AS";

/// Runs cases, several at a time if it is asked to.
pub(crate) struct Runner {
    runs: Runs,
    keep: bool,
    netns: harness::Netns,
    shelf: Shelf,
    interrupted: Arc<AtomicBool>,
}

/// What a run left behind.
pub(crate) struct Outcome {
    /// What became of the case.
    pub(crate) result: CaseResult,
    /// What happened, if it could be read.
    pub(crate) history: Option<History>,
}

impl Runner {
    /// A runner that stops early when the flag is set. `netns` is what the profile says, if the command line does not.
    pub(crate) fn new(
        place: &Place,
        netns: Option<Netns>,
        shelf: &Shelf,
        interrupted: Arc<AtomicBool>,
    ) -> std::io::Result<Runner> {
        let netns = match place.netns.or(netns) {
            Some(Netns::Off) => harness::Netns::Off,
            Some(Netns::Auto) | None => harness::Netns::Auto,
        };
        Ok(Runner { runs: Runs::open(place)?, keep: place.keep, netns, shelf: shelf.clone(), interrupted })
    }

    /// Why a case cannot run here, if it cannot.
    pub(crate) fn unmet(&self, plan: &Plan) -> Option<String> {
        unmet(plan, self.netns)
    }

    /// Runs and judges one case, or says why not.
    pub(crate) fn run(&self, plan: &Plan) -> Outcome {
        let started = Instant::now();
        let shelf = self.shelf.clone();
        let without_history = |disposition| Outcome {
            result: CaseResult { took: started.elapsed(), ..result(plan, &shelf, disposition) },
            history: None,
        };
        if let Some(why) = self.unmet(plan) {
            return without_history(Disposition::Skipped { why });
        }
        let programs = match programs(plan) {
            Ok(programs) => programs,
            Err(missing) if missing.is_ours() => {
                return without_history(Disposition::Broken { why: missing.to_string() });
            }
            Err(missing) => return without_history(Disposition::Skipped { why: missing.to_string() }),
        };
        match self.runs.next() {
            Ok(directory) => self.run_in(plan, programs, &directory, started),
            Err(error) => {
                without_history(Disposition::Broken { why: format!("make a run directory: {error}") })
            }
        }
    }

    fn run_in(&self, plan: &Plan, programs: Programs, directory: &Path, started: Instant) -> Outcome {
        let ran = self.harness(plan, programs, directory);
        let took = started.elapsed();
        let outcome = match ran.and_then(|()| judged(plan, directory)) {
            Ok((judgement, history)) => {
                let disposition = Disposition::of(plan, &judgement);
                let judgement = Some(judgement);
                Outcome {
                    result: CaseResult { judgement, took, ..self.result(plan, disposition) },
                    history: Some(history),
                }
            }
            Err(disposition) => {
                Outcome { result: CaseResult { took, ..self.result(plan, disposition) }, history: None }
            }
        };
        self.put_away(outcome, directory)
    }

    fn harness(&self, plan: &Plan, programs: Programs, directory: &Path) -> Result<(), Disposition> {
        let broken = |why: String| Disposition::Broken { why };
        let setup = harness::Setup {
            directory: directory.to_owned(),
            warden_program: std::env::current_exe()
                .map_err(|error| broken(format!("find myself: {error}")))?,
            programs,
            netns: self.netns,
            interrupted: Arc::clone(&self.interrupted),
        };
        harness::run(plan, &setup).map_err(|error| match &error {
            harness::Error::NotReady { .. } => Disposition::NotStarted { why: error.to_string() },
            _ => broken(error.to_string()),
        })
    }

    fn result(&self, plan: &Plan, disposition: Disposition) -> CaseResult {
        result(plan, &self.shelf, disposition)
    }

    /// Keeps the directory of a run that somebody will want to look at.
    fn put_away(&self, mut outcome: Outcome, directory: &Path) -> Outcome {
        if self.keep || !outcome.result.disposition.is_good() {
            outcome.result.directory = Some(directory.to_owned());
            self.runs.keep(directory);
            fs::write(directory.join(RESULT_NAME), result_json(&outcome.result)).ok();
            // Last of all: from here on nobody writes into it.
            if let Err(error) = ledger::write_manifest(directory) {
                complain(&error.to_string());
            }
        } else {
            self.runs.discard(directory);
        }
        outcome
    }
}

/// Reads and judges what a run wrote.
fn judged(plan: &Plan, directory: &Path) -> Result<(Judgement, History), Disposition> {
    let history =
        ledger::read_history(directory).map_err(|error| Disposition::Broken { why: error.to_string() })?;
    Ok((checks::judge(plan, &history), history))
}

/// A result without figures.
pub(crate) fn result(plan: &Plan, shelf: &Shelf, disposition: Disposition) -> CaseResult {
    CaseResult {
        case: plan.case.id.clone(),
        file: plan.case.file.clone(),
        title: plan.case.title.clone(),
        seed: plan.seed,
        is_repeated: plan.repeat > 1,
        took: Duration::ZERO,
        disposition,
        judgement: None,
        directory: None::<PathBuf>,
        rerun: rerun(plan, shelf),
    }
}

/// A command line for a shell.
fn rerun(plan: &Plan, shelf: &Shelf) -> String {
    let program = std::env::var(CALLED_AS).unwrap_or_else(|_| "changeover".into());
    let (case, control) = match case_of(&plan.case.id) {
        Some(case) => (case, " --no-upgrade"),
        None => (plan.case.id.as_str(), ""),
    };
    let case = again(case, &plan.case.file, shelf.scenarios.as_deref());
    let folder = shelf.scenarios.as_deref().map(|folder| quoted(&folder.to_string_lossy()));
    let folder = folder.map(|folder| format!(" --scenarios {folder}")).unwrap_or_default();
    format!("{program} verify {} --seed {}{control}{folder}", quoted(&case), plan.seed)
}

/// The word that means this case: its name, and of a file outside the shelf its path, which means that file alone.
fn again(case: &str, file: &str, shelf: Option<&Path>) -> String {
    let (name, arms) = case.split_at(case.find("::").unwrap_or(case.len()));
    let is_on_shelf = shelf.is_some_and(|shelf| Path::new(file).starts_with(shelf));
    match file.strip_suffix(".toml") {
        Some(path) if path == name && !is_on_shelf => format!("{file}{arms}"),
        _ => case.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
