//! What a generation as a whole is doing.

use core::fmt;

/// What a generation as a whole is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Its first workers prepare themselves; nobody was told to accept by it yet, or not all confirmed.
    Starting,
    /// All workers accept; the pid file is being written.
    Announcing,
    /// Serves, and keeps its number of workers.
    Serving,
    /// Told to leave (QUIT) while the predecessor lives: serves until that one has taken over, or gives up leaving.
    Yielding { remaining_ms: u32 },
    /// Its workers were told to drain (WINCH); the listeners are kept, the ready successor serves.
    Retired,
    /// Told to leave (QUIT) beside a ready successor: exits when its last worker does, comes back if the successor dies.
    Leaving,
    /// Told to stop with nobody to follow, or after another generation took over: exits when its last worker does.
    Stopping,
    /// Told to stop now: exits with `code` when its last worker does, and kills them after `remaining_ms`.
    Terminating { remaining_ms: u32, code: u8 },
    /// Has decided to exit.
    Gone,
}

/// As it stands in brackets after the name of a master.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Starting => "starting",
            Stage::Announcing => "announcing itself",
            Stage::Serving => "serving",
            Stage::Yielding { .. } => "waiting to be relieved",
            Stage::Retired => "retired",
            Stage::Leaving => "leaving",
            Stage::Stopping => "stopping",
            Stage::Terminating { .. } => "terminating",
            Stage::Gone => "gone",
        })
    }
}
