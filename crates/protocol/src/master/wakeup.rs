//! Everything a master knows at one turn of its loop.

use alloc::vec::Vec;
use core::fmt;

use super::state::WorkerId;
use crate::{Generation, signals::Signals, worker::Report};

/// One turn's input: sets and short sequences, never a single event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Wakeup {
    /// Milliseconds since the last turn.
    pub elapsed_ms: u32,
    /// Signals delivered since the last turn.
    pub signals: Signals,
    /// Workers that exited.
    pub exits: Vec<WorkerId>,
    /// What workers said, in order for each worker.
    pub reports: Vec<(WorkerId, Report)>,
    /// The successor's process ended.
    pub successor_died: bool,
    /// The predecessor's process ended.
    pub predecessor_died: bool,
    /// The successor has started a master: its number. The one it started before, if any, is gone.
    pub heir_came: Option<Generation>,
    /// The process of the successor's successor ended; of an earlier one, if another has come.
    pub heir_died: bool,
    /// The process of the predecessor's predecessor ended.
    pub elder_died: bool,
    /// What the successor said, in order.
    pub from_successor: Vec<PeerMessage>,
    /// What the predecessor said, in order.
    pub from_predecessor: Vec<PeerMessage>,
    /// What the predecessor's predecessor said, in order.
    pub from_elder: Vec<PeerMessage>,
    /// What the successor's successor said, in order.
    pub from_heir: Vec<PeerMessage>,
    /// How earlier effects went.
    pub results: Vec<Result>,
    /// Who of the other masters exits this moment.
    pub farewells: Farewells,
}

/// Other masters that said that they exit, and have not ended yet. Whoever is about to exit says so first and then looks whether
/// another has said it, too: of two that exit in the same instant at least one knows of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Farewells {
    /// The successor said so.
    pub successor: bool,
    /// The predecessor said so.
    pub predecessor: bool,
    /// The predecessor's predecessor said so.
    pub elder: bool,
    /// The successor's successor said so.
    pub heir: bool,
}

impl Wakeup {
    /// Adds what happened after this was gathered, before anything was done about it. Who exits is known anew.
    pub fn absorb(&mut self, later: Wakeup) {
        self.elapsed_ms = self.elapsed_ms.saturating_add(later.elapsed_ms);
        later.signals.iter().for_each(|signal| self.signals.insert(signal));
        self.exits.extend(later.exits);
        self.reports.extend(later.reports);
        if later.heir_came.is_some() {
            self.heir_came = later.heir_came;
            self.from_heir.clear();
        }
        self.heir_died |= later.heir_died;
        self.elder_died |= later.elder_died;
        self.successor_died |= later.successor_died;
        self.predecessor_died |= later.predecessor_died;
        self.from_successor.extend(later.from_successor);
        self.from_predecessor.extend(later.from_predecessor);
        self.from_elder.extend(later.from_elder);
        self.from_heir.extend(later.from_heir);
        self.results.extend(later.results);
        self.farewells = later.farewells;
    }
}

/// What one master tells another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum PeerMessage {
    /// To the predecessor: all my workers accept and the pid file names me.
    Ready,
    /// To the predecessor: I was told to leave; serve again and say so.
    TakeOver,
    /// To the successor: I serve again and the pid file names me; go.
    TookOver,
    /// To the predecessor: I have heard that you took over.
    Noted,
    /// To the successor: I was told to leave; if you are told so too, the server is meant.
    Leaving,
    /// To the successor: I know that the one between us is gone.
    Bonded,
    /// To the successor: I was told to leave, and called back.
    Staying,
    /// To the predecessor: I was told to stop; if you were told so too, do not take over.
    Stopping,
}

impl fmt::Display for PeerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerMessage::Ready => "ready",
            PeerMessage::TakeOver => "take over",
            PeerMessage::TookOver => "took over",
            PeerMessage::Noted => "noted",
            PeerMessage::Leaving => "leaving",
            PeerMessage::Bonded => "bonded",
            PeerMessage::Staying => "staying",
            PeerMessage::Stopping => "stopping",
        })
    }
}

/// How an effect went. An effect that is not named here cannot fail in a way that matters to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Result {
    /// `SpawnWorker` failed; the caller has logged why.
    WorkerNotSpawned(WorkerId),
    /// `LoadConfiguration` worked, new listeners included.
    ConfigurationLoaded {
        /// Workers the configuration wants; at least 1.
        workers: u32,
    },
    /// `LoadConfiguration` failed; nothing changed.
    ConfigurationRefused,
    /// `SpawnSuccessor` worked: a process was forked that executes the program file.
    SuccessorSpawned,
    /// `SpawnSuccessor` failed: no process.
    SuccessorNotSpawned,
    /// `WritePidFile` worked.
    PidFileWritten,
    /// `WritePidFile` failed; the file holds what it held before.
    PidFileNotWritten,
}
