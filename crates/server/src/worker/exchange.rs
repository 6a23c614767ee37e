//! One request, and everything about it that a configuration can ask for by name.

use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use conf::{Address, Server, Settings, Variable};
use hyper::{
    StatusCode, Version,
    header::{HOST, HeaderName},
    http::request::Parts,
};

use tokio::time::Instant;

use super::{
    access_log::{Sent, late},
    connection::Connection,
    spelling::Names,
};

/// A request being answered.
pub(super) struct Exchange<'a> {
    pub(super) connection: &'a Rc<Connection>,
    pub(super) request: Parts,
    pub(super) server: &'a Server,
    pub(super) settings: &'a Settings,
    /// `$uri`.
    pub(super) path: String,
    /// `$host`.
    pub(super) host: String,
    /// `$proxy_host`; empty where nothing is proxied.
    pub(super) proxy_host: String,
    /// What the peers are asked for; empty where nothing is proxied.
    pub(super) proxy_uri: String,
    /// How the names of its headers were written, where something is proxied and that is worth telling.
    pub(super) names: Names,
    /// Who asks, as a trusted proxy says where one does; `None` for the self-test.
    pub(super) client: Option<SocketAddr>,
    /// When it was read.
    pub(super) begun: Instant,
    /// `$upstream_addr` and `$upstream_status`: the peers that were tried, and what each came to; 0 as long as it did not.
    pub(super) tried: RefCell<Vec<(String, u16)>>,
}

impl Exchange<'_> {
    /// What a variable stands for; `status` is that of the response, 0 as long as there is none.
    pub(super) fn value(&self, variable: &Variable, status: u16) -> String {
        let text = |number: u64| number.to_string();
        match variable {
            Variable::RequestHeader(name) => self.header(name),
            Variable::Argument(name) => self.argument(name),
            Variable::Arguments => self.arguments().unwrap_or_default().to_owned(),
            Variable::IsArguments => {
                if self.arguments().is_some_and(|text| !text.is_empty()) { "?" } else { "" }.into()
            }
            Variable::Connection => text(self.connection.number),
            Variable::ConnectionRequests => text(self.connection.requests()),
            Variable::Host => self.host.clone(),
            Variable::Hostname => self.connection.service.hostname.clone(),
            Variable::NginxVersion => env!("CARGO_PKG_VERSION").to_owned(),
            Variable::Pid => text(std::process::id().into()),
            Variable::ProxyAddForwardedFor => self.forwarded_for(),
            Variable::ProxyHost => self.proxy_host.clone(),
            Variable::RemoteAddress => self.remote_address(),
            Variable::RemotePort => port(self.remote()),
            Variable::ConnectionAddress => address_of(self.connection.client.address()),
            Variable::ConnectionPort => port(self.connection.client.address()),
            Variable::Split(index) => self.part(*index),
            Variable::Mapped(index) => self.mapped(*index, status),
            Variable::RequestMethod => self.request.method.to_string(),
            Variable::RequestUri => self.request_uri(),
            Variable::Scheme => "http".to_owned(),
            Variable::ServerAddress => self.server_address(),
            Variable::ServerName => self.server_name(),
            Variable::ServerPort => {
                self.connection.local.port().map_or_else(String::new, |port| port.to_string())
            }
            Variable::ServerProtocol => protocol(self.request.version).to_owned(),
            Variable::Status => format!("{status:03}"),
            Variable::UpstreamAddress => self.each_tried(|(peer, _)| peer.clone()),
            Variable::UpstreamStatus => self.each_tried(|(_, status)| match status {
                0 => "-".to_owned(),
                status => status.to_string(),
            }),
            Variable::Uri => self.path.clone(),
            Variable::Request => self.request_line(),
            Variable::RemoteUser | Variable::SentHeader(_) => String::new(),
            Variable::TimeLocal
            | Variable::TimeIso8601
            | Variable::Milliseconds
            | Variable::RequestTime
            | Variable::ConnectionTime
            | Variable::BodyBytesSent
            | Variable::BytesSent => {
                late(variable, self.begun, self.connection.accepted, Sent { body: 0, all: 0 })
            }
        }
    }

    /// What the last peer came to.
    pub(super) fn came_to(&self, status: StatusCode) {
        if let Some((_, told)) = self.tried.borrow_mut().last_mut() {
            *told = status.as_u16();
        }
    }

    fn each_tried(&self, say: impl Fn(&(String, u16)) -> String) -> String {
        self.tried.borrow().iter().map(say).collect::<Vec<_>>().join(", ")
    }

    /// `$request_uri`: path and query as they came.
    pub(super) fn request_uri(&self) -> String {
        self.request.uri.path_and_query().map_or_else(|| "/".to_owned(), |text| text.as_str().to_owned())
    }

    fn request_line(&self) -> String {
        format!("{} {} {}", self.request.method, self.request_uri(), protocol(self.request.version))
    }

    /// A header of the request, several of a name joined.
    pub(super) fn header(&self, name: &str) -> String {
        let Ok(name) = HeaderName::try_from(name) else { return String::new() };
        let values = self.request.headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ")
    }

    /// How log lines name this request.
    pub(super) fn context(&self) -> String {
        let (client, server, request) = (self.remote_address(), self.server_name(), self.request_line());
        format!("client: {client}, server: {server}, request: \"{request}\", host: \"{}\"", self.host)
    }

    /// Who asks.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.client
    }

    fn remote_address(&self) -> String {
        address_of(self.remote())
    }

    /// The value of the part of `split_clients` that this request falls into.
    fn part(&self, index: usize) -> String {
        let service = &self.connection.service;
        let split = &service.configuration.http.splits[index];
        let key = split.key.fill(|variable| self.value(variable, 0));
        let part = service.splits[index].part(key.as_bytes());
        part.map_or_else(String::new, |part| split.parts[part].1.clone())
    }

    /// The value of a `map` for this request.
    fn mapped(&self, index: usize, status: u16) -> String {
        let map = &self.connection.service.configuration.http.maps[index];
        let text = map.source.fill(|variable| self.value(variable, status));
        map.value(&text).fill(|variable| self.value(variable, status))
    }

    fn forwarded_for(&self) -> String {
        match (self.header("x-forwarded-for"), self.remote_address()) {
            (before, own) if before.is_empty() => own,
            (before, own) => format!("{before}, {own}"),
        }
    }

    fn arguments(&self) -> Option<&str> {
        self.request.uri.query()
    }

    fn argument(&self, name: &str) -> String {
        let pairs = self.arguments().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .next()
            .unwrap_or_default()
    }

    fn server_address(&self) -> String {
        match &self.connection.local {
            Address::Inet(inet) => address(inet.ip()),
            path @ Address::Unix(_) => path.to_string(),
        }
    }

    fn server_name(&self) -> String {
        server_name(self.server)
    }
}

/// The first name of a server, as it was written.
pub(super) fn server_name(server: &Server) -> String {
    match server.names.first() {
        None => String::new(),
        Some(conf::ServerName::Exact(name)) => name.clone(),
        Some(conf::ServerName::LeadingWildcard(tail)) => format!("*{tail}"),
        Some(conf::ServerName::TrailingWildcard(head)) => format!("{head}*"),
    }
}

/// The host a request names, lower case and without port: of the request line, else of the header.
/// `None` if a request of HTTP/1.1 names none, or more than one.
pub(super) fn requested_host(request: &Parts) -> Option<String> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = headers.next();
    if headers.next().is_some() || (header.is_none() && request.version == Version::HTTP_11) {
        return None;
    }
    let named = match request.uri.host() {
        Some(host) => host.into(),
        None => String::from_utf8_lossy(header.map_or(&[][..], |value| value.as_bytes())),
    };
    Some(host_of(&named))
}

/// As servers are looked for by it.
pub(super) fn host_of(named: &str) -> String {
    without_port(named).trim_end_matches('.').to_ascii_lowercase()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn address_of(client: Option<SocketAddr>) -> String {
    client.map_or_else(|| "unix:".to_owned(), |client| address(client.ip()))
}

/// Empty if nobody said which.
fn port(client: Option<SocketAddr>) -> String {
    client
        .map(|client| client.port())
        .filter(|port| *port > 0)
        .map_or_else(String::new, |port| port.to_string())
}

fn address(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

fn protocol(version: Version) -> &'static str {
    if version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}
