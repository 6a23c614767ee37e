//! Which processes are meant, and the signals that can be sent to them.

use serde::{Deserialize, Serialize};

/// Signals a scenario may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    Hup,
    Int,
    Quit,
    Term,
    Usr1,
    Usr2,
    Winch,
    Kill,
    Stop,
    Cont,
}

/// Processes of a target: `web.old.master`, `web.new.worker[0]`, `web.new.*`, `web.master`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Index into `Plan::targets`.
    pub target: usize,
    /// Which generation.
    pub generation: Which,
    /// Which of its processes.
    pub members: Members,
}

/// Which generation a selector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one that was in charge when the last upgrade began (`Target::upgrade_signal`; before any: the only one).
    Old,
    /// The newest one seen since then; nothing when none appeared.
    New,
    /// The one whose master the pid file names.
    Current,
    /// All.
    Any,
}

/// Which processes of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Members {
    /// Its master.
    Master,
    /// Its n-th live worker in order of pid.
    Worker(u32),
    /// All its workers.
    Workers,
    /// One of its live workers, drawn when it is acted on; only in a [`Reaction`](super::Reaction).
    AnyWorker,
    /// All its processes.
    All,
}
