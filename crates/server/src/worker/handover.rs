//! Connections that go on in another worker. A worker that drains gives every client's connection that is at rest to a worker
//! that accepts: of the other generation, or the new ones after a reload. The client notices nothing.
//!
//! Who accepts listens on an abstract name of its server's family; so nobody is found who would not take anything. Then, for
//! some dozen connections at a time, over a channel on which each side speaks in turn:
//!
//! | giver | taker | if the other one dies before the next word |
//! |---|---|---|
//! | *offer*, with the sockets and what was read but not yet understood | | the giver serves on |
//! | | *agreed*, to which of them | the taker serves: a giver that is dead reads no more |
//! | *yours* (or *withdrawn*, when there was no answer in time) | | the giver serves on |
//! | | *taken*, and only after that it reads | the connection is lost with the process that had it |
//!
//! The giver lets go of its own descriptors at *taken*. At no time do two processes read from one connection, and a taker that
//! is stopped holds up nobody for longer than [`give::PATIENCE`].
//!
//! Does not know: masters, generations other than as a number, why the worker drains.

mod channel;
mod give;
mod luggage;
mod message;
mod take;

#[cfg(test)]
pub(super) use self::message::{Item, Message};
pub(super) use self::{
    give::{Departures, give, is_anybody_there},
    luggage::{Luggage, Parcel, Will},
    take::{Arrivals, stay, take},
};

/// Most connections in one offer.
const OFFER_CONNECTIONS_MAX: usize = 64;

/// Most bytes of one connection that travel unread; one with more stays where it is.
pub(super) const UNREAD_BYTES_MAX: usize = 16 * 1024;

/// Most unread bytes in one offer, so that it fits into a socket's usual buffer.
const OFFER_UNREAD_BYTES_MAX: usize = 48 * 1024;
