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

/// Set in the ids of the harness's own probes: journals have them, no ledger does.
pub const PROBE_BIT: u64 = 1 << 63;
