//! Clients that behave alike.

use serde::{Deserialize, Serialize};

use super::{AtDrain, Behaviour, Pace};

/// Method of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Idempotent.
    #[default]
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
    /// What its clients do on a connection.
    pub behaviour: Behaviour,
    /// When they send.
    pub pace: Pace,
    /// Connections kept open, or the most at a time where each request has its own.
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
    /// So many clients connect from loopback addresses of their own (`127.a.b.c`), each in a network of its own by
    /// its first three numbers; 0: all from the address the kernel chooses.
    #[serde(default)]
    pub sources: u32,
    /// What the server may do to them at a drain.
    #[serde(default)]
    pub at_drain: AtDrain,
}

/// A client of nobody that asks once a second.
impl Default for Population {
    fn default() -> Population {
        Population {
            name: String::new(),
            target: 0,
            behaviour: Behaviour::Short,
            pace: Pace::Constant { per_second: 1.0 },
            connections: 1,
            looks: false,
            method: Method::Get,
            path: "/".into(),
            body_bytes: 0,
            timeout_ms: 5_000,
            sources: 0,
            at_drain: AtDrain::MayCloseAtBoundary,
        }
    }
}
