//! Which peer answers next, as nginx 1.22.1 decides it, pick for pick: the methods of `upstream`, one file each, the
//! accounting of failures, and the parts of `split_clients`.
//!
//! Knows no clock, no chance and no connection: seconds and random numbers come in, the index of a peer goes out. The
//! state is one worker's, or of all that put it back where the others find it. `golden/` holds picks recorded from nginx, and
//! the recorder.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod attempts;
mod consistent_hash;
mod ejection;
mod hash;
mod health;
mod ip_hash;
mod least_conn;
mod list;
mod peer;
mod pool;
mod random;
mod round_robin;
mod split_clients;
mod standing;

pub use attempts::Attempts;
pub use ejection::{Ejection, Trust};
pub use health::Health;
pub use ip_hash::hashed_part;
pub use peer::{Availability, Conns, Order, Setup};
pub use pool::{Ended, Method, Pool};
pub use split_clients::{Part, Split};
pub use standing::Standing;

/// Picks that meet no usable peer before a method gives up and leaves the choice to round robin.
const MISSES_MAX: u32 = 20;
