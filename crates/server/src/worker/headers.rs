//! The headers that every answer gets, whatever it answers.

use conf::Settings;
use hyper::{
    Response, StatusCode,
    header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SERVER},
};

use super::{answer::Draft, body::Content, exchange::Exchange, page};

/// The number that the load engine gave a request.
pub(super) const ID: HeaderName = HeaderName::from_static("x-changeover-id");
/// Who answered.
pub(super) const PID: HeaderName = HeaderName::from_static("x-changeover-pid");
/// Which generation answered.
pub(super) const GENERATION: HeaderName = HeaderName::from_static("x-changeover-generation");

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
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static(page::server_name(exchange.settings.server_tokens)));
    // Before our own: what the configuration says of these is not said twice.
    add(exchange, status, headers);
    identify(exchange, headers);
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    if !switches && (persistence == Persistence::Ends || must_end(exchange)) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn add(exchange: &Exchange, status: u16, headers: &mut HeaderMap) {
    for added in exchange.settings.added_headers.iter().filter(|added| added.statuses.contain(status)) {
        let value = added.value.fill(|variable| exchange.value(variable, status));
        let name = HeaderName::try_from(&added.name);
        // What a client put into a variable may be no header value: then there is none.
        if let (Ok(name), Ok(value), false) = (name, HeaderValue::try_from(&value), value.is_empty()) {
            headers.append(name, value);
        }
    }
}

fn identify(exchange: &Exchange, headers: &mut HeaderMap) {
    if let Some(id) = exchange.request.headers.get(ID) {
        headers.entry(ID).or_insert(id.clone());
        headers.entry(PID).or_insert(std::process::id().into());
    }
    headers.entry(GENERATION).or_insert(exchange.connection.service.generation.into());
}

fn must_end(exchange: &Exchange) -> bool {
    let Settings { keepalive_timeout, keepalive_requests, .. } = exchange.settings;
    let connection = exchange.connection;
    keepalive_timeout.is_zero()
        || connection.requests() >= *keepalive_requests
        || connection.service.ends(connection)
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
