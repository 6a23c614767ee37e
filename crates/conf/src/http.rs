//! What `http` says: upstreams, servers, locations, and the settings each level hands down to the next.

mod location;
mod peers;
mod server;
mod settings;
mod upstream;
mod variable;

pub use location::{
    Endpoint, Handler, Location, Matching, ProxyPass, ProxyTarget, ProxyUri, Return, ReturnContent,
};
pub use peers::{Network, NextCondition, NextUpstream, RealIp};
pub use server::{HeaderBuffers, Listen, Queues, Server, ServerName};
pub use settings::{AddedHeader, Browser, ProxyVersion, Settings, Statuses};
pub use upstream::{AtReload, Ejection, Keepalive, Method, Peer, PeerRole, Upstream, Zone};
pub use variable::{Map, Share, SplitClients};

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
