//! What is wrong with what the user wrote, and telling it: to people, to editors, to GitHub.

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    sync::OnceLock,
};

use diagnostic::{Diagnostic, MOST_ANNOTATIONS};
use report::Paint;
use serde_json::json;

use crate::{
    arguments::MessageFormat,
    codes,
    printed::{complain, print},
};

/// Why something that the user wrote cannot be used.
#[derive(Debug)]
pub(crate) enum NotUnderstood {
    /// Not about a place in a text; the sentence is complete.
    Said(String),
    /// Every mistake, each with the text that it is about.
    Mistakes(Vec<(Diagnostic, String)>),
}

impl NotUnderstood {
    /// All of many in one; what many files find in the folder of one target, once.
    pub(crate) fn all(many: Vec<NotUnderstood>) -> NotUnderstood {
        let mut mistakes: Vec<(Diagnostic, String)> = Vec::new();
        for one in many {
            match one {
                NotUnderstood::Said(_) => return one,
                NotUnderstood::Mistakes(more) => {
                    for mistake in more {
                        if !mistakes.contains(&mistake) {
                            mistakes.push(mistake);
                        }
                    }
                }
            }
        }
        NotUnderstood::Mistakes(mistakes)
    }

    /// That a file cannot be read. Not to be said alone: other files may have mistakes, too.
    pub(crate) fn unreadable(file: &Path, why: &str) -> NotUnderstood {
        NotUnderstood::at(file, 0, format!("cannot read this file: {why}"), String::new())
    }

    /// The text of a file, which must be UTF-8.
    pub(crate) fn text(file: &Path, bytes: Vec<u8>) -> Result<String, NotUnderstood> {
        String::from_utf8(bytes).map_err(|error| {
            let begin = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            NotUnderstood::at(file, begin, "this is not UTF-8".into(), text)
        })
    }

    fn at(file: &Path, begin: usize, message: String, text: String) -> NotUnderstood {
        let (code, file) = (codes::UNREADABLE.code, file.to_string_lossy().into_owned());
        let span = begin..begin + usize::from(begin < text.len());
        let mistake = Diagnostic { code, file, span, message, label: String::new(), help: None };
        NotUnderstood::Mistakes(vec![(mistake, text)])
    }

    /// Tells what is accepted and probably not meant so, as the user wants it told.
    pub(crate) fn warn(warnings: &[(Diagnostic, String)]) {
        if warnings.is_empty() {
            return;
        }
        tell(warnings, chosen().unwrap_or(MessageFormat::Terminal));
        if chosen().is_none() && on_github() {
            tell(warnings, MessageFormat::Github);
        }
    }

    /// Tells it as the user wants it told.
    pub(crate) fn tell(&self) {
        match (self, chosen()) {
            (_, Some(format)) => self.tell_as(format),
            (_, None) => {
                self.tell_as(MessageFormat::Terminal);
                if on_github() {
                    self.tell_as(MessageFormat::Github);
                }
            }
        }
    }

    fn tell_as(&self, format: MessageFormat) {
        match (self, format) {
            (NotUnderstood::Said(what), MessageFormat::Json) => {
                print(&json!({ "severity": "error", "message": what }).to_string());
            }
            (NotUnderstood::Said(what), MessageFormat::Terminal | MessageFormat::Github) => complain(what),
            (NotUnderstood::Mistakes(mistakes), format) => tell(mistakes, format),
        }
    }
}

fn tell(mistakes: &[(Diagnostic, String)], format: MessageFormat) {
    match format {
        MessageFormat::Terminal => complain(&blocks(mistakes)),
        MessageFormat::Json => mistakes.iter().for_each(|(mistake, text)| print(&mistake.json(text))),
        MessageFormat::Github => {
            let shown = mistakes.iter().take(MOST_ANNOTATIONS);
            shown.for_each(|(mistake, text)| print(&mistake.github(text)));
            if let Some(more) = mistakes.len().checked_sub(MOST_ANNOTATIONS).filter(|more| *more > 0) {
                complain(&format!("{more} more mistakes; GitHub shows {MOST_ANNOTATIONS} of a step"));
            }
        }
    }
}

fn blocks(mistakes: &[(Diagnostic, String)]) -> String {
    let no_color = env::var("NO_COLOR").ok();
    let paint = Paint::choose(io::stderr().is_terminal(), no_color.as_deref());
    let block = |(mistake, text): &(Diagnostic, String)| match paint {
        Paint::Plain => mistake.render(text),
        Paint::Coloured => mistake.render_coloured(text),
    };
    let mut blocks: Vec<String> = mistakes.iter().map(block).collect();
    if mistakes.len() >= scenario::MOST_MISTAKES {
        blocks.push(format!("of one file the first {} mistakes are told", scenario::MOST_MISTAKES));
    }
    if let Some((mistake, _)) = mistakes.first() {
        blocks.push(format!("`changeover explain {}` says more about a code", mistake.code));
    }
    blocks.join("\n\n")
}

/// Set once, from the command line, before anything can be wrong.
static CHOSEN: OnceLock<MessageFormat> = OnceLock::new();

/// Tells mistakes in this format from now on.
pub(crate) fn choose(format: Option<MessageFormat>) {
    if let Some(format) = format {
        CHOSEN.set(format).ok();
    }
}

/// What the user chose.
pub(crate) fn chosen() -> Option<MessageFormat> {
    CHOSEN.get().copied()
}

/// Whether this is a step of a workflow (GitHub sets it to `true`).
pub(crate) fn on_github() -> bool {
    env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}
