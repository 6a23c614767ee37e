//! The server's own record of what it executed: 32 bytes per request, written before and after execution.

use bytemuck::{Pod, Zeroable};

use crate::Nanos;

/// One request as a server saw it. `id` and `started` are written before anything is executed, the rest after
/// the answer was handed to the kernel, so a killed server leaves the truth behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Entry {
    /// `X-Changeover-Id` of the request; 0: the slot is empty.
    pub id: u64,
    /// When execution began.
    pub started: Nanos,
    /// When the answer was handed to the kernel; 0 if it never was.
    pub answered: Nanos,
    /// The process that executed it.
    pub pid: u32,
    /// HTTP status of the answer.
    pub status: u16,
    /// How often this server saw the id before.
    pub repeats: u16,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// Set in ids that are of no client's request: those of the harness's own probes, and of entries that tell of a connection.
/// Journals have them, no ledger does.
pub const PROBE_BIT: u64 = 1 << 63;

/// Set beside [`PROBE_BIT`]: no request, but that the process took over a connection from another one. The lowest bits are the
/// port of its client.
const TAKEN_BIT: u64 = 1 << 62;

/// The id of an entry that says that a process took over the connection of the client at this port.
pub fn taken(port: u16) -> u64 {
    PROBE_BIT | TAKEN_BIT | u64::from(port)
}

impl Entry {
    /// The port of the client whose connection the process took over, if that is what this entry tells.
    pub fn taken_port(&self) -> Option<u16> {
        let marks = PROBE_BIT | TAKEN_BIT;
        (self.id & marks == marks).then_some(self.id as u16)
    }
}
