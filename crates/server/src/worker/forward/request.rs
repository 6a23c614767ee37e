//! The request as a peer gets it, with the headers nginx sends by default.

use conf::{ProxyUri, ProxyVersion, Template};
use hyper::{
    Request, Uri, Version,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};

use super::super::{body::RequestBody, exchange::Exchange, path, spelling::Names};

/// The request for a peer.
pub(super) fn request(exchange: &Exchange, body: RequestBody) -> Request<RequestBody> {
    let mut request = Request::new(body);
    *request.method_mut() = exchange.request.method.clone();
    *request.uri_mut() = exchange.proxy_uri.parse().unwrap_or_else(|_| Uri::from_static("/"));
    *request.version_mut() = version(exchange, request.body());
    *request.headers_mut() = headers(exchange);
    let mut names = Names::default();
    let configured = || exchange.settings.proxy_headers.iter().map(|(name, _)| name.as_bytes());
    configured().for_each(|name| names.push(name));
    names.extend(&exchange.names, |name| configured().any(|ours| ours.eq_ignore_ascii_case(name)));
    if let Some(spelled) = exchange.connection.service.spellings.of(&names) {
        request.extensions_mut().extend(spelled);
    }
    request
}

/// What the peers are asked for.
pub(super) fn uri(exchange: &Exchange, uri: &ProxyUri) -> String {
    match uri {
        ProxyUri::Same => exchange.request_uri(),
        ProxyUri::Named(template) => template.fill(|variable| exchange.value(variable, 0)),
        ProxyUri::Instead(path, matched) => {
            let rest = path::escape(exchange.path.get(*matched..).unwrap_or_default());
            let query = exchange.request.uri.query().map_or_else(String::new, |query| format!("?{query}"));
            format!("{path}{rest}{query}")
        }
    }
}

/// A body of unknown length cannot be sent as HTTP/1.0. (nginx holds it back until it knows the length.)
fn version(exchange: &Exchange, body: &RequestBody) -> Version {
    let known = hyper::body::Body::size_hint(body).exact().is_some();
    match exchange.settings.proxy_http_version {
        ProxyVersion::Http10 if known => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

fn headers(exchange: &Exchange) -> HeaderMap {
    let mut headers = exchange.request.headers.clone();
    remove_hop_by_hop(&mut headers);
    // hyper knows the length of the body it sends.
    for name in [EXPECT, CONTENT_LENGTH, HOST] {
        headers.remove(name);
    }
    if let Ok(host) = HeaderValue::from_str(&exchange.proxy_host) {
        headers.insert(HOST, host);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &exchange.settings.proxy_headers {
        set(exchange, &mut headers, name, value);
    }
    headers
}

/// `proxy_set_header`: an empty value means that the header is not sent.
fn set(exchange: &Exchange, headers: &mut HeaderMap, name: &str, value: &Template) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    let value = value.fill(|variable| exchange.value(variable, 0));
    headers.remove(&name);
    if let (false, Ok(value)) = (value.is_empty(), HeaderValue::try_from(&value)) {
        headers.insert(name, value);
    }
}

/// Whether the configuration passes on a client's wish for another protocol (`proxy_set_header Upgrade $http_upgrade`).
pub(super) fn asks_to_switch(exchange: &Exchange) -> bool {
    let headers = exchange.settings.proxy_headers.iter();
    let mut wishes = headers.filter(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
    exchange.settings.proxy_http_version == ProxyVersion::Http11
        && wishes.any(|(_, value)| !value.fill(|variable| exchange.value(variable, 0)).is_empty())
}

/// Headers about this connection and not about the message, and those that `Connection` names.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named.iter().chain(&[CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}
