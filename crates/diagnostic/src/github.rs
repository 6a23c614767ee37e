//! GitHub's workflow commands `::error` and `::warning`, which show a message beside the line it is about
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).

use crate::{Diagnostic, Severity};

/// GitHub shows so many errors of one step and drops the others.
pub const MOST_ANNOTATIONS: usize = 10;

/// An `::error` about a place in a file; `message` may have several lines.
pub fn annotation(file: &str, (line, column): (u32, u32), title: &str, message: &str) -> String {
    let (file, title) = (property(file), property(title));
    format!("::error file={file},line={line},col={column},title={title}::{}", data(message))
}

impl Diagnostic {
    /// An `::error` or `::warning` about this mistake, in one line.
    pub fn github(&self, source: &str) -> String {
        let parts = [Some(&self.message), Some(&self.label).filter(|it| !it.is_empty()), self.help.as_ref()];
        let message: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let line = annotation(&self.file, self.position(source), self.code, &message.join("\n"));
        match self.severity() {
            Severity::Error => line,
            Severity::Warning => line.replacen("::error", "::warning", 1),
        }
    }
}

/// `%` first: the others bring new ones.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::annotation;
    use crate::tests::{SOURCE, sigg};

    #[test]
    fn a_mistake_is_one_line_whatever_is_in_it() {
        let expected = "::error file=a.toml,line=3,col=1,title=CO0004::unknown key `sigg`%0Anot known here%0A\
                        did you mean `sig`?";
        assert_eq!(sigg().github(SOURCE), expected);
    }

    #[test]
    fn what_would_end_a_property_or_the_line_is_escaped() {
        let line = annotation("a:b,c%.toml", (1, 2), "t\r", "50% of\r\nit: a, b");
        assert_eq!(line, "::error file=a%3Ab%2Cc%25.toml,line=1,col=2,title=t%0D::50%25 of%0D%0Ait: a, b");
    }
}
