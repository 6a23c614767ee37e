//! `requires`: what the machine must have.

use facts::plan::{Action, Requirement, Step, Target};

use crate::{
    codes,
    mistake::{Mistake, Mistakes},
    reading::Reading,
    shape::Word,
};

const KNOWN: [(&str, Requirement); 3] =
    [("root", Requirement::Root), ("netns", Requirement::Netns), ("mount", Requirement::Mount)];

/// What a case requires: what the file says, and what its steps cannot do without. A version of a target's kind is
/// asked only of the cases that run that kind.
pub(crate) fn requirements(
    lines: &[Word],
    targets: &[Target],
    steps: &[Step],
    is_kind: impl Fn(&str) -> bool,
    reading: &Reading,
    mistakes: &mut Mistakes,
) -> Vec<Requirement> {
    let mut required: Vec<Requirement> = Vec::new();
    if steps.iter().any(|step| matches!(step.action, Action::Disk { .. })) {
        required.extend([Requirement::Root, Requirement::Mount]);
    }
    for line in lines {
        let Some(requirement) = mistakes.keep(read(line, reading)) else { continue };
        let requirement = match requirement {
            Requirement::Program { name, at_least } if is_kind(&name) => {
                let Some(target) = targets.iter().find(|target| target.kind == name) else { continue };
                Requirement::Program { name: target.program.clone(), at_least }
            }
            other => other,
        };
        if !required.contains(&requirement) {
            required.push(requirement);
        }
    }
    required
}

fn read(line: &Word, reading: &Reading) -> Result<Requirement, Mistake> {
    let text = reading.text(line)?;
    if let Some((_, known)) = KNOWN.iter().find(|(word, _)| *word == text.as_str()) {
        return Ok(known.clone());
    }
    let (name, at_least) = match text.as_str().split_once(">=") {
        Some((name, version)) => (name.trim(), Some(version.trim())),
        None => (text.as_str(), None),
    };
    let refused = |message: String| Mistake::new(codes::BAD_REQUIREMENT, text.at(), message);
    let words = KNOWN.iter().map(|(word, _)| *word);
    if at_least.is_none() && diagnostic::closest(name, words.clone()).is_some() {
        return Err(refused(format!("unknown requirement `{name}`")).known(name, words));
    }
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
    let is_version = |version: &str| version.split('.').all(|part| part.parse::<u32>().is_ok());
    if !is_name || !at_least.is_none_or(is_version) {
        return Err(refused(format!("`{}` is not a requirement", text.as_str()))
            .help("write `root`, `netns`, `mount`, or a program: `nginx`, `nginx>=1.22`"));
    }
    Ok(Requirement::Program { name: name.to_owned(), at_least: at_least.map(str::to_owned) })
}
