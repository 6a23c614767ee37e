//! One attempt in the ledger: 64 bytes, one cache line, version 1.

use bytemuck::{Pod, Zeroable};

use crate::{Generation, Nanos, Outcome};

/// Unit of the four deltas in a record: 100 ns, so that 32 bits reach 429 s.
pub const TICK_NANOS: u64 = 100;

/// "This never happened" in a delta field.
pub const NEVER: u32 = u32::MAX;

/// One attempt: when it was meant to start, what was seen of it, how it ended. All times derive from
/// `intended`, so latency is free of coordinated omission by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Record {
    /// Unique in the run; what `X-Changeover-Id` carries, in 16 hex digits. Zero: the slot is empty.
    pub id: u64,
    /// When the arrival plan wanted the request sent (`CLOCK_MONOTONIC`, ns).
    pub intended: Nanos,
    /// Ticks from `intended` to the connection being established; `NEVER` if it was not. For a reused connection: 0.
    pub connected: u32,
    /// Ticks from `intended` to the last byte of the request handed to the kernel.
    pub sent: u32,
    /// Ticks from `intended` to the first byte of the answer.
    pub first_byte: u32,
    /// Ticks from `intended` to the attempt being over.
    pub done: u32,
    /// Connection, numbered from 1 in the run.
    pub connection: u32,
    /// Bytes of the request handed to the kernel.
    pub bytes_out: u32,
    /// Bytes of the answer received.
    pub bytes_in: u32,
    /// `X-Changeover-Pid` of the answer, or 0.
    pub server_pid: u32,
    /// Position of this request on its connection; 0 means a fresh connection.
    pub sequence: u16,
    /// The client's port, for joining with kernel evidence.
    pub local_port: u16,
    /// `X-Changeover-Generation` of the answer, or 0.
    pub generation: u16,
    /// HTTP status, or 0.
    pub status: u16,
    /// [`Outcome`] as a byte.
    pub outcome: u8,
    /// errno of the call that ended the attempt, or 0.
    pub errno: u8,
    /// Index into `Plan::populations`.
    pub population: u8,
    /// Index into `Plan::origins` plus 1, by `X-Changeover-Origin`; 0 when the answer named none.
    pub origin: u8,
    /// [`flag`] bits.
    pub flags: u8,
    /// 1 for a first attempt.
    pub attempt: u8,
    /// Phase (index into `Plan::phases`) when the request was meant to start.
    pub phase_intended: u8,
    /// Phase when the attempt was over. The phase of `sent` follows from the event log.
    pub phase_done: u8,
}

const _: () = assert!(size_of::<Record>() == 64);

/// Bits of [`Record::flags`].
pub mod flag {
    /// The client looked for a FIN before it wrote.
    pub const LOOKED: u8 = 1;
    /// The answer said `Connection: close`.
    pub const CLOSE_ANNOUNCED: u8 = 2;
    /// The method is not idempotent.
    pub const UNSAFE_METHOD: u8 = 4;
    /// An earlier connection of this client was found closed before anything was written: harmless, and counted.
    pub const IDLE_CLOSE_SEEN: u8 = 8;
    /// A message on an open connection (of a websocket, of an event stream): its id was in no request's head, so no
    /// journal has it.
    pub const MESSAGE: u8 = 16;
    /// The handshake took so long that its SYN was sent again: a listener's queue was full.
    pub const SYN_RETRY: u8 = 32;
    /// The attempt ended before a whole head of an answer, and the client does not tell whether a part of one had come:
    /// an ordinary library says no more.
    pub const HEAD_UNTOLD: u8 = 64;
}

impl Record {
    /// The outcome; an unknown byte reads as `Unfinished`, which is never a pass.
    pub fn outcome(&self) -> Outcome {
        Outcome::from_byte(self.outcome).unwrap_or(Outcome::Unfinished)
    }

    /// True when an attempt was begun in this slot.
    pub fn is_used(&self) -> bool {
        self.id != 0
    }

    /// True when the connection had carried a request before this one.
    pub fn reused(&self) -> bool {
        self.sequence > 0
    }

    /// True when `bit` of [`flag`] is set.
    pub fn has(&self, bit: u8) -> bool {
        self.flags & bit != 0
    }

    /// The generation of the answer as the server named it.
    pub fn generation(&self) -> Generation {
        Generation::from(self.generation)
    }

    /// Nanoseconds from the intended start to the end.
    pub fn latency(&self) -> Nanos {
        nanos(self.done)
    }

    /// When the request was completely handed to the kernel, if it was.
    pub fn sent_at(&self) -> Option<Nanos> {
        at(self.intended, self.sent)
    }

    /// When the first byte of the answer came, if it did.
    pub fn first_byte_at(&self) -> Option<Nanos> {
        at(self.intended, self.first_byte)
    }

    /// When the attempt was over.
    pub fn done_at(&self) -> Option<Nanos> {
        at(self.intended, self.done)
    }
}

/// Ticks between two instants, saturating just below [`NEVER`].
pub fn ticks(from: Nanos, to: Nanos) -> u32 {
    u32::try_from(to.saturating_sub(from) / TICK_NANOS).unwrap_or(NEVER).min(NEVER - 1)
}

/// Nanoseconds in a delta field.
pub fn nanos(ticks: u32) -> Nanos {
    u64::from(ticks) * TICK_NANOS
}

fn at(intended: Nanos, delta: u32) -> Option<Nanos> {
    (delta != NEVER).then(|| intended + nanos(delta))
}
