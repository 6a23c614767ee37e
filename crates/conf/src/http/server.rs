//! `server`: where it listens, and for whom.

use super::{Location, Return, Settings};
use crate::address::Address;

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
