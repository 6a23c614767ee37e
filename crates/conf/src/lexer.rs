//! Cuts configuration text into words and punctuation, by the rules of nginx (`ngx_conf_read_token`).
//! Knows nothing of directives.

use std::ops::Range;

/// A word as written, with the place where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Quotes removed and escapes resolved.
    pub(crate) text: String,
    /// Byte range in the source, quotes included.
    pub(crate) span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    Word(Word),
    Semicolon(Range<usize>),
    Open(Range<usize>),
    Close(Range<usize>),
}

/// A fault after which cutting goes on, so that one run reports as much as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// All tokens of a text, and the faults found on the way.
pub(crate) fn tokens(text: &str) -> (Vec<Token>, Vec<Fault>) {
    let mut lexer = Lexer { text, at: 0, faults: Vec::new() };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next_token() {
        tokens.push(token);
    }
    (tokens, lexer.faults)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    faults: Vec<Fault>,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Token> {
        self.skip_blank();
        let start = self.at;
        let first = self.peek()?;
        match first {
            ';' => Some(Token::Semicolon(self.single())),
            '{' => Some(Token::Open(self.single())),
            '}' => Some(Token::Close(self.single())),
            '"' | '\'' => Some(Token::Word(self.quoted(start, first))),
            _ => Some(Token::Word(self.bare(start))),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn single(&mut self) -> Range<usize> {
        let start = self.at;
        self.bump();
        start..self.at
    }

    /// White space and comments. `#` starts a comment only where a word could start.
    fn skip_blank(&mut self) {
        while let Some(next) = self.peek() {
            match next {
                _ if is_blank(next) => self.at += next.len_utf8(),
                '#' => self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at),
                _ => return,
            }
        }
    }

    fn bare(&mut self, start: usize) -> Word {
        let mut text = String::new();
        let mut after_dollar = false;
        while let Some(next) = self.peek() {
            // `${name}`: a brace right after a dollar belongs to the word.
            let ends = is_blank(next) || next == ';' || (next == '{' && !after_dollar);
            if ends {
                break;
            }
            after_dollar = next == '$';
            self.take_into(&mut text);
        }
        Word { text, span: start..self.at }
    }

    fn quoted(&mut self, start: usize, quote: char) -> Word {
        let mut text = String::new();
        self.bump();
        while let Some(next) = self.peek() {
            if next == quote {
                self.bump();
                self.expect_end_of_word();
                return Word { text, span: start..self.at };
            }
            self.take_into(&mut text);
        }
        self.fault(
            start..start + 1,
            format!("unexpected end of file: no closing {quote} for this quote"),
            format!("close it with {quote}"),
        );
        Word { text, span: start..self.at }
    }

    /// One character, or one escape: `\"`, `\'`, `\\`, `\t`, `\r`, `\n`. Any other backslash is kept, as nginx does.
    fn take_into(&mut self, text: &mut String) {
        match self.bump() {
            Some('\\') => match self.bump() {
                Some(escaped @ ('"' | '\'' | '\\')) => text.push(escaped),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('n') => text.push('\n'),
                Some(other) => text.extend(['\\', other]),
                None => text.push('\\'),
            },
            Some(other) => text.push(other),
            None => {}
        }
    }

    fn expect_end_of_word(&mut self) {
        let Some(next) = self.peek() else { return };
        if is_blank(next) || next == ';' || next == '{' {
            return;
        }
        let span = self.at..self.at + next.len_utf8();
        self.fault(span, format!("unexpected \"{next}\""), "put a space after the closing quote".to_owned());
    }

    fn fault(&mut self, span: Range<usize>, message: String, help: String) {
        self.faults.push(Fault { span, message, help });
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let (tokens, faults) = tokens(text);
        assert_eq!(faults, [], "{text}");
        let shown: Vec<String> = tokens.iter().map(show).collect();
        assert_eq!(shown.join(" "), expected, "{text}");
    }

    fn show(token: &Token) -> String {
        match token {
            Token::Word(word) => format!("<{}>", word.text),
            Token::Semicolon(_) => ";".to_owned(),
            Token::Open(_) => "{".to_owned(),
            Token::Close(_) => "}".to_owned(),
        }
    }

    #[test]
    fn words_and_punctuation() {
        check("pid run/a.pid;", "<pid> <run/a.pid> ;");
        check("http{server{listen 1;}}", "<http> { <server> { <listen> <1> ; } }");
        check("a b# not a comment", "<a> <b#> <not> <a> <comment>");
        check("a # comment ; {\nb;", "<a> <b> ;");
        check("return 200 \"it's\"", "<return> <200> <it's>");
        check("", "");
    }

    #[test]
    fn quotes_and_escapes() {
        check(r#"a "x \"y\" ; {z}";"#, r#"<a> <x "y" ; {z}> ;"#);
        check(r"a x\ny 'p\tq' \d;", "<a> <x\ny> <p\tq> <\\d> ;");
        check("a ${host}x;", "<a> <${host}x> ;");
        check("a b}c;", "<a> <b}c> ;");
        check("a 'é ü'", "<a> <é ü>");
    }

    #[test]
    fn faults_name_the_place() {
        let (_, faults) = tokens("a 'open");
        assert_eq!(faults[0].span, 2..3);
        let (_, faults) = tokens("a 'x'y;");
        assert_eq!((faults[0].span.clone(), faults[0].message.as_str()), (5..6, "unexpected \"y\""));
    }
}
