//! All facts of one run, as read back from its directory.

use crate::{Caller, Event, Nanos, Record, SocketState, Stamped, fault::Strike, journal::Entry};

/// What a check judges. Built by `ledger` from a run directory; nothing here was computed.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The event log in order.
    pub events: Vec<Stamped>,
    /// Every used record of every ledger file.
    pub records: Vec<Record>,
    /// Journals by origin name (or target name).
    pub journals: Vec<(String, Vec<Entry>)>,
    /// What origins did wrong on purpose, by their names; of those that were asked to do so.
    pub strikes: Vec<(String, Vec<Strike>)>,
    /// Connections of failed attempts, of the first some thousand of them, by id.
    pub sockets: Vec<SocketState>,
    /// Who opened which connection, of populations whose clients have addresses of their own.
    pub callers: Vec<Caller>,
    /// What masters wrote down of their turns, in order of target and pid.
    pub turns: Vec<Turns>,
    /// Lines of the log that could not be read (the writer was killed in mid-line).
    pub unreadable_lines: usize,
    /// Files that are not the whole truth, one sentence each: a ledger that was never sealed, a journal that was full.
    pub incomplete: Vec<String>,
}

/// What one master wrote down of its turns, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// Which target it is of.
    pub target: String,
    /// Its process.
    pub pid: u32,
    /// One line each; `protocol::master::recorded` says how they are read.
    pub text: String,
}

impl History {
    /// True when the run ended by itself and neither its log nor its ledgers and journals have a gap. An unsealed history never passes.
    pub fn is_sealed(&self) -> bool {
        let gapless = self.events.iter().enumerate().all(|(index, line)| line.number == index as u64);
        let ended =
            matches!(self.events.last().map(|e| &e.event), Some(Event::RunEnded { interrupted: false }));
        gapless && ended && self.unreadable_lines == 0 && self.incomplete.is_empty()
    }

    /// The begin of each phase in order: (phase, instant).
    pub fn phases(&self) -> impl Iterator<Item = (u8, Nanos)> + '_ {
        self.events.iter().filter_map(|line| match line.event {
            Event::PhaseBegan { phase, .. } => Some((phase, line.at.latest)),
            _ => None,
        })
    }
}
