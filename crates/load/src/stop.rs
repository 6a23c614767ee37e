//! What the thread of an engine shares with its owner: how far it is, what it is to change, and the wish to stop.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use facts::plan::LoadChange;

use rustix::{
    event::{EventfdFlags, eventfd},
    io::write,
};

use crate::sys::Epoll;

/// Token of the owner's wishes; no client has it.
pub(crate) const BELL_TOKEN: u64 = u64::MAX;

/// Counters to look at while the engine runs, and the way to tell it something.
pub(crate) struct Shared {
    pub(crate) planned: AtomicU64,
    is_stopped: AtomicBool,
    changes: Mutex<Vec<(usize, LoadChange)>>,
    bell: OwnedFd,
}

impl Shared {
    pub(crate) fn new(epoll: &Epoll) -> io::Result<Shared> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll.add_bell(&bell, BELL_TOKEN)?;
        let (planned, is_stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Shared { planned, is_stopped, changes: Mutex::default(), bell })
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// What becomes of a population, by its index, as soon as the engine comes to it.
    pub(crate) fn change(&self, population: usize, change: LoadChange) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push((population, change));
        self.ring();
    }

    pub(crate) fn take_changes(&self) -> Vec<(usize, LoadChange)> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self) {
        // Fails only when the counter is full, and then it was written before.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }
}
