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
    /// Each connection sends this long after its last answer (partly open; keepalive only).
    Think { nanos: u64 },
}
