//! Which peer answers next: smooth weighted round robin and the accounting of failures, as nginx does them
//! (`ngx_http_upstream_get_round_robin_peer`, `ngx_http_upstream_free_round_robin_peer`), pick for pick.
//!
//! Knows no clock and no connection: seconds come in, the index of a peer goes out. The state is one worker's.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod peer;
mod pool;

pub use peer::{Availability, Setup};
pub use pool::{Attempts, Ended, Pool};
