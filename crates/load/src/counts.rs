//! How many: counters that the thread of an engine alone writes, and anybody may read while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use facts::{Blame, Outcome, Record};

const CLASSES: usize = Outcome::BYTES;

/// A counter with one writer: no locked instruction is needed to count up.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one thread.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) planned: Counter,
    pub(crate) sent: Counter,
    pub(crate) unsent: Counter,
    pub(crate) connections: Counter,
    bytes_out: Counter,
    bytes_in: Counter,
    outcomes: [Counter; CLASSES],
}

impl Default for Counters {
    fn default() -> Counters {
        let zero = Counter::default;
        Counters {
            planned: zero(),
            sent: zero(),
            unsent: zero(),
            connections: zero(),
            bytes_out: zero(),
            bytes_in: zero(),
            outcomes: std::array::from_fn(|_| zero()),
        }
    }
}

impl Counters {
    /// An attempt is over.
    pub(crate) fn finish(&self, record: &Record, outcome: Outcome) {
        self.outcomes[outcome as usize].add(1);
        self.bytes_out.add(record.bytes_out.into());
        self.bytes_in.add(record.bytes_in.into());
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            planned: self.planned.get(),
            sent: self.sent.get(),
            unsent: self.unsent.get(),
            connections: self.connections.get(),
            bytes_out: self.bytes_out.get(),
            bytes_in: self.bytes_in.get(),
            outcomes: std::array::from_fn(|class| self.outcomes[class].get()),
        }
    }
}

/// How many so far. `planned` = `sent` + `unsent` + what waits for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Starts the arrival plan wanted.
    pub planned: u64,
    /// Attempts begun.
    pub sent: u64,
    /// Starts that never became an attempt: no connection was free until the end, or the ledger was full.
    pub unsent: u64,
    /// Connections begun by attempts that are over.
    pub connections: u64,
    /// Bytes of requests handed to the kernel, by attempts that are over.
    pub bytes_out: u64,
    /// Bytes of answers, of attempts that are over.
    pub bytes_in: u64,
    outcomes: [u64; CLASSES],
}

impl Default for Counts {
    fn default() -> Counts {
        Counters::default().read()
    }
}

impl Counts {
    /// Attempts that ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// Attempts that are over.
    pub fn finished(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Attempts that ended in a way that is the doing of this party.
    pub fn blamed(&self, blame: Blame) -> u64 {
        let theirs = Outcome::ALL.into_iter().filter(|outcome| outcome.blame() == blame);
        theirs.map(|outcome| self.of(outcome)).sum()
    }

    /// Those of another thread besides.
    pub(crate) fn plus(self, other: Counts) -> Counts {
        Counts {
            planned: self.planned + other.planned,
            sent: self.sent + other.sent,
            unsent: self.unsent + other.unsent,
            connections: self.connections + other.connections,
            bytes_out: self.bytes_out + other.bytes_out,
            bytes_in: self.bytes_in + other.bytes_in,
            outcomes: std::array::from_fn(|class| self.outcomes[class] + other.outcomes[class]),
        }
    }
}
