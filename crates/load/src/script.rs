//! What a client does, as a small program: a population is a script and a pace. Another kind of client is
//! another script.

use facts::plan::{Behaviour, Framing, Population};

/// One act of a client. After the last one it starts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Rest until the arrival plan, or the think time, wants the next request.
    Await,
    /// Look whether the connection was closed while it was idle, and let go of it if so.
    Look,
    /// Hear what was said on the connection while nothing was asked.
    CatchUp,
    /// Have a connection: keep the one there is, or open one.
    Connect,
    /// Say nothing for a time.
    Wait,
    /// Write the request.
    Send,
    /// Write the head of the request.
    SendHead,
    /// Write what is left of the request in pieces, over a time.
    Trickle,
    /// Wait for `100 Continue`, or until it may be done without.
    AwaitContinue,
    /// Close the sending side.
    Shut,
    /// Read the answer; the attempt is then over.
    Receive,
    /// With the answer: read on to the end of the connection, for a while.
    ReadOn,
    /// As `Receive`, but in pieces over a time.
    Sip,
    /// Write the next message on the upgraded connection; the handshake, if there is none.
    Say,
    /// Read what comes back to it.
    Hear,
    /// Read the next event of the stream; ask for the stream, if there is none.
    Follow,
    /// Close the connection.
    Close,
}

/// A connection per request.
const SHORT: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Receive, Op::Close];
/// Reuses its connection and learns of its end only by using it.
const TRUSTING: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Receive];
/// Reuses its connection after a look at it.
const LOOKING: &[Op] = &[Op::Await, Op::Look, Op::Connect, Op::Send, Op::Receive];
/// Writes its head in pieces.
const SLOW_HEADER: &[Op] = &[Op::Await, Op::Connect, Op::Trickle, Op::Receive, Op::Close];
/// Writes its body in pieces.
const UPLOAD: &[Op] = &[Op::Await, Op::Connect, Op::SendHead, Op::Trickle, Op::Receive, Op::Close];
/// Writes its body only when it is told to go on.
const EXPECT: &[Op] =
    &[Op::Await, Op::Connect, Op::SendHead, Op::AwaitContinue, Op::Trickle, Op::Receive, Op::Close];
/// Reads slowly.
const DOWNLOAD: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Sip, Op::Close];
/// Says that it will say no more, and waits for the other side to say so, too.
const HALF_CLOSE: &[Op] = &[Op::Await, Op::Connect, Op::Send, Op::Shut, Op::Receive, Op::ReadOn, Op::Close];
/// Connects long before it asks. A connection that was closed meanwhile it had not used yet: it opens another.
const SILENT: &[Op] =
    &[Op::Await, Op::Connect, Op::Wait, Op::Look, Op::Connect, Op::Send, Op::Receive, Op::Close];
/// Speaks and hears on an upgraded connection.
const WEBSOCKET: &[Op] = &[Op::Await, Op::CatchUp, Op::Connect, Op::Say, Op::Hear];
/// Follows a stream of events.
const EVENTS: &[Op] = &[Op::Await, Op::Follow];

/// The script of a population.
pub(crate) fn script(population: &Population) -> &'static [Op] {
    match (population.behaviour, population.looks) {
        (Behaviour::Short, _) => SHORT,
        (Behaviour::Keepalive | Behaviour::Pipelined { .. }, false) => TRUSTING,
        (Behaviour::Keepalive | Behaviour::Pipelined { .. }, true) => LOOKING,
        (Behaviour::SlowHeader { .. }, _) => SLOW_HEADER,
        (Behaviour::Upload { framing: Framing::Expect, .. }, _) => EXPECT,
        (Behaviour::Upload { .. }, _) => UPLOAD,
        (Behaviour::Download { .. }, _) => DOWNLOAD,
        (Behaviour::HalfClose, _) => HALF_CLOSE,
        (Behaviour::Silent { .. }, _) => SILENT,
        (Behaviour::Websocket { .. }, _) => WEBSOCKET,
        (Behaviour::Events, _) => EVENTS,
        (Behaviour::Reqwest, _) => unreachable!("an ordinary client has no script of ours"),
    }
}
