//! One mistake on its way out, and the collection of all of them: a reader is told everything at once.

use std::{ops::Range, rc::Rc};

use diagnostic::{Code, Diagnostic};

/// A text file, as the user or a target folder names it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The files that this one includes, each with the number that its first byte has in spans. Its own begin at 0.
    pub(crate) included: Vec<(usize, Rc<Source>)>,
}

impl Source {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Source {
        Source { name: name.into(), text: text.into(), included: Vec::new() }
    }
}

/// A stretch of a source.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub(crate) source: Rc<Source>,
    pub(crate) span: Range<usize>,
}

impl At {
    pub(crate) fn new(source: &Rc<Source>, span: Range<usize>) -> At {
        let holder = source.included.iter().rfind(|(base, _)| *base <= span.start);
        match holder {
            Some((base, part)) => At { source: Rc::clone(part), span: span.start - base..span.end - base },
            None => At { source: Rc::clone(source), span },
        }
    }

    /// The bytes there.
    pub(crate) fn text(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// As a plan keeps it.
    pub(crate) fn place(&self) -> facts::plan::Place {
        let (line, column) = diagnostic::position(&self.source.text, self.span.start);
        facts::plan::Place { file: self.source.name.clone(), line, column }
    }
}

/// One mistake, and others that were found beside it. Boxed, because it travels in every `Result` of this crate.
#[derive(Debug)]
pub(crate) struct Mistake(Box<Diagnostic>, Vec<Mistake>);

/// Both values, or the mistakes of both.
pub(crate) fn both<A, B>(a: Result<A, Mistake>, b: Result<B, Mistake>) -> Result<(A, B), Mistake> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(mut a), Err(b)) => {
            a.1.push(b);
            Err(a)
        }
        (Err(mistake), _) | (_, Err(mistake)) => Err(mistake),
    }
}

/// All values, or the mistakes of all.
pub(crate) fn all<T>(results: impl IntoIterator<Item = Result<T, Mistake>>) -> Result<Vec<T>, Mistake> {
    let join = |values: Result<Vec<T>, Mistake>, next| {
        both(values, next).map(|(mut values, next)| {
            values.push(next);
            values
        })
    };
    results.into_iter().fold(Ok(Vec::new()), join)
}

impl Mistake {
    pub(crate) fn new(code: Code, at: &At, message: impl Into<String>) -> Mistake {
        Mistake(
            Box::new(Diagnostic {
                code: code.code,
                file: at.source.name.clone(),
                span: at.span.clone(),
                message: message.into(),
                label: String::new(),
                help: None,
            }),
            Vec::new(),
        )
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Mistake {
        self.0.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Mistake {
        self.0.help = Some(help.into());
        self
    }

    /// Suggests the nearest of `known`, or lists them when none is near.
    pub(crate) fn known<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Mistake {
        let known: Vec<&str> = known.into_iter().collect();
        match diagnostic::closest(word, known.iter().copied()) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("known here: {}", known.join(", "))),
        }
    }
}

/// More mistakes of one file than this are not told: who has so many begins with the first.
pub const MOST_MISTAKES: usize = 100;

/// All mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    found: Vec<Diagnostic>,
}

impl Mistakes {
    /// The value, or `None` with its mistake kept. The same mistake in several cells of a matrix is kept once.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Mistake>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.add(mistake);
                None
            }
        }
    }

    pub(crate) fn add(&mut self, mistake: Mistake) {
        let Mistake(first, more) = mistake;
        if self.is_full() {
            return;
        }
        if !self.found.contains(&first) {
            self.found.push(*first);
        }
        more.into_iter().for_each(|mistake| self.add(mistake));
    }

    /// Whether nothing more would be told, so that nobody need look for it.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MOST_MISTAKES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// In the order of the file `first`, then the others.
    pub(crate) fn into_sorted(mut self, first: &str) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.file != first, d.file.clone(), d.span.start));
        self.found
    }
}
