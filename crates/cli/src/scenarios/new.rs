//! `scenario new`: a commented file to begin with. It is checked before it is written.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::{
    Kind,
    questions::{ask, can_ask},
    skeleton::filled,
};
use crate::{
    arguments::New,
    catalogue::Catalogue,
    exit::Exit,
    printed::{complain, print},
};

/// The server that every machine has.
const OURS: &str = "reference";

/// Why nothing was written.
enum Refused {
    /// The command line, or an answer.
    Usage(String),
    /// The text would not pass `check`; told already.
    Mistakes,
}

/// Writes a new scenario.
pub(super) fn new(asked: &New) -> Exit {
    let catalogue = match Catalogue::open(asked.shelf.scenarios.as_deref()) {
        Ok(catalogue) => catalogue,
        Err(why) => {
            why.tell();
            return Exit::BadScenario;
        }
    };
    match write_new(asked, &catalogue) {
        Ok(out) => {
            print(&format!("wrote {0}\ncheck it:  changeover scenario check {0}", out.display()));
            Exit::Passed
        }
        Err(Refused::Usage(why)) => {
            complain(&why);
            Exit::Usage
        }
        Err(Refused::Mistakes) => Exit::BadScenario,
    }
}

fn write_new(asked: &New, catalogue: &Catalogue) -> Result<PathBuf, Refused> {
    let kind = kind(asked)?;
    let targets = targets(asked, catalogue)?;
    let name =
        open_question(asked.name.clone(), "What is tried, in one sentence?", "--name", kind.sentence())?;
    let out = out(asked, catalogue.folder(), kind, &name)?;
    let text = filled(kind, &name, &targets, &out, catalogue.folder());
    catalogue.load_text(&out.to_string_lossy(), &text).map_err(|why| {
        why.tell();
        Refused::Mistakes
    })?;
    create(&out, &text).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AlreadyExists => "it is there already; choose another with --out",
            _ => "choose another with --out",
        };
        Refused::Usage(format!("write {}: {error}; {hint}", out.display()))
    })?;
    Ok(out)
}

/// What was said, or is answered now; on no terminal there is no question, and no guess at it.
fn open_question(said: Option<String>, question: &str, flag: &str, default: &str) -> Result<String, Refused> {
    let missing = || Refused::Usage(format!("say {flag}: there is no terminal to ask on"));
    match said {
        Some(said) => Ok(said),
        None if can_ask() => ask(question, default).ok_or_else(missing),
        None => Err(missing()),
    }
}

fn kind(asked: &New) -> Result<Kind, Refused> {
    let words = Kind::ALL.map(Kind::word);
    let question = format!("What is done to the server ({})?", words.join(", "));
    let said = open_question(asked.kind.map(|kind| kind.word().into()), &question, "--kind", words[0])?;
    Kind::from_str(&said, true)
        .map_err(|_| Refused::Usage(format!("kind `{said}`: known are {}", words.join(", "))))
}

fn targets(asked: &New, catalogue: &Catalogue) -> Result<Vec<String>, Refused> {
    let kinds = catalogue.kinds();
    let said = match asked.target.is_empty() {
        false => asked.target.clone(),
        true => {
            let question = format!("On which servers ({})?", kinds.join(", "));
            let default = kinds.iter().find(|kind| *kind == OURS).or(kinds.first());
            let default = default.map_or(OURS, String::as_str);
            let said = open_question(None, &question, "--target", default)?;
            said.split(',').map(|kind| kind.trim().to_owned()).collect()
        }
    };
    match said.iter().find(|kind| !kinds.contains(kind)) {
        None => Ok(said),
        Some(stranger) => {
            let near = diagnostic::closest(stranger, kinds.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("known: {}", kinds.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            Err(Refused::Usage(format!("target `{stranger}`: there is no such folder in targets/ ({help})")))
        }
    }
}

/// Named, or answered, or made of the name.
fn out(asked: &New, folder: &Path, kind: Kind, name: &str) -> Result<PathBuf, Refused> {
    let default = folder.join(kind.word()).join(format!("{}.toml", file_name(name)));
    match &asked.out {
        Some(out) => Ok(out.clone()),
        None if can_ask() => {
            let said = ask("Which file?", &default.to_string_lossy());
            said.map(PathBuf::from).ok_or_else(|| Refused::Usage("the terminal was closed".into()))
        }
        None => Ok(default),
    }
}

/// `a reload, under load` → `a-reload-under-load`
fn file_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<String> = words.take(6).map(str::to_lowercase).collect();
    if words.is_empty() { "new".into() } else { words.join("-") }
}

/// Never over a file that is there.
fn create(out: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    File::create_new(out)?.write_all(text.as_bytes())
}
