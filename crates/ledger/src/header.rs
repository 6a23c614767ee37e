//! The first 64 bytes of a ledger or journal file, version 1.

use bytemuck::{Pod, Zeroable};

/// Version of the layout of header and records.
pub(crate) const VERSION: u32 = 1;

/// Bytes before the first record: one cache line, as long as a record.
pub(crate) const HEADER_BYTES: usize = 64;

/// `Header::sealed` of a file whose writer ended in order.
pub(crate) const SEALED: u64 = 0x5ea1_ed5e_a1ed_5ea1;

/// What kind of records a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Attempts of the load generator.
    Ledger,
    /// Executions of a server.
    Journal,
    /// Connections of the load generator, and who opened them.
    Callers,
}

impl Kind {
    pub(crate) fn magic(self) -> [u8; 8] {
        match self {
            Kind::Ledger => *b"CHOVLEDG",
            Kind::Journal => *b"CHOVJRNL",
            Kind::Callers => *b"CHOVCLLR",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ledger => "ledger",
            Kind::Journal => "journal",
            Kind::Callers => "callers",
        }
    }
}

/// The header as it lies in the file; the machine's own byte order (a run is judged where it ran).
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u32,
    pub(crate) record_bytes: u32,
    /// Records there is room for.
    pub(crate) capacity: u64,
    /// Slots asked for so far. More than `capacity`: that many were turned away.
    pub(crate) claimed: u64,
    /// [`SEALED`], or not sealed.
    pub(crate) sealed: u64,
    pub(crate) reserved: [u64; 3],
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

/// Position of `claimed` in the file, in 8-byte words.
pub(crate) const CLAIMED_WORD: usize = 3;
/// Position of `sealed` in the file, in 8-byte words.
pub(crate) const SEALED_WORD: usize = 4;
