//! Every code a scenario's diagnostics carry, in one table. A code never changes its meaning and is never reused.
//! The example of each is the file that a test shows to be refused with it.

use diagnostic::Code;

macro_rules! codes {
    ($($name:ident = $code:literal: $says:literal,)*) => {
        $(pub(crate) const $name: Code = Code {
            code: $code,
            says: $says,
            example: include_str!(concat!("../tests/mistakes/", $code, ".toml")),
        };)*

        /// All codes, in order.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    NOT_TOML = "CO0001": "The text is not TOML.",
    UNKNOWN_KEY = "CO0002": "The key is not known in this place.",
    MISSING_KEY = "CO0003": "A key that has no default is missing.",
    WRONG_TYPE = "CO0004": "The value has another type than this key takes.",
    WRONG_SCHEMA = "CO0005": "The file is written for another version of the language.",
    BAD_DURATION = "CO0006": "A duration is a number with a unit: `50us`, `250ms`, `2s`, `1m`.",
    NOT_ONE_ACTION = "CO0007": "A step does exactly one thing.",
    UNKNOWN_TARGET = "CO0008": "The file has no `[target.NAME]` of that name.",
    UNKNOWN_PHASE = "CO0009": "No step begins a phase of that name.",
    UNKNOWN_POPULATION = "CO0010": "The file has no `[load.NAME]` of that name.",
    UNKNOWN_ORIGIN = "CO0011": "The file has no `[origin.NAME]` of that name.",
    BAD_SELECTOR = "CO0012": "A selector is `target[.old|new|current|any][.master|workers|worker[n]|*]`, as far as the place needs it.",
    UNKNOWN_SIGNAL = "CO0013": "Not a signal that a scenario may send.",
    UNKNOWN_WORD = "CO0014": "The value is not one of the words this key takes.",
    BAD_EXPRESSION = "CO0015": "The expression breaks off or has something where nothing fits.",
    UNKNOWN_FUNCTION = "CO0016": "Nothing of that name can be asked of a run.",
    WRONG_ARGUMENTS = "CO0017": "The function takes other arguments.",
    WRONG_KIND = "CO0018": "The two sides are of different kinds, or the whole is not a yes or no.",
    NOT_KNOWN_YET = "CO0019": "The requests are counted after the run; a step can only wait for what is seen of the processes.",
    UNKNOWN_PLACEHOLDER = "CO0020": "No matrix key, option or fact of the run fills this `${…}`.",
    NO_TARGET_FOLDER = "CO0021": "The target's folder, or a file it names, cannot be read.",
    UNKNOWN_KIND = "CO0022": "No case of this file runs a target of that kind, so the entry would never apply.",
    BAD_NAME = "CO0023": "A name is lower-case letters, digits and `_`, and stands for one thing only.",
    CONTRADICTION = "CO0024": "Two keys exclude each other, or one has no effect without another.",
    OUT_OF_RANGE = "CO0025": "The number is too small or too large.",
    UNKNOWN_VERB = "CO0026": "The target's folder does not say how to do this.",
    UNKNOWN_OPTION = "CO0027": "The target's folder has no such option or configuration.",
    BAD_INCLUDE = "CO0028": "The included file cannot be read, or includes the one that includes it.",
    UNKNOWN_FAILPOINT = "CO0029": "The target has no such failpoint; only a server that is written for it has any.",
    MIXED_INSTANTS = "CO0030": "A line of `reached` asks either about processes, at any instant, or about requests, after the run.",
    BAD_EVENT = "CO0031": "Nothing of that kind is reported to a reaction.",
    NOT_A_REACTION = "CO0032": "A reaction does one thing at once; it does not wait, and does not rewrite a configuration that steps may rewrite too.",
    UNKNOWN_STEP = "CO0033": "No step has that `id`.",
    BAD_REQUIREMENT = "CO0034": "A requirement is `root`, `netns`, `mount`, or a program with or without a version: `nginx>=1.22`.",
    // CO0035 was for classes of attempts that nothing could show; there are none any more.
    DECIDED = "CO0036": "Whatever happens in the run, the answer is the same: a line that cannot be both true and false proves nothing.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_without_gaps_but_for_those_that_are_gone() {
        let gone = [35];
        let numbers = (1..).filter(|number| !gone.contains(number));
        for (code, number) in CODES.iter().zip(numbers) {
            assert_eq!(code.code, format!("CO{number:04}"));
        }
    }
}
