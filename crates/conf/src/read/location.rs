//! `location`: which paths, and what happens to them.

use super::{argument_span, inside, settings};
use crate::codes;
use crate::http::{
    Endpoint, Handler, Location, Matching, ProxyPass, ProxyTarget, ProxyUri, Return, ReturnContent, Settings,
    Upstream,
};
use crate::problems::{Problems, Wrong};
use crate::tree::Directive;
use crate::value;

pub(super) fn location(
    block: &Directive,
    outer: &Settings,
    upstreams: &mut Vec<Upstream>,
    problems: &mut Problems,
) -> Option<Location> {
    let matching = problems.note(&block.span(), matching(block));
    let directives = inside(block);
    let settings = settings::settings(directives, outer, problems);
    let answer = first_return(directives, problems);
    let matched = matching.as_ref().map_or(0, Matching::length);
    let proxy = proxy_pass(directives, matched, upstreams, problems);
    // As in nginx, a `return` answers before a `proxy_pass` is asked.
    let test = endpoint(directives, problems);
    let handler = answer.map(Handler::Return).or(proxy.map(Handler::Proxy)).or(test.map(Handler::Test));
    let handler = handler.unwrap_or(Handler::Nothing);
    Some(Location { matching: matching?, handler, settings })
}

fn matching(block: &Directive) -> Result<Matching, Wrong> {
    let help = "write: location /prefix { } or location = /exact { }";
    match (block.argument(0), block.argument(1), block.arguments.len()) {
        ("=", path, 2) => Ok(Matching::Exact(path.to_owned())),
        ("~" | "~*", ..) => {
            Err(Wrong::value("regular expressions are not supported in locations here", help))
        }
        // Without regular expressions there is nothing that `^~` would keep from being tried.
        ("^~", path, 2) => Ok(Matching::Prefix(path.to_owned())),
        (modifier, _, 2) => Err(Wrong::value(format!("invalid location modifier \"{modifier}\""), help)),
        (path, ..) if path.starts_with('@') => {
            Err(Wrong::value(format!("named location \"{path}\" is not supported here"), help))
        }
        (path, ..) if path.starts_with('~') || path.starts_with('=') || path.starts_with('^') => {
            Err(Wrong::value(
                format!("invalid location \"{path}\""),
                format!("put a space after the sign; {help}"),
            ))
        }
        (path, ..) => Ok(Matching::Prefix(path.to_owned())),
    }
}

/// The first `return` of a block; later ones are never reached.
pub(super) fn first_return(directives: &[Directive], problems: &mut Problems) -> Option<Return> {
    let written = directives.iter().filter(|directive| directive.name.text == "return");
    let all: Vec<Return> = written.filter_map(|directive| answer(directive, problems)).collect();
    all.into_iter().next()
}

fn answer(directive: &Directive, problems: &mut Problems) -> Option<Return> {
    let first = directive.argument(0);
    if directive.arguments.len() == 1 && is_url(first) {
        let url = problems.template(&argument_span(directive, 0), first)?;
        return Some(Return { status: 302, content: ReturnContent::Location(url) });
    }
    let status = problems.note(&argument_span(directive, 0), status(first));
    let text = match directive.arguments.get(1) {
        None => None,
        Some(word) => Some(problems.template(&word.span, &word.text)?),
    };
    let status = status?;
    let content = match text {
        None => ReturnContent::Page,
        Some(url) if matches!(status, 301 | 302 | 303 | 307 | 308) => ReturnContent::Location(url),
        Some(text) => ReturnContent::Text(text),
    };
    Some(Return { status, content })
}

/// The test endpoint of a location; one that others answer, too, has none to speak of.
fn endpoint(directives: &[Directive], problems: &mut Problems) -> Option<Endpoint> {
    let known = |directive: &Directive| {
        let all = Endpoint::ALL.iter();
        all.filter(|(name, _)| directive.name.text == *name).map(|(_, endpoint)| *endpoint).next()
    };
    let mut found = directives.iter().filter_map(|directive| Some((directive, known(directive)?)));
    let (first, endpoint) = found.next()?;
    let is_other = |name: &str| matches!(name, "return" | "proxy_pass");
    let other = found.next().map(|(other, _)| other);
    let other = other.or_else(|| directives.iter().find(|directive| is_other(&directive.name.text)));
    if let Some(other) = other {
        let message = format!("\"{}\" and \"{}\" in one location", first.name.text, other.name.text);
        let help = "a location answers in one way: keep one of them".to_owned();
        problems.add(codes::DUPLICATE, other.span(), message, "answers, too", Some(help));
    }
    Some(endpoint)
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://") || text.starts_with("$scheme")
}

fn status(text: &str) -> Result<u16, Wrong> {
    let wrong =
        || Wrong::value(format!("invalid return code \"{text}\""), "write a status from 200 to 599, or 444");
    let status = value::number(text).map_err(|_| wrong())?;
    u16::try_from(status).ok().filter(|status| (200..=599).contains(status)).ok_or_else(wrong)
}

fn proxy_pass(
    directives: &[Directive],
    matched: usize,
    upstreams: &mut Vec<Upstream>,
    problems: &mut Problems,
) -> Option<ProxyPass> {
    let directive = directives.iter().find(|directive| directive.name.text == "proxy_pass")?;
    let span = argument_span(directive, 0);
    let rest = problems.note(&span, behind_scheme(directive.argument(0)))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let has_variables = rest.contains('$');
    let uri = match path {
        "" => ProxyUri::Same,
        _ if has_variables => ProxyUri::Named(problems.template(&span, path)?),
        _ => ProxyUri::Instead(path.to_owned(), matched),
    };
    if host.contains('$') {
        let name = problems.template(&span, host)?;
        return Some(ProxyPass { target: ProxyTarget::Named(name), uri });
    }
    let index = problems.note(&span, find_or_make(host, upstreams))?;
    Some(ProxyPass { target: ProxyTarget::Upstream { index, host: host.to_owned() }, uri })
}

/// What stands behind `http://`.
fn behind_scheme(url: &str) -> Result<&str, Wrong> {
    let help = "write: proxy_pass http://NAME; or proxy_pass http://127.0.0.1:8080;";
    if url.starts_with("https://") {
        return Err(Wrong::value("\"https://\" is not supported in \"proxy_pass\" here", help));
    }
    // The second slash may be that of a variable: `http:/$uri` leads to the upstream that the path names.
    let by_path = url.strip_prefix("http:/").filter(|rest| rest.starts_with('$'));
    url.strip_prefix("http://").or(by_path).ok_or_else(|| Wrong::value("invalid URL prefix", help))
}

fn find_or_make(host: &str, upstreams: &mut Vec<Upstream>) -> Result<usize, Wrong> {
    if let Some(index) = upstreams.iter().position(|upstream| upstream.name == host) {
        return Ok(index);
    }
    let address = value::peer_address(host, 80).map_err(|wrong| not_found(wrong, host, upstreams))?;
    upstreams.push(Upstream::of_address(host, address));
    Ok(upstreams.len() - 1)
}

fn not_found(wrong: Wrong, host: &str, upstreams: &[Upstream]) -> Wrong {
    let message = format!("host not found in upstream \"{host}\"");
    let names = || upstreams.iter().map(|upstream| upstream.name.as_str());
    let without_port = host.split(':').next().unwrap_or(host);
    if wrong.code != codes::UNRESOLVED_HOST {
        return wrong;
    }
    if without_port != host && names().any(|name| name == without_port) {
        let help = format!("the servers of an upstream have their own: write http://{without_port}");
        return Wrong {
            message: format!("upstream \"{without_port}\" may not have a port here"),
            help,
            ..wrong
        };
    }
    match diagnostic::closest(host, names()) {
        Some(near) => Wrong { message, help: format!("did you mean upstream \"{near}\"?"), ..wrong },
        None => Wrong { message, ..wrong },
    }
}
