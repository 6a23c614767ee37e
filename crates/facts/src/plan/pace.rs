//! When the requests of a population are meant to start.

use serde::{Deserialize, Serialize};

/// When requests are meant to start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Open loop on one global grid, this many a second.
    Constant { per_second: f64 },
    /// Open loop, exponential gaps, this many a second on average.
    Poisson { per_second: f64 },
    /// As `Poisson`, from one rate evenly to the other in this time; it then stays there.
    Ramp { from: f64, to: f64, over_ns: u64 },
    /// As `Ramp`, in so many stairs of the same length: the first has the rate `from`, `to` is reached after the last.
    Step { from: f64, to: f64, steps: u32, over_ns: u64 },
    /// Open loop, so many at one instant, at random instants; this many requests a second on average.
    Burst { per_second: f64, size: u32 },
    /// Each connection sends this long after its last answer (partly open; keepalive only).
    Think { nanos: u64 },
    /// Closed loop: each connection sends as soon as it was answered (keepalive only). For comparison only: whatever
    /// delays answers delays the questions too, so its latencies are no evidence.
    Closed,
    /// All connections send at the same instant, whenever this happens, and nothing between. Those that are kept are
    /// opened with a request each at the begin.
    Volley { fires: Fires },
}

/// When a volley is fired. A step can always fire one besides (`LoadChange::Fire`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fires {
    /// Only when a step says so.
    Told,
    /// When this phase begins, before its action.
    Phase { phase: u8 },
    /// When the server is first seen to close one of the population's idle connections: the others send into the
    /// closing of theirs.
    FirstClose,
    /// Again and again.
    Every { nanos: u64 },
}

impl Pace {
    /// The most requests a second that the plan ever wants on average; `None` for clients that pace themselves.
    pub fn highest_rate(self) -> Option<f64> {
        match self {
            Pace::Constant { per_second } | Pace::Poisson { per_second } | Pace::Burst { per_second, .. } => {
                Some(per_second)
            }
            Pace::Ramp { from, to, .. } | Pace::Step { from, to, .. } => Some(from.max(to)),
            Pace::Think { .. } | Pace::Closed | Pace::Volley { .. } => None,
        }
    }
}
