//! A string value of a TOML file that remembers where in the file each of its bytes stands, through escapes and
//! through `${…}` filled from the matrix: so a caret can point at a word inside a string.

use std::{ops::Range, rc::Rc};

use crate::{
    codes,
    mistake::{At, Mistake, Source},
    spanned::Spanned,
};

/// A string value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    value: String,
    /// For each byte of `value`, the bytes of the file it comes from.
    origin: Vec<Range<usize>>,
    /// The whole value in the file, quotes included.
    at: At,
}

impl Text {
    pub(crate) fn new(source: &Rc<Source>, value: &Spanned<String>) -> Text {
        let at = At::new(source, value.span());
        let (decoded, origin) = decode(at.text(), at.span.start);
        let value = value.get_ref().clone();
        // What cannot be traced byte by byte is the whole string's fault.
        let origin = if decoded == value { origin } else { vec![at.span.clone(); value.len()] };
        Text { value, origin, at }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.value
    }

    /// The whole value.
    pub(crate) fn at(&self) -> &At {
        &self.at
    }

    /// The place of some bytes of the value; of none: where they would be inserted.
    pub(crate) fn part(&self, range: Range<usize>) -> At {
        let end = self.origin.last().map_or(self.at.span.end, |last| last.end);
        let start = self.origin.get(range.start).map_or(end, |first| first.start);
        let stop = range.end.checked_sub(1).and_then(|last| self.origin.get(last));
        let stop = if range.is_empty() { start } else { stop.map_or(end, |last| last.end) };
        At::new(&self.at.source, start..stop.max(start))
    }

    /// Fills every `${name}` from `values`, but for the names in `later`, which the run fills.
    pub(crate) fn fill(&self, values: &[(String, String)], later: &[&str]) -> Result<Text, Mistake> {
        let mut filled = Text { value: String::new(), origin: Vec::new(), at: self.at.clone() };
        let mut rest = 0;
        for (name, range) in placeholders(&self.value) {
            let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
                if later.contains(&name) {
                    continue;
                }
                let known = values.iter().map(|(known, _)| known.as_str()).chain(later.iter().copied());
                return Err(unknown(name, &self.part(range), known));
            };
            filled.copy(self, rest..range.start);
            let from = self.part(range.clone()).span;
            filled.value.push_str(value);
            filled.origin.extend(vec![from; value.len()]);
            rest = range.end;
        }
        if let Some(open) = unclosed(&self.value) {
            let here = self.part(open..self.value.len());
            return Err(Mistake::new(codes::UNKNOWN_PLACEHOLDER, &here, "this `${` is never closed")
                .help("write `}` behind the name; a `${` that stands for itself is `$${`"));
        }
        filled.copy(self, rest..self.value.len());
        Ok(filled)
    }

    fn copy(&mut self, from: &Text, range: Range<usize>) {
        self.value.push_str(&from.value[range.clone()]);
        self.origin.extend_from_slice(&from.origin[range]);
    }
}

/// The mistake of a `${name}` that nothing fills.
pub(crate) fn unknown<'a>(name: &str, at: &At, known: impl IntoIterator<Item = &'a str>) -> Mistake {
    Mistake::new(codes::UNKNOWN_PLACEHOLDER, at, format!("nothing fills `${{{name}}}`")).known(name, known)
}

/// Every `${name}` in a text: its name and its bytes. `$${` is a literal `${`, as in the harness's templates.
pub(crate) fn placeholders(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        if text[..start].ends_with('$') {
            from = start + 2;
            continue;
        }
        let Some(end) = text[start..].find('}').map(|at| start + at) else { break };
        found.push((&text[start + 2..end], start..end + 1));
        from = end + 1;
    }
    found
}

/// Where a `${` begins that no `}` follows.
fn unclosed(text: &str) -> Option<usize> {
    let last = text.rfind("${")?;
    (!text[..last].ends_with('$') && !text[last..].contains('}')).then_some(last)
}

/// The value of a raw TOML string token that starts at byte `base` of the file, and the origin of each of its bytes.
fn decode(raw: &str, base: usize) -> (String, Vec<Range<usize>>) {
    let quote = if raw.starts_with('\'') { "'" } else { "\"" };
    let multiline = raw.len() >= 6 && raw.starts_with(&quote.repeat(3));
    let fence = if multiline { 3 } else { 1 };
    let (mut value, mut origin) = (String::new(), Vec::new());
    let mut at = fence;
    if multiline {
        // A newline right after the opening quotes is not part of the value.
        at += raw[at..].starts_with('\n') as usize + 2 * (raw[at..].starts_with("\r\n") as usize);
    }
    let end = raw.len().saturating_sub(fence);
    while at < end {
        let (decoded, length) = next_char(&raw[at..end], quote == "\"");
        if let Some(decoded) = decoded {
            value.push(decoded);
            origin.extend(vec![base + at..base + at + length; decoded.len_utf8()]);
        }
        at += length;
    }
    (value, origin)
}

/// The next character of a string token (`None` for a continued line) and the bytes it takes there.
fn next_char(raw: &str, escapes: bool) -> (Option<char>, usize) {
    let first = raw.chars().next().unwrap_or('\0');
    if !escapes || first != '\\' {
        return (Some(first), first.len_utf8());
    }
    let hex = |digits: usize| {
        let code = raw.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (code.and_then(char::from_u32), 2 + digits)
    };
    match raw[1..].chars().next() {
        Some('b') => (Some('\u{8}'), 2),
        Some('t') => (Some('\t'), 2),
        Some('n') => (Some('\n'), 2),
        Some('f') => (Some('\u{c}'), 2),
        Some('r') => (Some('\r'), 2),
        Some('e') => (Some('\u{1b}'), 2),
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        Some(c @ ('"' | '\\')) => (Some(c), 2),
        _ => (None, raw[1..].find(|c: char| !c.is_whitespace()).map_or(raw.len(), |rest| rest + 1)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(source: &str) -> Text {
        let values: BTreeMap<String, Spanned<String>> = toml::from_str(source).expect("test input is TOML");
        let source = Rc::new(Source::new("t.toml", source));
        Text::new(&source, &values["k"])
    }

    /// The stretch of the file behind `word` in the value.
    fn behind<'a>(source: &'a str, text: &Text, word: &str) -> &'a str {
        let start = text.as_str().find(word).expect("word is in the value");
        &source[text.part(start..start + word.len()).span]
    }

    #[test]
    fn words_are_found_in_every_kind_of_string() {
        for source in [
            "k = \"a \\\"\\u00e9\\\" lost == 0\"",
            "k = 'a lost == 0'",
            "k = \"\"\"\na \\\n   lost == 0\"\"\"",
            "k = '''\na lost'''",
        ] {
            assert_eq!(behind(source, &text(source), "lost"), "lost", "{source}");
        }
        let escaped = "k = \"a\\tb\"";
        assert_eq!(behind(escaped, &text(escaped), "\t"), "\\t");
    }

    #[test]
    fn what_was_filled_in_points_at_its_placeholder() {
        let source = "k = 'on ${target} lost'";
        let filled = text(source).fill(&[("target".into(), "nginx".into())], &[]).expect("known");
        assert_eq!(filled.as_str(), "on nginx lost");
        assert_eq!(behind(source, &filled, "nginx"), "${target}");
        assert_eq!(behind(source, &filled, "lost"), "lost");
    }

    #[test]
    fn an_unknown_placeholder_is_a_mistake() {
        let later = text("k = '${target} ${run}'").fill(&[("target".into(), "nginx".into())], &["run"]);
        assert_eq!(later.expect("both known").as_str(), "nginx ${run}");
        assert!(text("k = '${tarket}'").fill(&[("target".into(), "nginx".into())], &[]).is_err());
    }
}
