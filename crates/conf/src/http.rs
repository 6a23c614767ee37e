//! What `http` says: upstreams, servers, locations, and the settings each level hands down to the next.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::address::Address;
use crate::template::Template;

/// The `http` block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http {
    /// Every `upstream`, and one for each address that a `proxy_pass` names directly.
    pub upstreams: Vec<Upstream>,
    /// Every `server`, in order.
    pub servers: Vec<Server>,
    /// Every `split_clients`, in order.
    pub splits: Vec<SplitClients>,
    /// Every `map`, in order.
    pub maps: Vec<Map>,
}

/// A `map`: a variable whose value depends on another one (`ngx_http_map_module`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map {
    /// What is looked up.
    pub source: Template,
    /// By what is looked up, in lower case.
    pub values: BTreeMap<String, Template>,
    /// The value of everything else; empty if nothing is said.
    pub default: Template,
}

impl Map {
    /// What stands for a text, whose case does not matter.
    pub fn value(&self, text: &str) -> &Template {
        self.values.get(&text.to_lowercase()).unwrap_or(&self.default)
    }
}

/// A `split_clients`: a variable whose value depends on which part of all keys a key falls into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitClients {
    /// What is hashed.
    pub key: Template,
    /// Sizes and values, in order.
    pub parts: Vec<(Share, String)>,
}

/// The size of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// In 1/100 %.
    Hundredths(u32),
    /// `*`: all that is left.
    Rest,
}

/// A group of peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name, or the address as `proxy_pass` wrote it.
    pub name: String,
    /// Every `server`, in order.
    pub peers: Vec<Peer>,
    /// Who of them is asked.
    pub method: Method,
    /// `keepalive`: idle connections that each worker keeps open to the peers. None are unless it is written.
    pub keepalive: Option<Keepalive>,
    /// `zone`: what its workers know of the peers is known to all of them. Each knows its own unless it is written.
    pub zone: Option<Zone>,
    /// `changeover_eject`: peers are left alone for what they answer, too. Never unless it is written.
    pub ejection: Option<Ejection>,
}

/// A `zone`. Memory is taken as it is needed, and not by its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// As written.
    pub name: String,
    /// `changeover_zone_reload`.
    pub at_reload: AtReload,
}

/// What becomes of what is known of peers when a new configuration comes into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtReload {
    /// It is forgotten, as in nginx.
    Forgotten,
    /// `keep`.
    Kept,
}

/// A `changeover_eject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ejection {
    /// So many of a hundred answers are faults, from 1 to 100.
    pub percent: u32,
    /// `of`: not before so many are known, at least 1. 20.
    pub answers: u32,
    /// `within`: how long they are counted, whole seconds. 10 s.
    pub within: Duration,
    /// `rest`: how long the peer is left alone, whole seconds. 10 s.
    pub rest: Duration,
}

impl Upstream {
    /// The group that an address stands for where the name of one is expected.
    pub fn of_address(name: &str, address: std::net::SocketAddr) -> Upstream {
        let peer = Peer::new(address.to_string(), address);
        Upstream {
            name: name.to_owned(),
            peers: vec![peer],
            method: Method::RoundRobin,
            keepalive: None,
            zone: None,
            ejection: None,
        }
    }

    /// The same for text, as far as it is an address.
    pub fn of_text(text: &str) -> Option<Upstream> {
        crate::value::peer_address(text, 80).ok().map(|address| Upstream::of_address(text, address))
    }
}

/// How an upstream chooses a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// By weight, in turn: what is done unless said otherwise.
    RoundRobin,
    /// `ip_hash`.
    IpHash,
    /// `hash KEY`.
    Hash(Template),
    /// `hash KEY consistent`.
    ConsistentHash(Template),
    /// `least_conn`.
    LeastConn,
    /// `random`.
    Random,
    /// `random two`, with or without `least_conn`, which it means anyway.
    RandomTwo,
}

/// Connections to peers that are kept for a next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// `keepalive`: how many of them may be idle in each worker, at least 1.
    pub connections: u32,
    /// `keepalive_requests`: how many requests one may carry. 1000.
    pub requests: u64,
    /// `keepalive_timeout`: how long one may be idle. 60 s.
    pub timeout: Duration,
    /// `keepalive_time`: how old one may become. 1 h.
    pub time: Duration,
}

/// One peer of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As written.
    pub name: String,
    /// Where to connect.
    pub address: std::net::SocketAddr,
    /// `weight`, at least 1.
    pub weight: u32,
    /// `max_conns`: connections of one worker at a time; 0 means any number.
    pub max_conns: u32,
    /// `max_fails`; 0 means that failures are not counted.
    pub max_fails: u32,
    /// `fail_timeout`, whole seconds.
    pub fail_timeout: Duration,
    /// `backup`, or not.
    pub role: PeerRole,
    /// `down`: never used.
    pub down: bool,
}

impl Peer {
    /// A peer of which nothing else is said.
    pub(crate) fn new(name: String, address: std::net::SocketAddr) -> Peer {
        Peer {
            name,
            address,
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            role: PeerRole::Primary,
            down: false,
        }
    }
}

/// When a peer is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerRole {
    /// Always.
    Primary,
    /// When no primary can be.
    Backup,
}

/// A `server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Every `listen`, at least one.
    pub listens: Vec<Listen>,
    /// Every `server_name`, in order; none means the empty name.
    pub names: Vec<ServerName>,
    /// `return` at this level: it answers before any location is looked for.
    pub answer: Option<Return>,
    /// Every `location`, in order.
    pub locations: Vec<Location>,
    /// What holds where no location matches.
    pub settings: Settings,
}

/// A `listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where to listen.
    pub address: Address,
    /// `backlog`: the length of the queue; 511 unless said.
    pub backlog: Option<u32>,
    /// `reuseport`.
    pub queues: Queues,
    /// `default_server`: answers here for names that no server has.
    pub default_server: bool,
}

/// How many queues the kernel spreads the connections to an address over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queues {
    /// One.
    #[default]
    One,
    /// `reuseport`: as many as there are workers when it is opened.
    OnePerWorker,
}

/// Room for the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderBuffers {
    /// `client_header_buffer_size`: of the first buffer. 1 KiB.
    pub first_bytes: usize,
    /// `large_client_header_buffers`: how many others there may be. 4.
    pub large: usize,
    /// And how large each is; a line that is longer fits nowhere. 8 KiB.
    pub large_bytes: usize,
}

impl Default for HeaderBuffers {
    fn default() -> Self {
        HeaderBuffers { first_bytes: 1 << 10, large: 4, large_bytes: 8 << 10 }
    }
}

/// A `server_name`, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerName {
    /// `name`.
    Exact(String),
    /// `*.name`: what follows the star.
    LeadingWildcard(String),
    /// `name.*`: what stands before the star.
    TrailingWildcard(String),
}

/// A `location`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Which paths it is for.
    pub matching: Matching,
    /// What it does.
    pub handler: Handler,
    /// What holds here.
    pub settings: Settings,
}

/// Which paths a location is for. Paths are compared decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matching {
    /// `= PATH`.
    Exact(String),
    /// `PATH`: everything that begins so, unless a longer prefix does too.
    Prefix(String),
}

impl Matching {
    /// Bytes of a path that it matches.
    pub(crate) fn length(&self) -> usize {
        let (Matching::Exact(path) | Matching::Prefix(path)) = self;
        path.len()
    }
}

/// What a location does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handler {
    /// `return`.
    Return(Return),
    /// `proxy_pass`.
    Proxy(ProxyPass),
    /// A `changeover_*` test endpoint.
    Test(Endpoint),
    /// Neither: there are no files here, so 404.
    Nothing,
}

/// What the harness's own back end does, too, at the path of this name; see its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `changeover_echo`: the body back.
    Echo,
    /// `changeover_delay`: an answer after `?ms=`.
    Delay,
    /// `changeover_stream`: `?bytes=` that can be foretold, with `&per_second=` slowly, with `&chunked=1` without a length.
    Stream,
    /// `changeover_sink`: how many bytes came, and their checksum.
    Sink,
    /// `changeover_websocket`: echoes messages.
    Websocket,
    /// `changeover_events`: server-sent events, `?every_ms=` apart.
    Events,
    /// `changeover_counter`: how many such requests this worker has had.
    Counter,
}

impl Endpoint {
    /// Each with the name of its directive.
    pub const ALL: [(&'static str, Endpoint); 7] = [
        ("changeover_echo", Endpoint::Echo),
        ("changeover_delay", Endpoint::Delay),
        ("changeover_stream", Endpoint::Stream),
        ("changeover_sink", Endpoint::Sink),
        ("changeover_websocket", Endpoint::Websocket),
        ("changeover_events", Endpoint::Events),
        ("changeover_counter", Endpoint::Counter),
    ];
}

/// A `return`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// Status, 200 to 599; 444 closes the connection without an answer.
    pub status: u16,
    /// What to answer.
    pub content: ReturnContent,
}

/// What a `return` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnContent {
    /// The page that belongs to the status.
    Page,
    /// This text.
    Text(Template),
    /// A redirect to this URL.
    Location(Template),
}

/// A `proxy_pass`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPass {
    /// Whose peers are asked.
    pub target: ProxyTarget,
    /// What they are asked for.
    pub uri: ProxyUri,
}

/// What a `proxy_pass` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyUri {
    /// What the client asked for.
    Same,
    /// A path, in place of the part that the location matched, which has so many bytes.
    Instead(String, usize),
    /// What variables give, with nothing appended.
    Named(Template),
}

/// Where a `proxy_pass` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTarget {
    /// To this upstream.
    Upstream {
        /// Index in [`Http::upstreams`].
        index: usize,
        /// `$proxy_host`: host and port as written.
        host: String,
    },
    /// To the upstream of the name that variables give, known only with the request.
    Named(Template),
}

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

/// When another peer is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextUpstream {
    /// `proxy_next_upstream`. `error timeout`; none if it is `off`.
    pub conditions: Vec<NextCondition>,
    /// `proxy_next_upstream_tries`: most peers for one request; 0 means all there are.
    pub tries: u32,
    /// `proxy_next_upstream_timeout`: for how long; zero means for ever.
    pub timeout: Duration,
}

impl Default for NextUpstream {
    fn default() -> Self {
        let conditions = vec![NextCondition::Error, NextCondition::Timeout];
        NextUpstream { conditions, tries: 0, timeout: Duration::ZERO }
    }
}

/// What makes a request go on to the next peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextCondition {
    /// `error`: connecting, sending or reading failed.
    Error,
    /// `timeout`: of any of these.
    Timeout,
    /// `invalid_header`: what came is no answer.
    InvalidHeader,
    /// `http_NNN`: an answer with this status.
    Status(u16),
    /// `non_idempotent`: also requests that may have been executed and should not be twice.
    NonIdempotent,
}

/// Whose word is taken for who a client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealIp {
    /// `set_real_ip_from`. Nobody's unless said.
    pub from: Vec<Network>,
    /// `real_ip_header`, lower case. `x-real-ip`.
    pub header: String,
    /// `real_ip_recursive`: whether addresses that are trusted themselves are passed over.
    pub recursive: bool,
}

impl Default for RealIp {
    fn default() -> Self {
        RealIp { from: Vec::new(), header: "x-real-ip".to_owned(), recursive: false }
    }
}

/// An address, or all that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: IpAddr,
    /// How many bits they share.
    pub bits: u32,
}

impl Network {
    /// Whether an address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}
