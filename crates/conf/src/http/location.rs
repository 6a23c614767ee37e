//! `location`: what is done with a request.

use super::Settings;
use crate::template::Template;

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
        /// Index in [`crate::Http::upstreams`].
        index: usize,
        /// `$proxy_host`: host and port as written.
        host: String,
    },
    /// To the upstream of the name that variables give, known only with the request.
    Named(Template),
}
