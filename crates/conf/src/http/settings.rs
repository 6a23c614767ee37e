//! What each level hands down to the next.

use std::time::Duration;

use super::{HeaderBuffers, NextUpstream, RealIp};
use crate::access_log::AccessLog;
use crate::template::Template;

/// What `http`, `server` and `location` may all say. An inner level takes what the outer one says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `keepalive_timeout`: how long a connection may be idle between requests; zero closes it after each. 75 s.
    pub keepalive_timeout: Duration,
    /// The second word of `keepalive_timeout`: what clients are told of it (`Keep-Alive: timeout=…`). Nothing unless said.
    pub keepalive_announced: Option<Duration>,
    /// `keepalive_requests`: how many requests one connection may carry. 1000.
    pub keepalive_requests: u64,
    /// `keepalive_time`: how old a connection may be that is to carry another. 1 h.
    pub keepalive_time: Duration,
    /// `keepalive_disable`: whose connections carry one request. Old Internet Explorers'.
    pub keepalive_disable: Vec<Browser>,
    /// `client_header_timeout`. 60 s.
    pub client_header_timeout: Duration,
    /// `client_header_buffer_size` and `large_client_header_buffers`.
    pub header_buffers: HeaderBuffers,
    /// `client_body_timeout`: between two reads of a request body. 60 s.
    pub client_body_timeout: Duration,
    /// `send_timeout`: how long a client may take none of an answer that waits for it. 60 s.
    pub send_timeout: Duration,
    /// `client_max_body_size` in bytes; 0 means no limit. 1 MiB.
    pub client_max_body_size: u64,
    /// `root`: where files are; without it there are none.
    pub root: Option<String>,
    /// `index`: what is looked for in a directory. `index.html`.
    pub index: Vec<String>,
    /// `access_log`: where each request is told of; nowhere unless said. A level that has any takes none from outside.
    pub access_logs: Vec<AccessLog>,
    /// `default_type`. `text/plain`.
    pub default_type: String,
    /// `server_tokens`: whether the version is shown.
    pub server_tokens: bool,
    /// `add_header`. A level that has any takes none from outside.
    pub added_headers: Vec<AddedHeader>,
    /// `proxy_connect_timeout`. 60 s.
    pub proxy_connect_timeout: Duration,
    /// `proxy_read_timeout`: between two reads from the peer. 60 s.
    pub proxy_read_timeout: Duration,
    /// `proxy_send_timeout`: between two writes to the peer. 60 s.
    pub proxy_send_timeout: Duration,
    /// `proxy_ignore_client_abort`: whether a peer is still waited for when the client has closed. Off.
    pub proxy_ignore_client_abort: bool,
    /// `proxy_http_version`. 1.0.
    pub proxy_http_version: ProxyVersion,
    /// `proxy_next_upstream` and what belongs to it.
    pub next_upstream: NextUpstream,
    /// `set_real_ip_from` and what belongs to it.
    pub real_ip: RealIp,
    /// `proxy_set_header`: name and value. A level that has any takes none from outside.
    pub proxy_headers: Vec<(String, Template)>,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Settings {
            keepalive_timeout: Duration::from_secs(75),
            keepalive_announced: None,
            keepalive_requests: 1000,
            keepalive_time: Duration::from_secs(3600),
            keepalive_disable: vec![Browser::OldInternetExplorer],
            client_header_timeout: minute,
            header_buffers: HeaderBuffers::default(),
            client_body_timeout: minute,
            send_timeout: minute,
            client_max_body_size: 1 << 20,
            root: None,
            index: vec!["index.html".to_owned()],
            access_logs: Vec::new(),
            default_type: "text/plain".to_owned(),
            server_tokens: true,
            added_headers: Vec::new(),
            proxy_connect_timeout: minute,
            proxy_read_timeout: minute,
            proxy_send_timeout: minute,
            proxy_ignore_client_abort: false,
            proxy_http_version: ProxyVersion::Http10,
            next_upstream: NextUpstream::default(),
            real_ip: RealIp::default(),
            proxy_headers: Vec::new(),
        }
    }
}

/// An `add_header`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedHeader {
    /// As written.
    pub name: String,
    /// An empty value adds nothing.
    pub value: Template,
    /// For which responses.
    pub statuses: Statuses,
}

/// The responses to which a header is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statuses {
    /// 200, 201, 204, 206, 301, 302, 303, 304, 307, 308.
    Successful,
    /// `always`.
    All,
}

impl Statuses {
    /// Whether a response with this status gets the header (`ngx_http_headers_filter`).
    pub fn contain(self, status: u16) -> bool {
        self == Statuses::All || matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308)
    }
}

/// A browser that does not keep to what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// `msie6`: it sends another request after a POST without waiting for the answer.
    OldInternetExplorer,
    /// `safari`, on a Mac.
    Safari,
}

/// What a proxied request is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}
