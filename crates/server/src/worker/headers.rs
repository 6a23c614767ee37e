//! The headers that every answer gets, whatever it answers.

use conf::Browser;
use hyper::{
    Method, Response, StatusCode, Version,
    header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SERVER, USER_AGENT},
    http::request::Parts,
};

use super::{answer::Draft, body::Content, exchange::Exchange, page, spelling::Names};

/// The number that the load engine gave a request.
pub(super) const ID: HeaderName = HeaderName::from_static("x-changeover-id");
/// Who answered.
pub(super) const PID: HeaderName = HeaderName::from_static("x-changeover-pid");
/// Which generation answered.
pub(super) const GENERATION: HeaderName = HeaderName::from_static("x-changeover-generation");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Whether a connection can carry another request after this answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    Stays,
    Ends,
}

/// Gives a draft its last headers.
pub(super) fn finish(exchange: &Exchange, draft: Draft) -> Response<Content> {
    let Draft { mut response, persistence } = draft;
    let status = response.status().as_u16();
    let mut names = response.extensions_mut().remove::<Names>().unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(page::server_name(exchange.settings.server_tokens)));
    // Before our own: what the configuration says of these is not said twice.
    add(exchange, status, headers, &mut names);
    identify(exchange, headers);
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    match persistence {
        _ if switches => {}
        Persistence::Stays if !must_end(exchange) => say_it_stays(exchange, headers),
        _ => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
    }
    if let Some(spelled) = exchange.connection.service.spellings.of(&names) {
        response.extensions_mut().extend(spelled);
    }
    response
}

/// Whether an answer says that its connection can carry another request.
pub(super) fn stays<T>(response: &Response<T>) -> bool {
    response.headers().get(CONNECTION).is_some_and(|value| value == "keep-alive")
}

fn add(exchange: &Exchange, status: u16, headers: &mut HeaderMap, names: &mut Names) {
    for added in exchange.settings.added_headers.iter().filter(|added| added.statuses.contain(status)) {
        let value = added.value.fill(|variable| exchange.value(variable, status));
        let name = HeaderName::try_from(&added.name);
        // What a client put into a variable may be no header value: then there is none.
        if let (Ok(name), Ok(value), false) = (name, HeaderValue::try_from(&value), value.is_empty()) {
            headers.append(name, value);
            names.push(added.name.as_bytes());
        }
    }
}

fn identify(exchange: &Exchange, headers: &mut HeaderMap) {
    if let Some(id) = exchange.request.headers.get(ID) {
        headers.entry(ID).or_insert(id.clone());
        headers.entry(PID).or_insert(exchange.connection.service.pid_said.clone());
    }
    headers.entry(GENERATION).or_insert(exchange.connection.service.generation_said.clone());
}

/// As nginx, which says so to everybody.
fn say_it_stays(exchange: &Exchange, headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    if let Some(announced) = exchange.settings.keepalive_announced {
        let value = HeaderValue::try_from(format!("timeout={}", announced.as_secs()));
        headers.extend(value.ok().map(|value| (KEEP_ALIVE, value)));
    }
}

fn must_end(exchange: &Exchange) -> bool {
    let settings = exchange.settings;
    let connection = exchange.connection;
    settings.keepalive_timeout.is_zero()
        || connection.requests() >= settings.keepalive_requests
        || exchange.begun.saturating_duration_since(connection.accepted) > settings.keepalive_time
        || !client_stays(&exchange.request)
        || settings.keepalive_disable.iter().any(|browser| is_from(*browser, &exchange.request))
        || connection.service.ends(connection)
}

/// What the client says of its connection (RFC 9112, section 9.3).
fn client_stays(request: &Parts) -> bool {
    let values = request.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(',')).map(str::trim);
    match request.version {
        Version::HTTP_10 => words.any(|word| word.eq_ignore_ascii_case("keep-alive")),
        _ => !words.any(|word| word.eq_ignore_ascii_case("close")),
    }
}

/// `ngx_http_process_user_agent`.
fn is_from(browser: Browser, request: &Parts) -> bool {
    if browser == Browser::OldInternetExplorer && request.method != Method::POST {
        return false;
    }
    let agent = request.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match browser {
        Browser::Safari => {
            agent.contains("Mac OS X") && agent.contains("Safari/") && !agent.contains("Chrome/")
        }
        Browser::OldInternetExplorer => {
            let version = agent.split_once("MSIE ").map(|(_, version)| version.as_bytes());
            !agent.contains("Opera")
                && matches!(version, Some([b'4' | b'5', ..]) | Some([b'6', b'.', ..]))
                && !(agent.contains("MSIE 6") && agent.contains("SV1"))
        }
    }
}

/// A redirect to a path becomes one to this server (`absolute_redirect`).
pub(super) fn absolute(exchange: &Exchange, url: &str) -> String {
    if !url.starts_with('/') {
        return url.to_owned();
    }
    match exchange.connection.local.port() {
        None | Some(80) => format!("http://{}{url}", exchange.host),
        Some(port) => format!("http://{}:{port}{url}", exchange.host),
    }
}
