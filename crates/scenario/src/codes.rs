//! Every code a scenario's diagnostics carry, in one table. A code never changes its meaning and is never reused.

/// What a code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `CO0004`
    pub code: &'static str,
    /// One sentence.
    pub says: &'static str,
}

const fn code(code: &'static str, says: &'static str) -> Code {
    Code { code, says }
}

pub(crate) const NOT_TOML: Code = code("CO0001", "The text is not TOML.");
pub(crate) const UNKNOWN_KEY: Code = code("CO0002", "The key is not known in this place.");
pub(crate) const MISSING_KEY: Code = code("CO0003", "A key that has no default is missing.");
pub(crate) const WRONG_TYPE: Code = code("CO0004", "The value has another type than this key takes.");
pub(crate) const WRONG_SCHEMA: Code =
    code("CO0005", "The file is written for another version of the language.");
pub(crate) const BAD_DURATION: Code =
    code("CO0006", "A duration is a number with a unit: `50us`, `250ms`, `2s`, `1m`.");
pub(crate) const NOT_ONE_ACTION: Code = code("CO0007", "A step does exactly one thing.");
pub(crate) const UNKNOWN_TARGET: Code = code("CO0008", "The file has no `[target.NAME]` of that name.");
pub(crate) const UNKNOWN_PHASE: Code = code("CO0009", "No step begins a phase of that name.");
pub(crate) const UNKNOWN_POPULATION: Code = code("CO0010", "The file has no `[load.NAME]` of that name.");
pub(crate) const UNKNOWN_ORIGIN: Code = code("CO0011", "The file has no `[origin.NAME]` of that name.");
pub(crate) const BAD_SELECTOR: Code = code(
    "CO0012",
    "A selector is `target[.old|new|current|any][.master|workers|worker[n]|*]`, as far as the place needs it.",
);
pub(crate) const UNKNOWN_SIGNAL: Code = code("CO0013", "Not a signal that a scenario may send.");
pub(crate) const UNKNOWN_WORD: Code = code("CO0014", "The value is not one of the words this key takes.");
pub(crate) const BAD_EXPRESSION: Code =
    code("CO0015", "The expression breaks off or has something where nothing fits.");
pub(crate) const UNKNOWN_FUNCTION: Code = code("CO0016", "Nothing of that name can be asked of a run.");
pub(crate) const WRONG_ARGUMENTS: Code = code("CO0017", "The function takes other arguments.");
pub(crate) const WRONG_KIND: Code =
    code("CO0018", "The two sides are of different kinds, or the whole is not a yes or no.");
pub(crate) const NOT_KNOWN_YET: Code = code(
    "CO0019",
    "The requests are counted after the run; a step can only wait for what is seen of the processes.",
);
pub(crate) const UNKNOWN_PLACEHOLDER: Code =
    code("CO0020", "No matrix key, option or fact of the run fills this `${…}`.");
pub(crate) const NO_TARGET_FOLDER: Code =
    code("CO0021", "The target's folder, or a file it names, cannot be read.");
pub(crate) const UNKNOWN_KIND: Code =
    code("CO0022", "No case of this file runs a target of that kind, so the entry would never apply.");
pub(crate) const BAD_NAME: Code =
    code("CO0023", "A name is lower-case letters, digits and `_`, and stands for one thing only.");
pub(crate) const CONTRADICTION: Code =
    code("CO0024", "Two keys exclude each other, or one has no effect without another.");
pub(crate) const OUT_OF_RANGE: Code = code("CO0025", "The number is too small or too large.");
pub(crate) const UNKNOWN_VERB: Code = code("CO0026", "The target's folder does not say how to do this.");
pub(crate) const UNKNOWN_OPTION: Code =
    code("CO0027", "The target's folder has no such option or configuration.");
pub(crate) const SHOWN_BY_NOTHING: Code =
    code("CO0028", "Nothing in a run can show this class yet, so its count would be 0 whatever happened.");

/// All codes, in order.
pub const CODES: &[Code] = &[
    NOT_TOML,
    UNKNOWN_KEY,
    MISSING_KEY,
    WRONG_TYPE,
    WRONG_SCHEMA,
    BAD_DURATION,
    NOT_ONE_ACTION,
    UNKNOWN_TARGET,
    UNKNOWN_PHASE,
    UNKNOWN_POPULATION,
    UNKNOWN_ORIGIN,
    BAD_SELECTOR,
    UNKNOWN_SIGNAL,
    UNKNOWN_WORD,
    BAD_EXPRESSION,
    UNKNOWN_FUNCTION,
    WRONG_ARGUMENTS,
    WRONG_KIND,
    NOT_KNOWN_YET,
    UNKNOWN_PLACEHOLDER,
    NO_TARGET_FOLDER,
    UNKNOWN_KIND,
    BAD_NAME,
    CONTRADICTION,
    OUT_OF_RANGE,
    UNKNOWN_VERB,
    UNKNOWN_OPTION,
    SHOWN_BY_NOTHING,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_without_gaps() {
        for (index, code) in CODES.iter().enumerate() {
            assert_eq!(code.code, format!("CO{:04}", index + 1));
        }
    }
}
