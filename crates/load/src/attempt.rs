//! An attempt and what is written down about it.

use bytemuck::Zeroable;
use facts::{
    Nanos, Record,
    plan::Method,
    record::{NEVER, flag, nanos, ticks},
};
use ledger::{Slot, clock};

use crate::{answer::Answer, head::Head, socket::Socket};

/// A start that was planned.
#[derive(Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) id: u64,
    pub(crate) intended: Nanos,
    pub(crate) population: usize,
    /// The phase it was meant to start in.
    pub(crate) phase: u8,
}

impl Planned {
    /// A record that says only what was planned.
    pub(crate) fn record(self) -> Record {
        Record {
            id: self.id,
            intended: self.intended,
            connected: NEVER,
            sent: NEVER,
            first_byte: NEVER,
            done: NEVER,
            population: self.population as u8,
            attempt: 1,
            phase_intended: self.phase,
            phase_done: self.phase,
            ..Record::zeroed()
        }
    }
}

/// An attempt that is under way. Its deadline counts from its actual start, so that a lagging generator blames nobody.
pub(crate) struct Attempt {
    pub(crate) slot: Slot,
    pub(crate) record: Record,
}

/// The kernel sends a SYN again after a second; nothing else makes a handshake on this machine take so long.
const SYN_IS_REPEATED_AFTER: Nanos = 900_000_000;

impl Attempt {
    /// Ticks from its intended start until now.
    pub(crate) fn ticks_so_far(&self) -> u32 {
        ticks(self.record.intended, clock::now())
    }

    /// It has a connection, `ticks` after it was meant to start, whose handshake began at `opened`.
    pub(crate) fn connected(&mut self, ticks: u32, opened: Nanos) {
        self.record.connected = ticks;
        if self.record.intended + nanos(ticks) > opened + SYN_IS_REPEATED_AFTER {
            self.record.flags |= flag::SYN_RETRY;
        }
    }

    /// Writes down what is known at its end. `socket` is the one it had, if it got one.
    pub(crate) fn describe(
        &mut self,
        answer: &Answer,
        socket: Option<&Socket>,
        written: usize,
        method: Method,
    ) {
        let record = &mut self.record;
        if let Some(socket) = socket {
            record.connection = socket.number;
            record.sequence = socket.sequence;
            record.local_port = socket.local_port;
        }
        record.bytes_out = u32::try_from(written).unwrap_or(u32::MAX);
        if answer.head().closes && answer.is_complete() {
            record.flags |= flag::CLOSE_ANNOUNCED;
        }
        if method == Method::Post {
            record.flags |= flag::UNSAFE_METHOD;
        }
        self.describe_head(answer.head(), answer.bytes_in());
    }

    /// Writes down what an answer says, of which so many bytes came.
    pub(crate) fn describe_head(&mut self, head: &Head, bytes_in: u64) {
        let record = &mut self.record;
        record.bytes_in = u32::try_from(bytes_in).unwrap_or(u32::MAX);
        record.server_pid = head.pid;
        record.generation = head.generation;
        record.status = head.status;
        record.origin = head.origin;
    }
}
