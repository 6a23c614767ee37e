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

/// Writes whatever was asked for; a file that cannot be written changes no verdict.
pub(super) fn write(results: &[CaseResult], asked: &Verify, took: Duration) {
    let results: Vec<&CaseResult> = results.iter().collect();
    if let Some(file) = &asked.results {
        let all: Vec<String> = results.iter().map(|result| result_json(result)).collect();
        told(file, fs::write(file, format!("[\n{}]\n", all.join(","))));
    }
    if let Some(file) = &asked.junit {
        told(file, fs::write(file, junit(&results, took)));
    }
    for_github(&results);
}

fn for_github(results: &[&CaseResult]) {
    if let Some(file) = env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) {
        let file = Path::new(&file);
        told(file, append(file, &github_summary(results)));
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

fn told(file: &Path, written: io::Result<()>) {
    if let Err(error) = written {
        complain(&format!("write {}: {error}", file.display()));
    }
}
