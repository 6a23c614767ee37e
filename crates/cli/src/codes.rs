//! The codes of mistakes in what this program itself reads: filter expressions and `changeover.toml`; a file that cannot be read.

use diagnostic::Code;

const fn code(code: &'static str, says: &'static str, example: &'static str) -> Code {
    Code { code, says, example }
}

pub(crate) const BAD_FILTER: Code = code(
    "CF0001",
    "A filter is made of tag(X), target(X), name(X), test(X), all(), none(), `&`, `|`, `!` and parentheses; X begins \
     with `~` for a part of the word and with `=` for all of it.",
    "tag(crash) & targt(nginx)",
);
pub(crate) const BAD_PROFILES: Code = code(
    "CF0002",
    "changeover.toml has `[profile.NAME]` tables with the keys filter, repeat and deny_skips.",
    "[profile.ci]\nretries = 2\n",
);
pub(crate) const UNKNOWN_PROFILE: Code =
    code("CF0003", "changeover.toml has no `[profile.NAME]` of that name.", "verify --profile nigthly");

pub(crate) const UNREADABLE: Code = code(
    "CF0004",
    "The file cannot be read: it is a folder, nobody gave the right to, or it is not text in UTF-8.",
    "scenario check some-folder",
);

/// All codes, in order.
pub(crate) const CODES: &[Code] = &[BAD_FILTER, BAD_PROFILES, UNKNOWN_PROFILE, UNREADABLE];

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_numbered_without_gaps() {
        for (index, code) in super::CODES.iter().enumerate() {
            assert_eq!(code.code, format!("CF{:04}", index + 1));
        }
    }
}
