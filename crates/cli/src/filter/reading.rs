//! Reads filter expressions. By recursive descent: `or` binds weakest, then `and`, then `not`.

use std::ops::Range;

use diagnostic::Diagnostic;
use toml::Spanned;

use crate::codes;

use super::{Field, Filter, Match};

/// Deeper nesting has no use; the limit keeps a hostile text from exhausting the stack.
const DEPTH_MAX: usize = 64;

/// What does not fit in a filter expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where, in bytes.
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Wrong {
    /// As a diagnostic about a file in which the expression begins at this byte.
    pub(crate) fn diagnostic(self, file: &str, begin: usize) -> Diagnostic {
        Diagnostic {
            code: codes::BAD_FILTER.code,
            file: file.to_owned(),
            span: self.span.start + begin..self.span.end + begin,
            message: self.message,
            label: String::new(),
            help: Some(self.help),
        }
    }

    /// As a diagnostic about a TOML file in which the expression is a string.
    pub(crate) fn within(self, file: &str, text: &str, written: &Spanned<String>) -> Diagnostic {
        let span = written.span();
        // Behind the quote, unless escapes or a longer quote moved the words about.
        match text.get(span.start + 1..).is_some_and(|rest| rest.starts_with(written.get_ref().as_str())) {
            true => self.diagnostic(file, span.start + 1),
            false => Diagnostic { span, ..self.diagnostic(file, 0) },
        }
    }
}

/// What can be asked of a case.
const PREDICATES: [&str; 6] = ["tag", "target", "name", "test", "all", "none"];

fn how(name: &str) -> String {
    if matches!(name, "all" | "none") { format!("write {name}()") } else { format!("write {name}(…)") }
}

pub(super) fn parse(text: &str) -> Result<Filter, Wrong> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let filter = reader.or()?;
    match reader.rest().is_empty() {
        true => Ok(filter),
        false => Err(reader.wrong("expected `&`, `|` or the end", "write `&` or `|` between two conditions")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn or(&mut self) -> Result<Filter, Wrong> {
        let mut left = self.and()?;
        while self.takes(&["|", "or "]) {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, Wrong> {
        let mut left = self.not()?;
        while self.takes(&["&", "and "]) {
            left = Filter::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Filter, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("nested too deeply", "say it with fewer parentheses"));
        }
        let read = if self.takes(&["!", "not "]) {
            Filter::Not(Box::new(self.not()?))
        } else if self.takes(&["("]) {
            let inner = self.or()?;
            self.closes()?;
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(read)
    }

    fn predicate(&mut self) -> Result<Filter, Wrong> {
        let rest = self.rest();
        let name = &rest[..rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len())];
        if name.is_empty() {
            return Err(
                self.wrong("expected a condition", "such as tag(crash), target(nginx) or name(upgrade/)")
            );
        }
        if !PREDICATES.contains(&name) {
            let help = match diagnostic::closest(name, PREDICATES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", PREDICATES.join(", ")),
            };
            return Err(self.wrong_here(name.len(), &format!("unknown condition `{name}`"), &help));
        }
        self.at += name.len();
        if !self.takes(&["("]) {
            return Err(self.wrong(&format!("expected `(` after `{name}`"), &how(name)));
        }
        let word = self.word()?;
        let filter = self.meant(name, word)?;
        self.closes()?;
        Ok(filter)
    }

    fn meant(&self, name: &str, word: &str) -> Result<Filter, Wrong> {
        let field = match name {
            "all" | "none" if !word.is_empty() => {
                let message = format!("`{name}` takes nothing");
                return Err(self.wrong_before(word, &message, &format!("write {name}()")));
            }
            "all" => return Ok(Filter::All),
            "none" => return Ok(Filter::None),
            "tag" => Field::Tag,
            "target" => Field::Target,
            _ => Field::Name,
        };
        let how = match (word.chars().next(), field) {
            (Some('='), _) => Match::Whole(word[1..].trim().to_owned()),
            (Some('~'), _) => Match::Part(word[1..].trim().to_owned()),
            (_, Field::Name) => Match::Part(word.to_owned()),
            _ => Match::Whole(word.to_owned()),
        };
        match &how {
            // An empty part is in everything: surely a slip.
            Match::Whole(text) | Match::Part(text) if text.is_empty() => {
                Err(self.wrong_before(word, &format!("`{name}` of what?"), &format!("write {name}(WORD)")))
            }
            _ => Ok(Filter::Word(field, how)),
        }
    }

    /// Everything up to the closing parenthesis.
    fn word(&mut self) -> Result<&'a str, Wrong> {
        let rest = self.rest();
        let Some(end) = rest.find([')', '(', '&', '|']) else {
            self.at = self.text.len();
            return Err(self.wrong("this parenthesis is never closed", "write `)`"));
        };
        self.at += end;
        Ok(rest[..end].trim())
    }

    fn closes(&mut self) -> Result<(), Wrong> {
        match self.takes(&[")"]) {
            true => Ok(()),
            false => Err(self.wrong("expected `)`", "close the parenthesis")),
        }
    }

    /// Goes on after the first of these that stands here, if one does.
    fn takes(&mut self, signs: &[&str]) -> bool {
        let rest = self.rest();
        let found = signs.iter().find(|sign| rest.starts_with(**sign));
        self.at += found.map_or(0, |sign| sign.len());
        found.is_some()
    }

    /// What is still to be read, from its next word on.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    fn wrong(&self, message: &str, help: &str) -> Wrong {
        let next = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        self.wrong_here(next, message, help)
    }

    fn wrong_here(&self, length: usize, message: &str, help: &str) -> Wrong {
        Wrong { span: self.at..self.at + length, message: message.to_owned(), help: help.to_owned() }
    }

    /// About a word that was read just now.
    fn wrong_before(&self, word: &str, message: &str, help: &str) -> Wrong {
        Wrong { span: self.at - word.len()..self.at, message: message.to_owned(), help: help.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn check(text: &str, at: usize, message: &str) {
        let wrong = parse(text).expect_err(text);
        assert_eq!((wrong.span.start, wrong.message.as_str()), (at, message), "{text}");
        assert!(wrong.span.end <= text.len() && text.is_char_boundary(wrong.span.start), "{wrong:?}");
    }

    #[test]
    fn what_does_not_fit_is_shown_where_it_stands() {
        check("", 0, "expected a condition");
        check("tag(crash) &", 12, "expected a condition");
        check("tag(crash) targt(nginx)", 11, "expected `&`, `|` or the end");
        check("tag(crash) & targt(nginx)", 13, "unknown condition `targt`");
        check("tag", 3, "expected `(` after `tag`");
        check("tag()", 4, "`tag` of what?");
        check("name(~)", 5, "`name` of what?");
        check("all(x)", 4, "`all` takes nothing");
        check("tag(crash", 9, "this parenthesis is never closed");
        check("(tag(crash)", 11, "expected `)`");
        check("tag(a(b))", 5, "expected `)`");
        check("é", 0, "expected a condition");
        check(&"(".repeat(10_000), 64, "nested too deeply");
    }
}
