//! `scenario new | check | explain | list | schema`: what would happen, without anything happening.

mod new;
mod questions;
mod skeleton;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{
    arguments::{MessageFormat, Scenario, Shelf},
    catalogue::Catalogue,
    exit::Exit,
    filter::Filter,
    mistakes::{self, NotUnderstood},
    printed::print,
    selection,
};

pub(crate) use skeleton::Kind;

/// Does what was asked.
pub(crate) fn scenarios(asked: &Scenario) -> Exit {
    let done = match asked {
        Scenario::New(asked) => return new::new(asked),
        Scenario::Check { files, shelf } => check(files, shelf),
        Scenario::Explain { file, shelf } => explain(file, shelf),
        Scenario::List { filter, shelf } => {
            let filter = match filter.as_deref().map(selection::read).transpose() {
                Ok(filter) => filter,
                Err(exit) => return exit,
            };
            list(filter.as_ref(), shelf)
        }
        Scenario::Schema => {
            print(&scenario::schema());
            Ok(())
        }
    };
    match done {
        Ok(()) => Exit::Passed,
        Err(why) => {
            why.tell();
            Exit::BadScenario
        }
    }
}

fn open(shelf: &Shelf) -> Result<Catalogue, NotUnderstood> {
    Catalogue::open(shelf.scenarios.as_deref())
}

/// All files, all mistakes.
fn check(files: &[PathBuf], shelf: &Shelf) -> Result<(), NotUnderstood> {
    let begun = Instant::now();
    let catalogue = open(shelf)?;
    let named = files.iter().map(|file| catalogue.named(file)).collect();
    let files = if files.is_empty() { catalogue.files()? } else { named };
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in &files {
        match catalogue.load(file) {
            Ok(plans) => {
                cases += plans.len();
                let warnings = catalogue.advice(file, &plans)?;
                let verdict = match warnings.len() {
                    0 => "nothing wrong".to_owned(),
                    many => counted(many, "warning"),
                };
                note(&format!("{}: {}, {verdict}", file.display(), counted(plans.len(), "case")));
                NotUnderstood::warn(&warnings);
            }
            Err(why) => wrong.push(why),
        }
    }
    let took = begun.elapsed().as_millis();
    let (of_files, cases) = (counted(files.len(), "file"), counted(cases, "case"));
    note(&format!("{of_files}, {cases}, {} with mistakes, {took} ms", wrong.len()));
    if wrong.is_empty() { Ok(()) } else { Err(NotUnderstood::all(wrong)) }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// For people: a program that reads JSON wants the mistakes and nothing else.
fn note(text: &str) {
    if mistakes::chosen() != Some(MessageFormat::Json) {
        print(text);
    }
}

fn explain(file: &Path, shelf: &Shelf) -> Result<(), NotUnderstood> {
    let catalogue = open(shelf)?;
    for plan in catalogue.load(&catalogue.named(file))? {
        print(&scenario::explain(&plan));
    }
    Ok(())
}

fn list(filter: Option<&Filter>, shelf: &Shelf) -> Result<(), NotUnderstood> {
    let plans = open(shelf)?.plans()?;
    for plan in plans.iter().filter(|plan| filter.is_none_or(|filter| filter.holds(plan))) {
        let tags = if plan.case.tags.is_empty() {
            String::new()
        } else {
            format!(" [{}]", plan.case.tags.join(", "))
        };
        print(&format!("{}{tags}  {}", plan.case.id, plan.case.title));
    }
    Ok(())
}
