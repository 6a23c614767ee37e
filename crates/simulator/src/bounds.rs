//! How much may be done to the server from outside.

use protocol::signals::{Signal, Signals};

/// What an exploration is bounded by. Everything within is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bounds {
    /// Workers of each generation.
    pub workers: u8,
    /// How often each signal may be sent.
    pub signals: Budget,
    /// How many different signals may be pending when a master takes a turn.
    pub together: u8,
    /// Kills, stops, failed system calls.
    pub faults: u8,
    /// How often a master may be overtaken: by a worker's report it does not wait for, or in the middle of its effects.
    pub delays: u8,
}

/// How often each signal may still be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Budget([u8; LISTED.len()]);

/// INT is TERM by another name, and USR1 changes nothing that matters here.
const LISTED: [Signal; 5] = [Signal::Hup, Signal::Quit, Signal::Term, Signal::Usr2, Signal::Winch];

impl Budget {
    /// So many of each that is listed; none of any other.
    pub fn new(counts: &[(Signal, u8)]) -> Budget {
        let count = |signal| counts.iter().filter(|(s, _)| *s == signal).map(|(_, count)| count).sum();
        Budget(LISTED.map(count))
    }

    /// The same, by position.
    pub const fn each(hup: u8, quit: u8, term: u8, usr2: u8, winch: u8) -> Budget {
        Budget([hup, quit, term, usr2, winch])
    }

    /// How often each may still be sent.
    pub(crate) fn left(self) -> [u8; LISTED.len()] {
        self.0
    }

    /// What is left after these were sent.
    pub(crate) fn without(self, sent: Signals) -> Budget {
        let mut left = self.0;
        let pairs = left.iter_mut().zip(LISTED);
        pairs.filter(|(_, signal)| sent.contains(*signal)).for_each(|(left, _)| *left -= 1);
        Budget(left)
    }

    /// Whether all of these can still be sent.
    pub(crate) fn has(self, sent: Signals) -> bool {
        LISTED.iter().zip(self.0).all(|(signal, left)| left > 0 || !sent.contains(*signal))
    }

    /// Every set of at most `together` signals that can be sent, the empty one not among them.
    pub(crate) fn sets(self, together: u8) -> impl Iterator<Item = Signals> {
        let subset = |bits: u8| -> Signals {
            LISTED
                .iter()
                .enumerate()
                .filter(|(at, _)| bits & (1 << at) != 0)
                .map(|(_, signal)| *signal)
                .collect()
        };
        let small = move |bits: &u8| bits.count_ones() <= u32::from(together);
        (1..1 << LISTED.len()).filter(small).map(subset).filter(move |set| self.has(*set))
    }
}

impl core::fmt::Display for Bounds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} workers each;", self.workers)?;
        for (signal, count) in LISTED.iter().zip(self.signals.0).filter(|(_, count)| *count > 0) {
            write!(f, " {} {count}", signal.name())?;
        }
        write!(f, "; {} together, {} faults, {} delays", self.together, self.faults, self.delays)
    }
}
