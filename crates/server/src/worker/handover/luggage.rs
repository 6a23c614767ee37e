//! What travels with a socket, so that its connection goes on as if nothing had happened.

use std::{net::SocketAddr, os::fd::OwnedFd, path::PathBuf, time::Duration};

use bytes::Bytes;
use conf::Address;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::{connection::Client, service::Ticket};

/// A connection at rest that nobody serves.
#[derive(Debug)]
pub(in crate::worker) struct Parcel {
    pub(in crate::worker) socket: OwnedFd,
    pub(in crate::worker) luggage: Luggage,
    /// Came from the socket, and was not understood yet: nothing, or the beginning of a request.
    pub(in crate::worker) unread: Bytes,
    /// Counts as open here.
    pub(in crate::worker) ticket: Ticket,
    pub(in crate::worker) will: Will,
}

/// Whether a connection can be given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum Will {
    Goes,
    /// It was declined, or hyper does not let go of it.
    Stays,
}

/// What is known of a connection beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::worker) struct Luggage {
    /// `$connection`.
    pub(in crate::worker) number: u64,
    /// Requests answered so far.
    pub(in crate::worker) requests: u64,
    /// How long it has been open.
    open_ms: u64,
    /// How long the client has taken over what it does next: a request, or the rest of its head.
    waited_ms: u64,
    keepalive_timeout_ms: u64,
    send_timeout_ms: u64,
    client: Option<SocketAddr>,
    local: Local,
}

/// Where the client connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Local {
    Inet(SocketAddr),
    Unix(PathBuf),
}

impl Luggage {
    /// `None` for a connection to oneself, which goes nowhere.
    pub(in crate::worker) fn new(
        (client, local): (Client, &Address),
        (number, requests): (u64, u64),
        (opened, waiting_since): (Instant, Instant),
        (keepalive_timeout, send_timeout): (Duration, Duration),
    ) -> Option<Luggage> {
        let client = match client {
            Client::Remote(address) => Some(address),
            Client::Local => None,
            Client::SelfTest => return None,
        };
        let local = match local {
            Address::Inet(address) => Local::Inet(*address),
            Address::Unix(path) => Local::Unix(path.clone()),
        };
        Some(Luggage {
            number,
            requests,
            open_ms: milliseconds(opened.elapsed()),
            waited_ms: milliseconds(waiting_since.elapsed()),
            keepalive_timeout_ms: milliseconds(keepalive_timeout),
            send_timeout_ms: milliseconds(send_timeout),
            client,
            local,
        })
    }

    pub(in crate::worker) fn client(&self) -> Client {
        self.client.map_or(Client::Local, Client::Remote)
    }

    pub(in crate::worker) fn local(&self) -> Address {
        match &self.local {
            Local::Inet(address) => Address::Inet(*address),
            Local::Unix(path) => Address::Unix(path.clone()),
        }
    }

    pub(in crate::worker) fn opened(&self) -> Instant {
        ago(self.open_ms)
    }

    pub(in crate::worker) fn waiting_since(&self) -> Instant {
        ago(self.waited_ms)
    }

    pub(in crate::worker) fn keepalive_timeout(&self) -> Duration {
        Duration::from_millis(self.keepalive_timeout_ms)
    }

    pub(in crate::worker) fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.send_timeout_ms)
    }
}

/// Clocks of two processes need not agree, spans do.
fn ago(span_ms: u64) -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(span_ms)).unwrap_or(now)
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
