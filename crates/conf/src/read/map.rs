//! `map`: a variable and what it is for each text.

use super::split_clients::name;
use super::{argument_span, inside};
use crate::codes;
use crate::http::Map;
use crate::problems::{Problems, Wrong};
use crate::template::Variable;
use crate::tree::Directive;

pub(super) fn map(block: &Directive, maps: &mut Vec<Map>, problems: &mut Problems) {
    // Before its own name is known: a variable cannot depend on itself.
    let source = problems.template(&argument_span(block, 0), block.argument(0));
    let name = problems.note(&argument_span(block, 1), name(block.argument(1)));
    let mut map = Map { source: source.unwrap_or_default(), ..Map::default() };
    let mut has_default = false;
    for pair in inside(block) {
        let Some(text) = problems.note(&pair.name.span, text(&pair.name.text)) else { continue };
        let value = problems.template(&argument_span(pair, 0), pair.argument(0)).unwrap_or_default();
        let is_again = match text {
            Text::Default => {
                map.default = value;
                std::mem::replace(&mut has_default, true)
            }
            Text::Of(text) => map.values.insert(text, value).is_some(),
        };
        if is_again {
            let message = format!("conflicting parameter \"{}\"", pair.name.text);
            let help = Some("remove one of the two; upper and lower case are the same here".to_owned());
            problems.add(codes::DUPLICATE, pair.span(), message, "here", help);
        }
    }
    // Known even if the rest is wrong, so that its uses are not reported too.
    let Some(name) = name else { return };
    problems.define(name, Variable::Mapped(maps.len()));
    maps.push(map);
}

enum Text {
    Default,
    Of(String),
}

/// What a pair is for. A backslash makes a text of a word that means something else (`ngx_http_map`).
fn text(word: &str) -> Result<Text, Wrong> {
    match word {
        "default" => Ok(Text::Default),
        _ if word.starts_with('~') => Err(Wrong::value(
            format!("\"{word}\" would be a regular expression"),
            "write a pair for each text; regular expressions are not known here",
        )),
        "include" => Err(Wrong::value(
            "\"include\" is not known in \"map\"",
            "write the pairs here; the text of this name is \"\\include\"",
        )),
        _ => Ok(Text::Of(word.strip_prefix('\\').unwrap_or(word).to_lowercase())),
    }
}
