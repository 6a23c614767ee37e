//! From a text to its shape, and from a word of the shape to a checked value.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::{
    codes,
    mistake::{At, Mistake, Source},
    shape::Word,
    text::Text,
};

/// A source and what fills the `${…}` in its strings.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) source: Rc<Source>,
    pub(crate) values: Vec<(String, String)>,
}

impl Reading {
    pub(crate) fn text(&self, word: &Word) -> Result<Text, Mistake> {
        self.raw(word).fill(&self.values)
    }

    /// The word with its `${…}` left for the run to fill.
    pub(crate) fn raw(&self, word: &Word) -> Text {
        Text::new(&self.source, word)
    }

    pub(crate) fn at<T>(&self, value: &Spanned<T>) -> At {
        At::new(&self.source, value.span())
    }

    /// The first line of a table, for a mistake about the table as a whole.
    pub(crate) fn head<T>(&self, table: &Spanned<T>) -> At {
        let span = table.span();
        let text = self.source.text.get(span.clone()).unwrap_or_default();
        let line = text.find('\n').unwrap_or(text.len());
        At::new(&self.source, span.start..span.start + line)
    }

    /// The row of `table` that a word names.
    pub(crate) fn one_of<T: Copy>(&self, word: &Word, table: &[(&str, T)]) -> Result<T, Mistake> {
        let text = self.text(word)?;
        let found = table.iter().find(|(known, _)| *known == text.as_str());
        found.map(|(_, value)| *value).ok_or_else(|| {
            Mistake::new(codes::UNKNOWN_WORD, text.at(), format!("`{}` is not known here", text.as_str()))
                .known(text.as_str(), table.iter().map(|(known, _)| *known))
        })
    }

    /// A whole number in `range`.
    pub(crate) fn whole(
        &self,
        number: &Spanned<i64>,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32, Mistake> {
        let (least, most) = (*range.start(), *range.end());
        u32::try_from(*number.get_ref()).ok().filter(|number| range.contains(number)).ok_or_else(|| {
            Mistake::new(
                codes::OUT_OF_RANGE,
                &self.at(number),
                format!("{} is out of range", number.get_ref()),
            )
            .help(format!("anything from {least} to {most}"))
        })
    }

    /// A name of the user's own.
    pub(crate) fn name(&self, key: &Word) -> Result<String, Mistake> {
        name(&self.raw(key))
    }
}

/// A name as expressions can use it.
pub(crate) fn name(text: &Text) -> Result<String, Mistake> {
    let name = text.as_str();
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if letters && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(name.to_owned());
    }
    Err(Mistake::new(codes::BAD_NAME, text.at(), format!("`{name}` cannot be a name"))
        .help("use lower-case letters, digits and `_`, a letter first"))
}

/// Whether there is a check of this name.
pub(crate) fn check_name(text: &Text) -> Result<(), Mistake> {
    let name = text.as_str();
    if facts::CHECK_NAMES.contains(&name) {
        return Ok(());
    }
    Err(Mistake::new(codes::UNKNOWN_WORD, text.at(), format!("there is no check `{name}`"))
        .known(name, facts::CHECK_NAMES))
}

/// Reads a text into its shape; the first mistake ends it, because what follows cannot be trusted.
pub(crate) fn shape<T: DeserializeOwned>(source: &Rc<Source>) -> Result<T, Mistake> {
    toml::from_str(&source.text).map_err(|error| {
        let at = At::new(source, error.span().unwrap_or(0..0));
        explain(&at, error.message())
    })
}

fn explain(at: &At, message: &str) -> Mistake {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((key, known)) if message.starts_with("unknown field") => {
            Mistake::new(codes::UNKNOWN_KEY, at, format!("unknown key `{key}`"))
                .known(key, known.iter().copied())
        }
        Some((key, _)) if message.starts_with("missing field") => {
            Mistake::new(codes::MISSING_KEY, at, format!("`{key}` is missing"))
        }
        _ if message.starts_with("invalid type") || message.starts_with("invalid value") => {
            Mistake::new(codes::WRONG_TYPE, at, message.trim_end())
        }
        _ => Mistake::new(codes::NOT_TOML, at, message.trim_end()),
    }
}
