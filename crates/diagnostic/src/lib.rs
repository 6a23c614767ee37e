//! One diagnostic: what is wrong, where in a text file, and what to write instead. Every rendering (rustc-like
//! block, one line, JSON, GitHub's `::error`) is of this one value. Knows nothing of the language it talks about and reads no file: the
//! source is an argument.

mod closest;
mod code;
mod github;
mod json;

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

pub use closest::closest;
pub use code::Code;
pub use github::{MOST_ANNOTATIONS, annotation};

/// Width of a rendered block. Fixed, so that the same mistake always reads the same.
const COLUMNS: usize = 120;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The text is refused.
    Error,
    /// It is accepted, and probably not what its author meant.
    Warning,
}

impl Severity {
    /// Its name, as GitHub and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One mistake in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, such as `CO0004`; what a user searches for.
    pub code: &'static str,
    /// The file, as the user named it.
    pub file: String,
    /// Where in the source, in bytes.
    pub span: Range<usize>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to say beside the caret; may be empty.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Codes of warnings begin with `CW`, and no others do.
    pub fn severity(&self) -> Severity {
        if self.code.starts_with("CW") { Severity::Warning } else { Severity::Error }
    }

    /// Line and column of the span's start in `source`, from 1; the column counts characters.
    pub fn position(&self, source: &str) -> (u32, u32) {
        position(source, self.span.start)
    }

    /// A block as rustc prints it, without colour: message, place, source line with a caret, help.
    pub fn render(&self, source: &str) -> String {
        self.rendered(source, Renderer::plain())
    }

    /// [`Diagnostic::render`] with terminal colours.
    pub fn render_coloured(&self, source: &str) -> String {
        self.rendered(source, Renderer::styled())
    }

    fn rendered(&self, source: &str, renderer: Renderer) -> String {
        let mut annotation = AnnotationKind::Primary.span(self.span_within(source));
        if !self.label.is_empty() {
            annotation = annotation.label(&self.label);
        }
        let snippet = Snippet::source(source).path(&self.file).annotation(annotation);
        let level = match self.severity() {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(&self.message).id(self.code).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.term_width(COLUMNS).render(&[group])
    }

    /// `file:line:column: error[CODE]: message (help)`, for logs and editors.
    pub fn one_line(&self, source: &str) -> String {
        let (line, column) = self.position(source);
        let help = self.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let severity = self.severity().name();
        format!("{}:{line}:{column}: {severity}[{}]: {}{help}", self.file, self.code, self.message)
    }

    /// The span, cut to what `source` has: a diagnostic shown with a file that changed meanwhile must not panic.
    fn span_within(&self, source: &str) -> Range<usize> {
        let start = boundary(source, self.span.start);
        start..boundary(source, self.span.end).max(start)
    }
}

/// Line and column of a byte offset in `source`, from 1; the column counts characters.
pub fn position(source: &str, offset: usize) -> (u32, u32) {
    let before = &source[..boundary(source, offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    (line as u32, column as u32)
}

/// The last character boundary of `source` that is not after `offset`.
fn boundary(source: &str, offset: usize) -> usize {
    let within = offset.min(source.len());
    (0..=within).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SOURCE: &str = "name = \"é\"\n[step]\nsigg = \"USR2\"\n";

    fn diagnostic(span: Range<usize>) -> Diagnostic {
        Diagnostic {
            code: "CO0004",
            file: "a.toml".into(),
            span,
            message: "unknown key `sigg`".into(),
            label: "not known here".into(),
            help: Some("did you mean `sig`?".into()),
        }
    }

    /// The mistake of the third line.
    pub(crate) fn sigg() -> Diagnostic {
        let start = SOURCE.find("sigg").unwrap();
        diagnostic(start..start + 4)
    }

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        assert_eq!(position(SOURCE, 0), (1, 1));
        assert_eq!(position(SOURCE, SOURCE.find("\"\n").unwrap()), (1, 10), "é is one character");
        assert_eq!(position(SOURCE, SOURCE.find("sigg").unwrap()), (3, 1));
        assert_eq!(position(SOURCE, 1000), (4, 1), "the end");
    }

    #[test]
    fn a_block_points_at_the_word() {
        let expected = "\
error[CO0004]: unknown key `sigg`
 --> a.toml:3:1
  |
3 | sigg = \"USR2\"
  | ^^^^ not known here
  |
  = help: did you mean `sig`?";
        assert_eq!(sigg().render(SOURCE), expected);
    }

    #[test]
    fn colours_are_an_addition() {
        let coloured = sigg().render_coloured(SOURCE);
        assert!(coloured.starts_with("\u{1b}["), "{coloured}");
        let mut text = String::new();
        for part in coloured.split('\u{1b}') {
            text.push_str(
                part.split_once('m').filter(|(code, _)| code.starts_with('[')).map_or(part, |(_, rest)| rest),
            );
        }
        assert_eq!(text, sigg().render(SOURCE));
    }

    #[test]
    fn a_warning_is_told_as_one() {
        let warning = Diagnostic { code: "CW0001", ..sigg() };
        assert!(warning.render(SOURCE).starts_with("warning[CW0001]: unknown key `sigg`"));
        assert!(warning.one_line(SOURCE).starts_with("a.toml:3:1: warning[CW0001]: "));
        assert!(warning.json(SOURCE).contains("\"severity\":\"warning\""));
        assert!(warning.github(SOURCE).starts_with("::warning file=a.toml,"));
    }

    #[test]
    fn one_line_is_what_an_editor_can_jump_to() {
        let expected = "a.toml:3:1: error[CO0004]: unknown key `sigg` (did you mean `sig`?)";
        assert_eq!(sigg().one_line(SOURCE), expected);
    }

    #[test]
    fn a_span_outside_the_source_or_inside_a_character_still_renders() {
        for span in [0..1000, 9..9, 500..600, 0..0] {
            assert!(diagnostic(span.clone()).render(SOURCE).contains("a.toml"), "{span:?}");
            assert!(diagnostic(span.clone()).render("").contains("CO0004"), "{span:?} of nothing");
        }
    }
}
