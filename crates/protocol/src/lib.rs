//! The upgrade protocol as pure functions: what a master and a worker decide, and nothing that happens.
//!
//! [`master::step`] and [`worker::step`] take a state and a *wakeup* — everything that is known at one turn of
//! the loop, as sets, because signals coalesce and arrive in no order — and return the next state and the
//! effects to perform, in order. Whether an effect worked comes back in a later wakeup.
//!
//! Does not know: pids, file names, sockets, clocks. Time comes in as milliseconds elapsed, processes as
//! numbers the caller hands out. `no_std` keeps it so. The server runs this code, and `simulator` explores it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod master;
pub mod signals;
pub mod supervisor;
pub mod worker;

/// Generation of a server: one master and its workers, numbered from 1.
pub type Generation = u32;
