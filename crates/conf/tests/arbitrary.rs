//! Whatever the text, reading it ends, and every diagnostic can be shown.

use proptest::prelude::*;

/// Reads and renders; the result does not matter, only that there is one.
fn survive(text: &str, overrides: &str) {
    if let Err(wrong) = conf::parse("a.conf", text, overrides) {
        assert!(!wrong.is_empty());
        for one in wrong {
            let source = if one.file == conf::COMMAND_LINE { overrides } else { text };
            assert!(one.span.start <= one.span.end && one.span.end <= source.len(), "{one:?} in {source:?}");
            assert!(
                source.is_char_boundary(one.span.start) && source.is_char_boundary(one.span.end),
                "{one:?}"
            );
            one.render(source);
        }
    }
}

/// Pieces that a configuration is made of, so that most texts get further than the first word.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "http",
        "server",
        "upstream a",
        "location /",
        "listen",
        "80",
        "{",
        "}",
        ";",
        " ",
        "events",
        "return",
        "200",
        "$pid",
        "${",
        "$",
        "\"",
        "'",
        "\\",
        "#",
        "\n",
        "proxy_pass http://a",
        "add_header X",
        "server 127.0.0.1",
        "weight=",
        "max_fails",
        "=",
        "é",
        "daemon off;",
        "events {}",
        "server_name *.",
        "location = ",
        "1h",
        "~",
    ];
    prop_oneof![proptest::sample::select(words.to_vec()).prop_map(str::to_owned), "\\PC{0,3}"]
}

proptest! {
    // The seed of a failure is printed; a file in the source tree would outlive the run.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>(), overrides in any::<String>()) {
        survive(&text, &overrides);
    }

    #[test]
    fn any_mixture(pieces in proptest::collection::vec(piece(), 0..60)) {
        survive(&pieces.join(" "), "");
        survive(&pieces.concat(), "");
        survive("events {}", &pieces.join(" "));
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_stack_overflow() {
    survive(&"a {".repeat(100_000), "");
    survive(&"{".repeat(100_000), "");
    survive(&"events {".repeat(100_000), "");
}
