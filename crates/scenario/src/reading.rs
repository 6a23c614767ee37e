//! From a text to its shape, and from a word of the shape to a checked value.

use std::rc::Rc;

use serde::de::DeserializeOwned;
use toml::{Deserializer, de::DeTable};

use crate::{
    codes,
    mistake::{At, Mistake, Source},
    shape::Word,
    spanned::Spanned,
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
        self.raw(word).fill(&self.values, &[])
    }

    /// The word with what is known now filled in, and the `${…}` named in `later` left for the run.
    pub(crate) fn template(&self, word: &Word, later: &[&str]) -> Result<Text, Mistake> {
        self.raw(word).fill(&self.values, later)
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
        let mut at = self.at(table);
        at.span.end = at.span.start + at.text().find('\n').unwrap_or(at.span.len());
        at
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
    let table = DeTable::parse(&source.text).map_err(|error| refused(source, &error))?;
    T::deserialize(Deserializer::from(table)).map_err(|error| refused(source, &error))
}

/// What TOML or the shape has against a text.
pub(crate) fn refused(source: &Rc<Source>, error: &toml::de::Error) -> Mistake {
    explain(&At::new(source, error.span().unwrap_or(0..0)), error.message())
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
            wrong_type(at, message.trim_end())
        }
        _ => Mistake::new(codes::NOT_TOML, at, message.trim_end()),
    }
}

/// `invalid type: map, expected a string`, in the words of TOML.
fn wrong_type(at: &At, message: &str) -> Mistake {
    let stripped = message.split_once(": ").map_or(message, |(_, rest)| rest);
    let (found, expected) = stripped.split_once(", expected ").unwrap_or((stripped, "something else"));
    let is_number = found.starts_with("integer") || found.starts_with("floating point");
    let expected_word = match expected {
        "a sequence" => "a list `[…]`",
        "a map" => "a table `{ … }`",
        "i64" | "u64" => "a whole number",
        "f64" => "a number",
        other => other,
    };
    let found = match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other.replace("floating point", "number").replace("integer", "number"),
    };
    let mistake = Mistake::new(codes::WRONG_TYPE, at, format!("expected {expected_word}, found {found}"));
    match expected {
        "u64" => mistake.help("anything from 0 to 9223372036854775807"),
        "a string" if is_number => mistake.help("write it in quotes; a duration needs its unit: `\"2s\"`"),
        _ => mistake,
    }
}
