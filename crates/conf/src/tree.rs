//! Directives and blocks, before anyone asks what they mean.

use std::ops::Range;
use std::vec::IntoIter;

use crate::codes;
use crate::lexer::{Token, Word};
use crate::problems::Problems;

/// `name argument… ;` or `name argument… { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directive {
    pub(crate) name: Word,
    pub(crate) arguments: Vec<Word>,
    pub(crate) block: Option<Vec<Directive>>,
}

impl Directive {
    /// From the first byte of the name to the last byte of the last argument.
    pub(crate) fn span(&self) -> Range<usize> {
        let last = self.arguments.last().unwrap_or(&self.name);
        self.name.span.start..last.span.end.max(self.name.span.end)
    }

    /// The text of an argument; empty when there is none.
    pub(crate) fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", |word| word.text.as_str())
    }
}

/// Deeper nesting has no meaning in any context we know; the limit keeps hostile text from exhausting the stack.
const DEPTH_MAX: usize = 32;

/// Reads a whole text.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Vec<Directive> {
    let (tokens, faults) = crate::lexer::tokens(text);
    for fault in faults {
        problems.add(codes::SYNTAX, fault.span, fault.message, "here", Some(fault.help));
    }
    let mut reader = Reader { tokens: tokens.into_iter(), problems };
    reader.block(None, 0)
}

struct Reader<'a> {
    tokens: IntoIter<Token>,
    problems: &'a mut Problems,
}

/// What stopped a run of words.
enum Stop {
    Semicolon(Range<usize>),
    Open(Range<usize>),
    Close(Range<usize>),
    End,
}

impl Reader<'_> {
    /// Directives up to the closing brace of the block that `opened` at this place, or to the end of the text.
    fn block(&mut self, opened: Option<Range<usize>>, depth: usize) -> Vec<Directive> {
        let mut directives = Vec::new();
        loop {
            let (words, stop) = self.words();
            match (split(words), stop) {
                (Some((name, arguments)), Stop::Semicolon(_)) => {
                    directives.push(Directive { name, arguments, block: None });
                }
                (Some((name, arguments)), Stop::Open(brace)) => {
                    if depth == DEPTH_MAX {
                        self.syntax(brace, "blocks are nested too deep", "close some of them first");
                        self.tokens = Vec::new().into_iter();
                        return directives;
                    }
                    let block = self.block(Some(brace), depth + 1);
                    directives.push(Directive { name, arguments, block: Some(block) });
                }
                (None, Stop::Semicolon(at)) => {
                    self.syntax(at, "unexpected \";\"", "remove it, or write the directive before it");
                }
                (None, Stop::Open(at)) => {
                    self.syntax(at.clone(), "unexpected \"{\"", "write the name of the block before it");
                    self.skip_block(at, depth);
                }
                (words, stop @ (Stop::Close(_) | Stop::End)) => {
                    if let Some((name, arguments)) = words {
                        self.unterminated(&name, &arguments, &stop);
                        directives.push(Directive { name, arguments, block: None });
                    }
                    match (stop, &opened) {
                        (Stop::Close(at), None) => self.syntax(
                            at,
                            "unexpected \"}\"",
                            "no block is open here: remove it, or look for a block closed too early above",
                        ),
                        (Stop::End, Some(brace)) => {
                            self.end_of_file(brace.clone());
                            return directives;
                        }
                        _ => return directives,
                    }
                }
            }
        }
    }

    /// The inside of a block without a name is read for its own faults, and then forgotten.
    fn skip_block(&mut self, brace: Range<usize>, depth: usize) {
        if depth == DEPTH_MAX {
            self.tokens = Vec::new().into_iter();
        } else {
            self.block(Some(brace), depth + 1);
        }
    }

    fn words(&mut self) -> (Vec<Word>, Stop) {
        let mut words = Vec::new();
        loop {
            match self.tokens.next() {
                Some(Token::Word(word)) => words.push(word),
                Some(Token::Semicolon(at)) => return (words, Stop::Semicolon(at)),
                Some(Token::Open(at)) => return (words, Stop::Open(at)),
                Some(Token::Close(at)) => return (words, Stop::Close(at)),
                None => return (words, Stop::End),
            }
        }
    }

    fn unterminated(&mut self, name: &Word, arguments: &[Word], stop: &Stop) {
        let end = arguments.last().unwrap_or(name).span.end;
        let message = match stop {
            Stop::Close(_) => {
                format!("unexpected \"}}\": directive \"{}\" is not terminated by \";\"", name.text)
            }
            _ => format!("unexpected end of file: directive \"{}\" is not terminated by \";\"", name.text),
        };
        self.problems.add(codes::SYNTAX, name.span.start..end, message, "put \";\" after this", None);
    }

    fn end_of_file(&mut self, brace: Range<usize>) {
        let message = "unexpected end of file, expecting \"}\"".to_owned();
        let help = "close it with \"}\"".to_owned();
        self.problems.add(codes::SYNTAX, brace, message, "this block is never closed", Some(help));
    }

    fn syntax(&mut self, span: Range<usize>, message: &str, help: &str) {
        self.problems.add(codes::SYNTAX, span, message.to_owned(), "here", Some(help.to_owned()));
    }
}

fn split(words: Vec<Word>) -> Option<(Word, Vec<Word>)> {
    let mut words = words.into_iter();
    let name = words.next()?;
    Some((name, words.collect()))
}
