//! What the thread of an engine shares with its owner: how far it is, what it is to change, and the wish to stop.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use facts::{Nanos, plan::LoadChange};

use rustix::{
    event::{EventfdFlags, eventfd},
    io::write,
};

use crate::{counts::Counters, sys::Epoll};

/// Token of the owner's wishes; no client has it.
pub(crate) const BELL_TOKEN: u64 = u64::MAX;

/// What becomes of a population, and from when on: the same instant for all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) population: usize,
    pub(crate) change: LoadChange,
    pub(crate) at: Nanos,
}

/// Counters to look at while the engine runs, and the way to tell it something.
pub(crate) struct Shared {
    pub(crate) counters: Counters,
    is_stopped: AtomicBool,
    changes: Mutex<Vec<Wish>>,
    bell: OwnedFd,
}

impl Shared {
    pub(crate) fn new(epoll: &Epoll) -> io::Result<Shared> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll.add_bell(&bell, BELL_TOKEN)?;
        let (counters, is_stopped) = (Counters::default(), AtomicBool::new(false));
        Ok(Shared { counters, is_stopped, changes: Mutex::default(), bell })
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        self.ring();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// Done as soon as the engine comes to it.
    pub(crate) fn change(&self, wish: Wish) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(wish);
        self.ring();
    }

    pub(crate) fn take_changes(&self) -> Vec<Wish> {
        std::mem::take(&mut self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self) {
        // Fails only when the counter is full, and then it was written before.
        let _ = write(&self.bell, &1_u64.to_ne_bytes());
    }
}
