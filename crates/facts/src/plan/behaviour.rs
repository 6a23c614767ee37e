//! What a client does on its connection, and what its server may do to it at a drain.

use serde::{Deserialize, Serialize};

/// What a client does on its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// A connection per request.
    #[default]
    Short,
    /// Connections are kept and reused.
    Keepalive,
    /// As `Keepalive`, but this many requests are written at once and their answers read in order.
    Pipelined { depth: u16 },
    /// A connection per request, whose head is written in pieces over a time.
    SlowHeader { over_ms: u32 },
    /// A connection per request, whose body is written in pieces over a time.
    Upload { over_ms: u32, framing: Framing },
    /// A connection per request, whose answer is read in pieces over a time, through a small receive buffer.
    Download { bytes: u32, over_ms: u32 },
    /// A connection per request, whose sending side is closed behind the request.
    HalfClose,
    /// A connection per request, on which nothing is said for a time.
    Silent { wait_ms: u32 },
    /// An upgraded connection; its messages are numbered and come back. One record per message, and one for the
    /// handshake. After `lasts_ms` the client takes its leave and opens another; without, it never does.
    Websocket { lasts_ms: Option<u32> },
    /// A stream of server-sent events, which are numbered. One record per event that was due.
    Events,
    /// An ordinary client library with its own pool of connections, its own idea of what may be sent again, and its own
    /// words for what went wrong: what its users see.
    Reqwest,
}

/// How a server is told where an upload ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// `Content-Length`.
    #[default]
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// `Content-Length`, and the body only after a `100 Continue`.
    Expect,
}

/// What a server may do to a population when it drains. Whatever it is allowed, a request that was begun and got no
/// complete answer is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtDrain {
    /// Nothing: what was begun goes on to its own end, and so does a connection that is kept.
    MustFinish,
    /// End a connection between two requests or messages, in a way that the client can see before it writes.
    #[default]
    MayCloseAtBoundary,
    /// That, and close a kept connection under an idempotent request that it has not answered: the client opens
    /// another and asks again.
    MayReconnect,
}

impl Behaviour {
    /// Requests a second that all ordinary clients of a run together keep up with on any machine.
    pub const FASTEST_ORDINARY: f64 = 500.0;
    /// Bytes that fit into the buffers of any socket: an ordinary client does not tell how much of a body it has written.
    pub const LARGEST_ORDINARY_BODY: u32 = 16 * 1024;

    /// True when a connection carries more than one request or message.
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Behaviour::Keepalive
                | Behaviour::Pipelined { .. }
                | Behaviour::Websocket { .. }
                | Behaviour::Events
                | Behaviour::Reqwest
        )
    }

    /// Requests that are begun at once on one connection.
    pub fn depth(self) -> u16 {
        if let Behaviour::Pipelined { depth } = self { depth } else { 1 }
    }

    /// What a server may do to such clients if nothing else is said.
    pub fn at_drain(self) -> AtDrain {
        match self {
            Behaviour::Websocket { .. } | Behaviour::Events => AtDrain::MayReconnect,
            Behaviour::Keepalive | Behaviour::Pipelined { .. } | Behaviour::Reqwest => {
                AtDrain::MayCloseAtBoundary
            }
            _ => AtDrain::MustFinish,
        }
    }
}

impl AtDrain {
    /// As a scenario writes it.
    pub fn name(self) -> &'static str {
        match self {
            AtDrain::MustFinish => "must_finish",
            AtDrain::MayCloseAtBoundary => "may_close_at_boundary",
            AtDrain::MayReconnect => "may_reconnect",
        }
    }
}
