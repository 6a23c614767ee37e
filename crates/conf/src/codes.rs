//! Every code that a configuration's diagnostics carry, in one table. A code never changes its meaning and is never
//! used again for another one.

use diagnostic::Code;

const fn code(code: &'static str, says: &'static str, example: &'static str) -> Code {
    Code { code, says, example }
}

pub(crate) const SYNTAX: Code = code(
    "CD0001",
    "A directive ends with `;`, a block stands in `{ }`, and a quoted word ends with its quote.",
    "events { }\nworker_processes 2\n",
);
pub(crate) const UNKNOWN_DIRECTIVE: Code = code(
    "CD0002",
    "The directive is not in the subset of nginx's that this server knows; none is ignored.",
    "worker_procesess 2;\nevents { }\n",
);
pub(crate) const NOT_ALLOWED_HERE: Code =
    code("CD0003", "The directive belongs into another block.", "listen 8080;\nevents { }\n");
pub(crate) const ARGUMENTS: Code =
    code("CD0004", "The directive has too many or too few arguments.", "pid;\nevents { }\n");
pub(crate) const DUPLICATE: Code = code(
    "CD0005",
    "It may be said once only, and was said before (in the same block, or with `-g`).",
    "pid a;\npid b;\nevents { }\n",
);
pub(crate) const MISSING: Code =
    code("CD0006", "Something that has no default is not there.", "events { }\nhttp { server { } }\n");
pub(crate) const INVALID_VALUE: Code = code(
    "CD0007",
    "The value does not mean anything here, or would hurt and is refused although nginx takes it.",
    "worker_shutdown_timeout 5x;\nevents { }\n",
);
pub(crate) const UNRESOLVED_HOST: Code = code(
    "CD0008",
    "Names are not resolved: write an IP address, or the name of an `upstream`.",
    "events { }\nhttp { upstream a { server localhost:8081; } }\n",
);
pub(crate) const UNKNOWN_VARIABLE: Code = code(
    "CD0009",
    "There is no `$variable` of that name.",
    "events { }\nhttp { server { listen 8080; location / { return 200 \"$pidd\"; } } }\n",
);

/// All codes, in order.
pub const CODES: &[Code] = &[
    SYNTAX,
    UNKNOWN_DIRECTIVE,
    NOT_ALLOWED_HERE,
    ARGUMENTS,
    DUPLICATE,
    MISSING,
    INVALID_VALUE,
    UNRESOLVED_HOST,
    UNKNOWN_VARIABLE,
];

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_numbered_without_gaps_and_each_example_shows_its_own() {
        for (index, code) in CODES.iter().enumerate() {
            assert_eq!(code.code, format!("CD{:04}", index + 1));
            let wrong = crate::parse("example.conf", code.example, "").err().unwrap_or_default();
            let shown: Vec<&str> = wrong.iter().map(|one| one.code).collect();
            assert_eq!(shown, [code.code], "{}", code.example);
        }
    }
}
