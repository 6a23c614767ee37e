//! Colours, where somebody looks at them.

/// Whether a rendering carries terminal colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text only.
    Plain,
    /// ANSI colours.
    Coloured,
}

impl Paint {
    /// Colours only on a terminal, and never when `NO_COLOR` is set to anything (<https://no-color.org>).
    pub fn choose(is_terminal: bool, no_color: Option<&str>) -> Paint {
        match (is_terminal, no_color) {
            (true, None | Some("")) => Paint::Coloured,
            _ => Paint::Plain,
        }
    }

    /// Bold green.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("1;32", text)
    }

    /// Bold red.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Bold yellow.
    pub(crate) fn doubtful(self, text: &str) -> String {
        self.wrap("1;33", text)
    }

    /// Dim.
    pub(crate) fn aside(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Paint;

    #[test]
    fn colours_only_on_a_terminal_and_not_against_no_color() {
        assert_eq!(Paint::choose(true, None), Paint::Coloured);
        assert_eq!(Paint::choose(true, Some("1")), Paint::Plain);
        assert_eq!(Paint::choose(false, None), Paint::Plain);
        assert_eq!(Paint::Plain.good("PASS"), "PASS");
        assert_eq!(Paint::Coloured.good("PASS"), "\x1b[1;32mPASS\x1b[0m");
    }
}
