//! `upstream`: a group of peers, how one is chosen, and what is known of them.

use std::time::Duration;

use crate::template::Template;

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
