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
    mistakes::{self, NotUnderstood},
    printed::print,
};

pub(crate) use skeleton::Kind;

/// Does what was asked.
pub(crate) fn scenarios(asked: &Scenario) -> Exit {
    let done = match asked {
        Scenario::New(asked) => return new::new(asked),
        Scenario::Check { files, shelf } => check(files, shelf),
        Scenario::Explain { file, shelf } => explain(file, shelf),
        Scenario::List { shelf } => list(shelf),
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
    let files = if files.is_empty() { catalogue.files()? } else { files.to_vec() };
    let mut wrong = Vec::new();
    let mut cases = 0;
    for file in &files {
        match catalogue.load(file) {
            Ok(plans) => {
                cases += plans.len();
                note(&format!("{}: {} cases, nothing wrong", file.display(), plans.len()));
            }
            Err(why) => wrong.push(why),
        }
    }
    let took = begun.elapsed().as_millis();
    note(&format!("{} files, {cases} cases, {} with mistakes, {took} ms", files.len(), wrong.len()));
    if wrong.is_empty() { Ok(()) } else { Err(NotUnderstood::all(wrong)) }
}

/// For people: a program that reads JSON wants the mistakes and nothing else.
fn note(text: &str) {
    if mistakes::chosen() != Some(MessageFormat::Json) {
        print(text);
    }
}

fn explain(file: &Path, shelf: &Shelf) -> Result<(), NotUnderstood> {
    for plan in open(shelf)?.load(file)? {
        print(&scenario::explain(&plan));
    }
    Ok(())
}

fn list(shelf: &Shelf) -> Result<(), NotUnderstood> {
    for plan in open(shelf)?.plans()? {
        let tags = if plan.case.tags.is_empty() {
            String::new()
        } else {
            format!(" [{}]", plan.case.tags.join(", "))
        };
        print(&format!("{}{tags}  {}", plan.case.id, plan.case.title));
    }
    Ok(())
}
