//! Words, numbers with units and symbols of an expression.

use std::ops::Range;

use facts::expression::Value;

use crate::{codes, duration, mistake::Mistake, text::Text};

/// Longer symbols first: the first that fits is taken.
const SYMBOLS: [&str; 18] =
    ["||", "&&", "==", "!=", "<=", ">=", "..", "<", ">", "+", "-", "*", "/", "!", "(", ")", ",", "="];

/// One token and its bytes in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) lexeme: Lexeme,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lexeme {
    /// `lost`, `p99.9`, `web.old.worker[0]`, `web.*`
    Word(String),
    /// `5`, `250ms`, `5%`
    Number(Value),
    Symbol(&'static str),
    End,
}

/// All tokens of `text`, `End` last.
pub(super) fn tokens(text: &Text) -> Result<Vec<Token>, Mistake> {
    let source = text.as_str();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (lexeme, length) = lexeme(text, at)?;
        found.push(Token { lexeme, span: at..at + length });
        at += length;
    }
    found.push(Token { lexeme: Lexeme::End, span: at..at });
    Ok(found)
}

fn lexeme(text: &Text, at: usize) -> Result<(Lexeme, usize), Mistake> {
    let rest = &text.as_str()[at..];
    if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let length = word_length(rest);
        return Ok((Lexeme::Word(rest[..length].into()), length));
    }
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return number(text, at);
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(&"=") => Err(Mistake::new(codes::BAD_EXPRESSION, &text.part(at..at + 1), "a single `=`")
            .help("write `==` to compare")),
        Some(symbol) => Ok((Lexeme::Symbol(symbol), symbol.len())),
        None => {
            let stranger = rest.chars().next().unwrap_or(' ');
            let here = text.part(at..at + stranger.len_utf8());
            Err(Mistake::new(codes::BAD_EXPRESSION, &here, format!("{} means nothing here", shown(stranger))))
        }
    }
}

/// What nobody could see is named by its number.
fn shown(stranger: char) -> String {
    let is_seen = stranger.is_alphanumeric() || stranger.is_ascii_graphic();
    if is_seen { format!("`{stranger}`") } else { format!("the character U+{:04X}", u32::from(stranger)) }
}

/// A word goes on over a dot that is followed by one more part, so that `a..b` stays a range of phases.
fn word_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_name = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let mut at = 0;
    loop {
        match bytes.get(at) {
            _ if is_name(at) => at += 1,
            Some(b'.') if bytes.get(at + 1) == Some(&b'*') => return at + 2,
            Some(b'.') if is_name(at + 1) => at += 2,
            Some(b'[') => return rest[at..].find(']').map_or(at, |close| at + close + 1),
            _ => return at,
        }
    }
}

fn number(text: &Text, at: usize) -> Result<(Lexeme, usize), Mistake> {
    let rest = &text.as_str()[at..];
    let digits = digits_length(rest);
    let number: f64 = rest[..digits].parse().unwrap_or(f64::NAN);
    let unit: &str = &rest[digits..];
    let unit = &unit[..unit.find(|c: char| !c.is_alphabetic() && c != '%').unwrap_or(unit.len())];
    let length = digits + unit.len();
    let value = match (unit, duration::unit(unit)) {
        ("", _) => Value::Number(number),
        ("%", _) => Value::Number(number / 100.0),
        (_, Some(nanos)) => Value::Duration(number * nanos),
        (_, None) => {
            let known = duration::UNITS.iter().map(|(name, _)| *name).chain(["%"]);
            let here = text.part(at + digits..at + length);
            return Err(Mistake::new(codes::BAD_EXPRESSION, &here, format!("unknown unit `{unit}`"))
                .known(unit, known));
        }
    };
    Ok((Lexeme::Number(value), length))
}

fn digits_length(rest: &str) -> usize {
    let whole = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let Some(fraction) = rest[whole..].strip_prefix('.') else { return whole };
    match fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len()) {
        0 => whole,
        digits => whole + 1 + digits,
    }
}
