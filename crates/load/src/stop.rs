//! What the thread of an engine shares with its owner: how far it is, and the wish to stop.

use std::{io, os::fd::OwnedFd, sync::atomic::AtomicU64};

use rustix::{
    event::{EventfdFlags, eventfd},
    io::write,
};

use crate::sys::Epoll;

/// Token of the wish to stop; no client has it.
pub(crate) const STOP_TOKEN: u64 = u64::MAX;

/// Counters to look at while the engine runs, and the way to stop it.
pub(crate) struct Shared {
    pub(crate) planned: AtomicU64,
    stop: OwnedFd,
}

impl Shared {
    pub(crate) fn new(epoll: &Epoll) -> io::Result<Shared> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll.add_bell(&stop, STOP_TOKEN)?;
        Ok(Shared { planned: AtomicU64::new(0), stop })
    }

    pub(crate) fn stop(&self) {
        // Fails only when the counter is full, and then it was written before.
        let _ = write(&self.stop, &1_u64.to_ne_bytes());
    }
}
