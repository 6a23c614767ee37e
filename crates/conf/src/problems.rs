//! Collects what is wrong, so that one run of `-t` reports all of it; and knows the variables and log formats that the text
//! defines.

use std::ops::Range;

use diagnostic::{Code, Diagnostic};

use crate::access_log::LogFormat;
use crate::codes;
use crate::template::{Template, Variable};

/// The diagnostics of one source file so far.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    found: Vec<Diagnostic>,
    /// What `map` and `split_clients` define, by name.
    variables: Vec<(String, Variable)>,
    formats: Vec<(String, LogFormat)>,
}

/// A value that could not be read: what is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Wrong {
    /// An argument that does not mean anything where it stands.
    pub(crate) fn value(message: impl Into<String>, help: impl Into<String>) -> Self {
        Wrong { code: codes::INVALID_VALUE, message: message.into(), help: help.into() }
    }
}

impl Problems {
    pub(crate) fn of(file: &str) -> Self {
        Problems { file: file.to_owned(), found: Vec::new(), variables: Vec::new(), formats: Vec::new() }
    }

    pub(crate) fn add(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        let label = label.to_owned();
        self.found.push(Diagnostic { code: code.code, file: self.file.clone(), span, message, label, help });
    }

    /// Keeps the value, or reports what is wrong with it at `span`.
    pub(crate) fn note<T>(&mut self, span: &Range<usize>, read: Result<T, Wrong>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(Wrong { code, message, help }) => {
                let help = if help.is_empty() { None } else { Some(help) };
                self.add(code, span.clone(), message, "here", help);
                None
            }
        }
    }

    /// From here on there is a variable of this name.
    pub(crate) fn define(&mut self, name: String, variable: Variable) {
        self.variables.push((name, variable));
    }

    /// A value with variables, or a report of what is wrong with it at `span`.
    pub(crate) fn template(&mut self, span: &Range<usize>, text: &str) -> Option<Template> {
        let read = Template::parse(text, &self.variables);
        self.note(span, read)
    }

    /// From here on there is a log format of this name.
    pub(crate) fn define_format(&mut self, name: String, format: LogFormat) {
        self.formats.push((name, format));
    }

    /// The log format of this name.
    pub(crate) fn format(&self, name: &str) -> Option<&LogFormat> {
        self.formats.iter().find(|(known, _)| known == name).map(|(_, format)| format)
    }

    /// What somebody may have meant who wrote a name that no log format has.
    pub(crate) fn nearest_format(&self, name: &str) -> String {
        let names = || self.formats.iter().map(|(known, _)| known.as_str());
        match diagnostic::closest(name, names()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", names().collect::<Vec<_>>().join(", ")),
        }
    }

    pub(crate) fn append(&mut self, other: Problems) {
        self.found.extend(other.found);
    }

    /// The value if nothing is wrong; otherwise all diagnostics in the order of the text.
    pub(crate) fn resolve<T>(mut self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.found.is_empty() {
            return Ok(value);
        }
        self.found.sort_by_key(|found| (found.file != "command line", found.span.start));
        Err(self.found)
    }
}
