//! `log_format` and `access_log`.

use super::argument_span;
use crate::access_log::{AccessLog, Escape, LogFormat};
use crate::codes;
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;

/// The format that is always there (`ngx_http_combined_fmt`).
pub(super) const COMBINED: &str = "combined";
const COMBINED_LINE: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// Makes every `log_format` known.
pub(super) fn formats(directives: &[Directive], problems: &mut Problems) {
    let combined = problems.template(&(0..0), COMBINED_LINE).unwrap_or_default();
    problems.define_format(COMBINED.to_owned(), LogFormat { line: combined, escape: Escape::Default });
    for directive in directives.iter().filter(|directive| directive.name.text == "log_format") {
        format(directive, problems);
    }
}

fn format(directive: &Directive, problems: &mut Problems) {
    let name = directive.argument(0);
    if problems.format(name).is_some() {
        let message = format!("duplicate \"log_format\" name \"{name}\"");
        let help = Some("give it another name".to_owned());
        problems.add(codes::DUPLICATE, argument_span(directive, 0), message, "here", help);
        return;
    }
    let mut words = directive.arguments.iter().skip(1).peekable();
    let mut escape = Escape::Default;
    if let Some(word) = words.next_if(|word| word.text.starts_with("escape=")) {
        escape = problems.note(&word.span, escaping(&word.text)).unwrap_or_default();
    }
    let text: String = words.map(|word| word.text.as_str()).collect();
    let line = problems.template(&directive.span(), &text).unwrap_or_default();
    problems.define_format(name.to_owned(), LogFormat { line, escape });
}

fn escaping(text: &str) -> Result<Escape, Wrong> {
    match text {
        "escape=default" => Ok(Escape::Default),
        "escape=json" => Ok(Escape::Json),
        "escape=none" => Ok(Escape::None),
        _ => Err(Wrong::value(
            format!("unknown log format escaping \"{}\"", text.trim_start_matches("escape=")),
            "known: escape=default, escape=json, escape=none",
        )),
    }
}

/// What a level logs to: none if all it says is `off`. `None` if it says nothing.
pub(super) fn access_logs(directives: &[Directive], problems: &mut Problems) -> Option<Vec<AccessLog>> {
    let written = || directives.iter().filter(|directive| directive.name.text == "access_log");
    written().next()?;
    let logs = written().filter(|directive| directive.argument(0) != "off");
    Some(logs.filter_map(|directive| access_log(directive, problems)).collect())
}

fn access_log(directive: &Directive, problems: &mut Problems) -> Option<AccessLog> {
    let path = problems.note(&argument_span(directive, 0), path(directive.argument(0)))?;
    let mut condition = None;
    let mut name = COMBINED;
    for (place, word) in directive.arguments.iter().enumerate().skip(1) {
        match word.text.split_once('=') {
            Some(("if", text)) => condition = Some(problems.template(&word.span, text)?),
            None if place == 1 => name = &word.text,
            _ => problems.note(&word.span, Err(unknown(&word.text)))?,
        }
    }
    let Some(format) = problems.format(name).cloned() else {
        let help = problems.nearest_format(name);
        let message = format!("unknown log format \"{name}\"");
        problems.add(codes::INVALID_VALUE, argument_span(directive, 1), message, "here", Some(help));
        return None;
    };
    Some(AccessLog { path, format, condition })
}

fn unknown(text: &str) -> Wrong {
    Wrong::value(
        format!("parameter \"{text}\" is not supported here"),
        "every line is written at once, as it is; write: access_log PATH [FORMAT] [if=CONDITION];",
    )
}

fn path(text: &str) -> Result<String, Wrong> {
    match text {
        "" => Err(Wrong::value("empty path", "write the path of a file")),
        _ if text.contains('$') => Err(Wrong::value(
            "variables are not supported here in the path of a log",
            "write the path of one file; `if=` chooses what goes there",
        )),
        _ if text.starts_with("syslog:") => {
            Err(Wrong::value("syslog is not supported here", "write the path of a file"))
        }
        _ => Ok(text.to_owned()),
    }
}
