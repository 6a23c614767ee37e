//! A run that was kept: its plan and its history, from its directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use facts::{History, Plan};
use ledger::{MANIFEST_NAME, Manifest};

use crate::{exit::Exit, printed::complain};

/// The plan, as a file of the run directory.
const PLAN_NAME: &str = "plan.json";

/// The plan of the run in a directory. What is wrong was told; the exit code says how.
pub(crate) fn plan(directory: &Path) -> Result<Plan, Exit> {
    let file = directory.join(PLAN_NAME);
    let text = fs::read(&file).map_err(|error| {
        complain(&format!("read {}: {error}; name the directory of a kept run", file.display()));
        Exit::Usage
    })?;
    serde_json::from_slice::<Plan>(&text).map_err(|error| {
        complain(&format!("read {}: {error}; it was written by another version", file.display()));
        Exit::BadScenario
    })
}

/// The history of the run in a directory, as far as it can be believed. Of one that left no manifest it can be told
/// what went wrong, never that all was well.
pub(crate) fn history(directory: &Path) -> Result<History, String> {
    let told = |error: ledger::Error| error.to_string();
    let manifest = ledger::check_manifest(directory).map_err(told)?;
    if let Manifest::Broken(lines) = manifest {
        return Err(format!(
            "nothing in {} is believed, because it is not what the run left: {}",
            directory.display(),
            lines.join("; ")
        ));
    }
    let mut history = ledger::read_history(directory).map_err(told)?;
    if manifest == Manifest::Absent {
        history.incomplete.push(format!("the run was killed before it could write {MANIFEST_NAME}"));
    }
    Ok(history)
}

/// The directory itself if it holds a run, else those in it that do, in order of name.
pub(crate) fn runs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if is_run(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let mut runs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // `latest` is one of the others.
        if !path.is_symlink() && is_run(&path) {
            runs.push(path);
        }
    }
    runs.sort();
    Ok(runs)
}

fn is_run(directory: &Path) -> bool {
    directory.join(PLAN_NAME).is_file()
}
