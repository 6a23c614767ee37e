//! The network that a run's sockets are in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The network that a run's sockets are in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Whose it is.
    pub namespace: Namespace,
    /// Settings of the kernel for it, by name (`net.ipv4.tcp_migrate_req`). Only of a network of the run's own.
    pub sysctl: BTreeMap<String, String>,
}

/// Whose network a run is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// Its own, where the machine lets us make one; else the machine's.
    #[default]
    Own,
    /// The machine's: a target needs something that is reached there.
    Shared,
}
