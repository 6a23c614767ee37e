//! The results as files, and for GitHub.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::Duration,
};

use report::{CaseResult, annotations, github_summary, junit, result_json};

use crate::{
    arguments::{MessageFormat, Verify},
    mistakes::{chosen, on_github},
    printed::{complain, print},
};

/// Says which of the files that were asked for cannot be written. What is there is not touched yet.
pub(super) fn check(asked: &Verify) -> Result<(), String> {
    for file in [&asked.results, &asked.junit].into_iter().flatten() {
        told(file, append(file, ""))?;
    }
    Ok(())
}

/// Writes whatever was asked for, all that can be, and says what could not.
pub(super) fn write(results: &[CaseResult], asked: &Verify, took: Duration) -> Result<(), String> {
    let results: Vec<&CaseResult> = results.iter().collect();
    let mut wrong = Vec::new();
    if let Some(file) = &asked.results {
        let all: Vec<String> = results.iter().map(|result| result_json(result)).collect();
        wrong.extend(told(file, fs::write(file, format!("[\n{}]\n", all.join(",")))).err());
    }
    if let Some(file) = &asked.junit {
        wrong.extend(told(file, fs::write(file, junit(&results, took))).err());
    }
    for_github(&results);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Nobody asked for the summary: one that cannot be written changes no exit code.
fn for_github(results: &[&CaseResult]) {
    if let Some(file) = env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
        let file = Path::new(&file);
        told(file, append(file, &github_summary(results))).unwrap_or_else(|error| complain(&error));
    }
    let wanted = match chosen() {
        Some(format) => format == MessageFormat::Github,
        None => on_github(),
    };
    if wanted {
        annotations(results).iter().for_each(|line| print(line));
    }
}

/// Steps of one job share the file.
fn append(file: &Path, text: &str) -> io::Result<()> {
    File::options().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

fn told(file: &Path, written: io::Result<()>) -> Result<(), String> {
    written.map_err(|error| format!("write {}: {error}", file.display()))
}
