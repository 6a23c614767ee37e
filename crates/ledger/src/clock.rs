//! The one clock of a run.

use facts::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// Now on `CLOCK_MONOTONIC`, in nanoseconds: the same in every process of this machine.
pub fn now() -> Nanos {
    let time = clock_gettime(ClockId::Monotonic);
    // The kernel counts from boot: neither field is ever negative.
    time.tv_sec as Nanos * 1_000_000_000 + time.tv_nsec as Nanos
}
