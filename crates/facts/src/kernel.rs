//! What the kernel itself says of a run's sockets. It knows no request: what it says of many is evidence for one only
//! together with other facts.

use serde::{Deserialize, Serialize};

use crate::{Generation, Role};

/// Whose doings a counter of the kernel counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// Only this run's: it has a network namespace of its own.
    Run,
    /// Everybody's on this machine. Never the cause of anything in this run.
    Machine,
}

/// The counters that are kept: those that move when a connection is refused, dropped or reset (snmp_counter.rst in
/// the kernel's documentation), by their names in `/proc/net/snmp` and `/proc/net/netstat`.
pub const COUNTERS: [&str; 14] = [
    "ListenOverflows",
    "ListenDrops",
    "TCPAbortOnData",
    "TCPAbortOnClose",
    "TCPAbortOnMemory",
    "TCPAbortOnTimeout",
    "TCPAbortOnLinger",
    "TCPReqQFullDrop",
    "TCPMigrateReqSuccess",
    "TCPMigrateReqFailure",
    "TCPSynRetrans",
    "EstabResets",
    "AttemptFails",
    "OutRsts",
];

/// A process with a descriptor of a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeper {
    /// Process id.
    pub pid: u32,
    /// Its generation; 0: not known.
    pub generation: Generation,
    /// What it is.
    pub role: Role,
    /// What it does.
    pub activity: Activity,
}

/// What a process does with the connections that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It runs, and may accept.
    MayAccept,
    /// Its workers accept; a master serves nothing.
    ServesNothing,
    /// It was stopped by a signal.
    Stopped,
}
