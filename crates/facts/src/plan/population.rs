//! Clients that behave alike.

use serde::{Deserialize, Serialize};

use super::Pace;

/// How a population connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// A connection per request.
    Short,
    /// Connections are kept and reused.
    Keepalive,
}

/// Method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Idempotent.
    Get,
    /// Not idempotent: must never be retried blindly.
    Post,
}

/// Clients that behave alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Name in the scenario.
    pub name: String,
    /// Index into `Plan::targets`.
    pub target: usize,
    /// Short or keepalive.
    pub behaviour: Behaviour,
    /// When they send.
    pub pace: Pace,
    /// Connections kept open (keepalive), or the most at a time (short).
    pub connections: u32,
    /// Look for a FIN before each write on a reused connection.
    pub looks: bool,
    /// GET or POST.
    pub method: Method,
    /// Request target.
    pub path: String,
    /// Bytes of request body (POST).
    pub body_bytes: u32,
    /// An attempt that took longer is a hang.
    pub timeout_ms: u32,
}
