//! What a client does, as a small program: a population is a script and a pace. Another kind of client is
//! another script.

use facts::plan::{Behaviour, Population};

/// One act of a client. After the last one it starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Rest until the arrival plan, or the think time, wants the next request.
    Await,
    /// Look whether the connection was closed while it was idle, and let go of it if so.
    Look,
    /// Have a connection: keep the one there is, or open one.
    Connect,
    /// Write the request.
    Send,
    /// Read the answer; the attempt is then over.
    Receive,
    /// Close the connection.
    Close,
}

/// A connection per request.
const SHORT: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Receive, Op::Close];
/// Reuses its connection and learns of its end only by using it.
const TRUSTING: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Receive];
/// Reuses its connection after a look at it.
const LOOKING: &[Op] = &[Op::Await, Op::Look, Op::Connect, Op::Send, Op::Receive];

/// The script of a population.
pub(crate) fn script(population: &Population) -> &'static [Op] {
    match (population.behaviour, population.looks) {
        (Behaviour::Short, _) => SHORT,
        (Behaviour::Keepalive, false) => TRUSTING,
        (Behaviour::Keepalive, true) => LOOKING,
    }
}
