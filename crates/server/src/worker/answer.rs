//! Answers one request: finds the location, does what it says, and gives the answer its last headers.

use std::{path::Path, rc::Rc};

use conf::{Handler, Location, Return, ReturnContent, Server, Settings};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, EXPECT, HeaderMap, HeaderValue, LOCATION},
    http::request::Parts,
};
use tokio::time::Instant;

use super::{
    access_log,
    body::{AnswerBody, Content, Fault, RequestBody},
    connection::{Client, Connection},
    endpoint,
    exchange::{self, Exchange},
    files, forward,
    head_size::Oversize,
    headers::{self, Persistence},
    page, path, real_ip,
    spelling::Names,
};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
pub(super) struct Hangup;

/// Headers that a short answer has, with the number of its request.
const HEADERS_USUAL: usize = 6;

/// Types that answers have most often, and that need no copy.
const KNOWN_TYPES: [&str; 2] = ["text/plain", "text/html"];

/// What a location came up with, before the last headers.
pub(super) struct Draft {
    pub(super) response: Response<Content>,
    pub(super) persistence: Persistence,
}

impl Draft {
    pub(super) fn new(status: StatusCode, content_type: &str, content: Content) -> Self {
        let mut response = Response::new(content);
        *response.status_mut() = status;
        *response.headers_mut() = HeaderMap::with_capacity(HEADERS_USUAL);
        let known = KNOWN_TYPES.iter().find(|known| **known == content_type);
        let value = match known {
            Some(known) => Ok(HeaderValue::from_static(known)),
            None => HeaderValue::from_str(content_type),
        };
        response.headers_mut().extend(value.ok().map(|value| (CONTENT_TYPE, value)));
        Draft { response, persistence: Persistence::Stays }
    }

    /// The page that belongs to a status.
    pub(super) fn page(status: StatusCode, settings: &Settings) -> Self {
        Draft::new(status, "text/html", Content::text(page::page(status, settings.server_tokens)))
    }

    /// As `page`, and the connection cannot be used any more: some of the request is unread.
    pub(super) fn last_page(status: StatusCode, settings: &Settings) -> Self {
        Draft { persistence: Persistence::Ends, ..Draft::page(status, settings) }
    }

    /// What a client gets whose body could not be read.
    pub(super) fn of_fault(fault: Fault, settings: &Settings) -> Result<Self, Hangup> {
        match fault {
            Fault::TooLarge => Ok(Draft::last_page(StatusCode::PAYLOAD_TOO_LARGE, settings)),
            Fault::TimedOut => Ok(Draft::last_page(StatusCode::REQUEST_TIMEOUT, settings)),
            Fault::Malformed => Ok(Draft::last_page(StatusCode::BAD_REQUEST, settings)),
            Fault::Broken | Fault::Abandoned => Err(Hangup),
        }
    }
}

/// The whole service.
pub(super) async fn answer(
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Hangup> {
    let busy = connection.begin();
    let begun = connection.begun_at();
    let (request, incoming) = request.into_parts();
    let execution = connection.service.begin(&request.headers);
    let host = exchange::requested_host(&request);
    let http = &connection.service.configuration.http;
    let server = http.server_for(&connection.local, host.as_deref().unwrap_or_default()).ok_or(Hangup)?;
    let path = path::normalize(request.uri.path());
    let (path, location) = route(server, &connection.service.prefix, path);
    let settings = location.map_or(&server.settings, |location| &location.settings);
    connection.adopt(settings);
    let body = RequestBody::new(incoming, begun, settings.client_max_body_size, settings.client_body_timeout);
    let is_understood = path.is_some() && host.is_some();
    let mut exchange =
        exchange(&connection, begun, request, server, settings, host, path.unwrap_or_default());
    let rest = body.clone();
    let draft = if let Some(oversize) = connection.oversize() {
        let (status, title) = told(oversize);
        let text = page::of(&format!("{} {title}", status.as_u16()), settings.server_tokens);
        Draft { persistence: Persistence::Ends, ..Draft::new(status, "text/html", Content::text(text)) }
    } else if !is_understood {
        Draft::last_page(StatusCode::BAD_REQUEST, settings)
    } else if connection.client == Client::SelfTest {
        Draft::page(StatusCode::OK, settings)
    } else if matches!(exchange.request.method, Method::CONNECT | Method::TRACE) {
        // As nginx, which is no tunnel. What follows a CONNECT might be meant for one, so the connection ends.
        Draft::last_page(StatusCode::METHOD_NOT_ALLOWED, settings)
    } else if body.is_announced_too_large() {
        Draft::last_page(StatusCode::PAYLOAD_TOO_LARGE, settings)
    } else {
        let handler = location.map_or(&Handler::Nothing, |location| &location.handler);
        handle(&mut exchange, server.answer.as_ref(), handler, body).await?
    };
    let draft = if rest.is_received() { draft } else { unless_it_never_comes(draft, &exchange) };
    let response = headers::finish(&exchange, draft);
    if !rest.is_received() && headers::stays(&response) {
        connection.expect_rest(rest);
    }
    let entry = connection.unless_switched(access_log::entry(&exchange, &response).map(Box::new));
    let execution = execution.map(|execution| execution.answered_with(response.status()));
    Ok(response.map(|content| content.with(busy, execution, entry)))
}

/// Who waits for a `100 Continue` may send the body after another answer, or the next request at once: nobody can tell (RFC
/// 9110, section 10.1.1).
fn unless_it_never_comes(draft: Draft, exchange: &Exchange) -> Draft {
    match exchange.request.headers.contains_key(EXPECT) {
        true => Draft { persistence: Persistence::Ends, ..draft },
        false => draft,
    }
}

/// The whole answer to a request whose head is not even complete, and already too large.
pub(super) fn refusal(connection: &Connection, oversize: Oversize) -> String {
    let http = &connection.service.configuration.http;
    let with_version = http.server_for(&connection.local, "").is_none_or(|one| one.settings.server_tokens);
    let (status, title) = told(oversize);
    let page = page::of(&format!("{} {title}", status.as_u16()), with_version);
    connection.service.log.info(&format!("*{} client sent too large a head", connection.number));
    format!(
        "HTTP/1.1 {status}\r\nServer: {}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{page}",
        page::server_name(with_version),
        page.len()
    )
}

/// nginx's words (`ngx_http_process_request_headers`).
fn told(oversize: Oversize) -> (StatusCode, &'static str) {
    match oversize {
        Oversize::Line => (StatusCode::URI_TOO_LONG, "Request-URI Too Large"),
        Oversize::Header => (StatusCode::BAD_REQUEST, "Request Header Or Cookie Too Large"),
    }
}

/// The location for a path. A directory that has an index file leads on to that, which may have a location of its own.
fn route<'a>(
    server: &'a Server,
    prefix: &Path,
    path: Option<String>,
) -> (Option<String>, Option<&'a Location>) {
    let location = path.as_deref().and_then(|path| server.location_for(path));
    let settings = location.map_or(&server.settings, |location| &location.settings);
    let has_files = location.is_none_or(|location| location.handler == Handler::Nothing);
    let index = path.as_deref().filter(|_| has_files).and_then(|path| files::index(settings, prefix, path));
    match index {
        Some(index) => {
            let location = server.location_for(&index);
            (Some(index), location)
        }
        None => (path, location),
    }
}

fn exchange<'a>(
    connection: &'a Rc<Connection>,
    begun: Instant,
    request: Parts,
    server: &'a Server,
    settings: &'a Settings,
    host: Option<String>,
    path: String,
) -> Exchange<'a> {
    let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| exchange::server_name(server));
    let client = client(connection, &request, server, settings);
    let (proxy_host, proxy_uri, tried) = (String::new(), String::new(), Vec::new().into());
    Exchange {
        connection,
        request,
        server,
        settings,
        path,
        host,
        proxy_host,
        proxy_uri,
        names: Names::default(),
        client,
        begun,
        tried,
    }
}

/// As in nginx, what the server says of trusted proxies is tried first, and what the location says only if that leads
/// nowhere.
fn client(
    connection: &Connection,
    request: &Parts,
    server: &Server,
    settings: &Settings,
) -> Option<std::net::SocketAddr> {
    let remote = connection.client.address()?;
    let levels = [&server.settings.real_ip, &settings.real_ip];
    let said = levels.into_iter().find_map(|level| real_ip::forwarded(level, &request.headers, remote));
    Some(said.unwrap_or(remote))
}

/// A `return` of the server comes before whatever the location says.
async fn handle<'a>(
    exchange: &mut Exchange<'a>,
    first: Option<&'a Return>,
    handler: &'a Handler,
    body: RequestBody,
) -> Result<Draft, Hangup> {
    let settings = exchange.settings;
    let answer = match (first, handler) {
        (Some(answer), _) | (None, Handler::Return(answer)) => Some(answer),
        (None, Handler::Nothing) => None,
        (None, Handler::Proxy(proxy)) => {
            // Boxed, so that the answers of others do not carry its room about.
            return Box::pin(forward::forward(exchange, proxy, body)).await;
        }
        (None, Handler::Test(test)) => return Box::pin(endpoint::answer(exchange, *test, body)).await,
    };
    // Answering with the body unread would end the connection: the next request begins where this body ends.
    if let Err(fault) = body.discard().await {
        return Draft::of_fault(fault, settings);
    }
    let file = || Ok(files::file(exchange, &exchange.connection.service.prefix));
    answer.map_or_else(file, |answer| returned(exchange, answer))
}

fn returned(exchange: &Exchange, answer: &Return) -> Result<Draft, Hangup> {
    let settings = exchange.settings;
    let status = StatusCode::from_u16(answer.status).map_err(|_| Hangup)?;
    match &answer.content {
        _ if answer.status == 444 => Err(Hangup),
        ReturnContent::Page if answer.status < 400 => {
            Ok(Draft::new(status, &settings.default_type, Content::text("")))
        }
        ReturnContent::Page => Ok(Draft::page(status, settings)),
        ReturnContent::Text(text) => {
            let text = text.fill(|variable| exchange.value(variable, answer.status));
            Ok(Draft::new(status, &settings.default_type, Content::text(text)))
        }
        ReturnContent::Location(url) => {
            let url = url.fill(|variable| exchange.value(variable, answer.status));
            let mut draft = Draft::page(status, settings);
            let absolute = headers::absolute(exchange, &url);
            // A line break that a variable brought in is left out with its header.
            if let Ok(value) = HeaderValue::try_from(absolute) {
                draft.response.headers_mut().insert(LOCATION, value);
            }
            Ok(draft)
        }
    }
}
