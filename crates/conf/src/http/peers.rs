//! `proxy_next_upstream` and `real_ip`: when another peer is asked, and whose word is taken for the client's address.

use std::net::IpAddr;
use std::time::Duration;

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
