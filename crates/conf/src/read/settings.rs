//! What `http`, `server` and `location` may all say.

use super::{access_log, argument_span, set};
use crate::http::{AddedHeader, Browser, Network, NextCondition, ProxyVersion, Settings, Statuses};
use crate::problems::{Problems, Wrong};
use crate::template::Template;
use crate::tree::Directive;
use crate::value;

/// The settings of a level: those of the level outside, and over them what is said here.
pub(super) fn settings(directives: &[Directive], outer: &Settings, problems: &mut Problems) -> Settings {
    let mut settings = outer.clone();
    for directive in directives {
        one(directive, &mut settings, problems);
    }
    let added: Vec<AddedHeader> =
        named(directives, "add_header").filter_map(|directive| added_header(directive, problems)).collect();
    let sent: Vec<(String, Template)> =
        named(directives, "proxy_set_header").filter_map(|directive| header(directive, problems)).collect();
    if !added.is_empty() {
        settings.added_headers = added;
    }
    if !sent.is_empty() {
        settings.proxy_headers = sent;
    }
    if let Some(logs) = access_log::access_logs(directives, problems) {
        settings.access_logs = logs;
    }
    if let Some(directive) = named(directives, "proxy_next_upstream").next() {
        settings.next_upstream.conditions = conditions(directive, problems);
    }
    let from: Vec<Network> = named(directives, "set_real_ip_from")
        .filter_map(|directive| {
            problems.note(&argument_span(directive, 0), value::network(directive.argument(0)))
        })
        .collect();
    if !from.is_empty() {
        settings.real_ip.from = from;
    }
    settings
}

fn named<'a>(directives: &'a [Directive], name: &'static str) -> impl Iterator<Item = &'a Directive> {
    directives.iter().filter(move |directive| directive.name.text == name)
}

fn one(directive: &Directive, settings: &mut Settings, problems: &mut Problems) {
    match directive.name.text.as_str() {
        "keepalive_timeout" => keepalive_timeout(directive, settings, problems),
        "keepalive_time" => set(&mut settings.keepalive_time, directive, problems, value::time),
        "keepalive_disable" => settings.keepalive_disable = browsers(directive, problems),
        "keepalive_requests" => set(&mut settings.keepalive_requests, directive, problems, value::number),
        "client_header_timeout" => set(&mut settings.client_header_timeout, directive, problems, value::time),
        "client_header_buffer_size" => {
            set(&mut settings.header_buffers.first_bytes, directive, problems, buffer_size);
        }
        "large_client_header_buffers" => {
            set(&mut settings.header_buffers.large, directive, problems, buffer_count);
            let size = problems.note(&argument_span(directive, 1), buffer_size(directive.argument(1)));
            settings.header_buffers.large_bytes = size.unwrap_or_default();
        }
        "client_body_timeout" => set(&mut settings.client_body_timeout, directive, problems, value::time),
        "send_timeout" => set(&mut settings.send_timeout, directive, problems, value::time),
        "client_max_body_size" => set(&mut settings.client_max_body_size, directive, problems, value::size),
        "default_type" => set(&mut settings.default_type, directive, problems, mime_type),
        "server_tokens" => set(&mut settings.server_tokens, directive, problems, value::switch),
        "proxy_connect_timeout" => set(&mut settings.proxy_connect_timeout, directive, problems, value::time),
        "proxy_read_timeout" => set(&mut settings.proxy_read_timeout, directive, problems, value::time),
        "proxy_send_timeout" => set(&mut settings.proxy_send_timeout, directive, problems, value::time),
        "proxy_ignore_client_abort" => {
            set(&mut settings.proxy_ignore_client_abort, directive, problems, value::switch);
        }
        "proxy_http_version" => set(&mut settings.proxy_http_version, directive, problems, proxy_version),
        "proxy_next_upstream_tries" => {
            set(&mut settings.next_upstream.tries, directive, problems, value::small_number);
        }
        "proxy_next_upstream_timeout" => {
            set(&mut settings.next_upstream.timeout, directive, problems, value::time);
        }
        "real_ip_header" => set(&mut settings.real_ip.header, directive, problems, real_ip_header),
        "real_ip_recursive" => set(&mut settings.real_ip.recursive, directive, problems, value::switch),
        // Taken and without effect: files are read and written, and small writes are never held back.
        "proxy_buffering" => {
            set(&mut (), directive, problems, |text| buffering(text, "answers of peers", "proxy_buffering"))
        }
        "proxy_request_buffering" => {
            set(&mut (), directive, problems, |text| {
                buffering(text, "bodies of requests", "proxy_request_buffering")
            });
        }
        "sendfile" | "tcp_nopush" | "tcp_nodelay" => set(&mut true, directive, problems, value::switch),
        "root" => set(&mut settings.root, directive, problems, |text| root(text).map(Some)),
        "index" => settings.index = index(directive, problems),
        // `*_temp_path` is taken too: nothing is ever written there.
        _ => {}
    }
}

fn keepalive_timeout(directive: &Directive, settings: &mut Settings, problems: &mut Problems) {
    set(&mut settings.keepalive_timeout, directive, problems, value::time);
    settings.keepalive_announced = directive
        .arguments
        .get(1)
        .and_then(|word| problems.note(&word.span, value::time(&word.text)))
        .filter(|announced| !announced.is_zero());
}

fn buffer_size(text: &str) -> Result<usize, Wrong> {
    // hyper takes no head of more than some 400 KiB, whatever is said here.
    let most = 256 << 10;
    match value::size(text)? {
        size @ 1.. if size <= most => Ok(usize::try_from(size).unwrap_or_default()),
        _ => Err(Wrong::value(format!("invalid size \"{text}\""), "write a size from 1 to 256k")),
    }
}

fn buffer_count(text: &str) -> Result<usize, Wrong> {
    match value::small_number(text)? {
        count @ 1..=64 => Ok(usize::try_from(count).unwrap_or_default()),
        _ => Err(Wrong::value(format!("invalid number \"{text}\""), "write a number from 1 to 64")),
    }
}

fn browsers(directive: &Directive, problems: &mut Problems) -> Vec<Browser> {
    let words = directive.arguments.iter();
    let read = words.filter_map(|word| problems.note(&word.span, browser(&word.text)));
    read.flatten().collect()
}

/// `None` is `none`.
fn browser(text: &str) -> Result<Option<Browser>, Wrong> {
    match text {
        "none" => Ok(None),
        "msie6" => Ok(Some(Browser::OldInternetExplorer)),
        "safari" => Ok(Some(Browser::Safari)),
        _ => Err(Wrong::value(format!("invalid value \"{text}\""), "known: none, msie6, safari")),
    }
}

fn conditions(directive: &Directive, problems: &mut Problems) -> Vec<NextCondition> {
    let words = directive.arguments.iter();
    let read: Vec<Option<NextCondition>> =
        words.filter_map(|word| problems.note(&word.span, condition(&word.text))).collect();
    // As in nginx: one `off` among others turns all of them off.
    if read.contains(&None) { Vec::new() } else { read.into_iter().flatten().collect() }
}

/// `None` is `off`.
fn condition(text: &str) -> Result<Option<NextCondition>, Wrong> {
    match text {
        "off" => Ok(None),
        "error" => Ok(Some(NextCondition::Error)),
        "timeout" => Ok(Some(NextCondition::Timeout)),
        "invalid_header" => Ok(Some(NextCondition::InvalidHeader)),
        "non_idempotent" => Ok(Some(NextCondition::NonIdempotent)),
        _ => match text.strip_prefix("http_").map(str::parse) {
            Some(Ok(status @ (500 | 502..=504 | 403 | 404 | 429))) => Ok(Some(NextCondition::Status(status))),
            _ => Err(Wrong::value(
                format!("invalid value \"{text}\""),
                "known: error, timeout, invalid_header, non_idempotent, http_500, http_502, http_503, http_504, \
                 http_403, http_404, http_429, off",
            )),
        },
    }
}

fn real_ip_header(text: &str) -> Result<String, Wrong> {
    if text == "proxy_protocol" {
        return Err(Wrong::value(
            "the PROXY protocol is not supported here",
            "write the name of a header: real_ip_header X-Forwarded-For;",
        ));
    }
    Ok(header_name(text)?.to_ascii_lowercase())
}

fn index(directive: &Directive, problems: &mut Problems) -> Vec<String> {
    let words = directive.arguments.iter();
    words.filter_map(|word| problems.note(&word.span, index_file(&word.text))).collect()
}

fn index_file(text: &str) -> Result<String, Wrong> {
    match text {
        _ if text.contains('$') => {
            Err(Wrong::value("variables are not supported in \"index\" here", "write the names of files"))
        }
        _ if text.is_empty() || text.starts_with('/') => Err(Wrong::value(
            format!("invalid index file \"{text}\""),
            "write a name that is looked for in each directory: index.html",
        )),
        _ => Ok(text.to_owned()),
    }
}

fn root(text: &str) -> Result<String, Wrong> {
    match text {
        "" => Err(Wrong::value("empty path", "write the path of a directory")),
        _ if text.contains('$') => {
            Err(Wrong::value("variables are not supported in \"root\" here", "write the path of a directory"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn mime_type(text: &str) -> Result<String, Wrong> {
    let fits = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte);
    if text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err(Wrong::value(format!("invalid type \"{}\"", text.escape_debug()), "write a media type: text/plain"))
}

fn proxy_version(text: &str) -> Result<ProxyVersion, Wrong> {
    match text {
        "1.0" => Ok(ProxyVersion::Http10),
        "1.1" => Ok(ProxyVersion::Http11),
        _ => Err(Wrong::value(format!("invalid value \"{text}\""), "it must be \"1.0\" or \"1.1\"")),
    }
}

fn added_header(directive: &Directive, problems: &mut Problems) -> Option<AddedHeader> {
    let (name, value) = header(directive, problems)?;
    let statuses = match directive.arguments.get(2) {
        None => Statuses::Successful,
        Some(word) => problems.note(&word.span, always(&word.text))?,
    };
    Some(AddedHeader { name, value, statuses })
}

fn always(text: &str) -> Result<Statuses, Wrong> {
    if text == "always" {
        return Ok(Statuses::All);
    }
    Err(Wrong::value(format!("invalid parameter \"{text}\""), "the only one here is \"always\""))
}

fn header(directive: &Directive, problems: &mut Problems) -> Option<(String, Template)> {
    let name = problems.note(&argument_span(directive, 0), header_name(directive.argument(0)));
    let span = argument_span(directive, 1);
    let value = problems.note(&span, header_value(directive.argument(1)));
    let value = value.and_then(|text| problems.template(&span, text));
    Some((name?, value?))
}

fn header_name(text: &str) -> Result<String, Wrong> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_token) {
        return Ok(text.to_owned());
    }
    Err(Wrong::value(
        format!("invalid header name \"{}\"", text.escape_debug()),
        "write letters, digits and dashes",
    ))
}

/// nginx lets a line break through and so splits the response; here it is refused.
fn header_value(text: &str) -> Result<&str, Wrong> {
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Err(Wrong::value("control characters in a header value", "write it on one line"));
    }
    Ok(text)
}

/// Bodies are passed on as they come.
fn buffering(text: &str, what: &str, name: &str) -> Result<(), Wrong> {
    match value::switch(text)? {
        false => Ok(()),
        true => Err(Wrong::value(format!("{what} are not buffered here"), format!("write: {name} off;"))),
    }
}
