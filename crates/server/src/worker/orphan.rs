//! An orphan waits to be taken over: see `crate::orphan`.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process,
    sync::Arc,
};

use rustix::process::{PidfdFlags, getpid, pidfd_open};
use tokio::{io::Interest, net::UnixDatagram};

use super::Listener;
use crate::{control, log::Log, orphan::Lineage, segment::Segment, wire};

/// What an orphan has to give.
pub(super) struct Legacy {
    /// The generation it belongs to.
    pub(super) generation: u32,
    /// The one after all that there were.
    pub(super) next_generation: u32,
    /// Its listening sockets.
    pub(super) sockets: Vec<OwnedFd>,
    /// What it knows of the peers of its upstreams.
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) log: Log,
}

impl Legacy {
    pub(super) fn new(
        generation: u32,
        lineage: &Lineage,
        listeners: &[Listener],
        log: &Log,
    ) -> io::Result<Legacy> {
        let next_generation = lineage.numbering.get()?.max(generation + 1);
        let sockets: io::Result<Vec<OwnedFd>> =
            listeners.iter().map(|listener| listener.socket.try_clone()).collect();
        let segments = lineage.segments.clone();
        Ok(Legacy { generation, next_generation, sockets: sockets?, segments, log: log.clone() })
    }

    /// Gives it to every master that comes for it, for as long as this is polled.
    pub(super) async fn give(self, family: String) {
        if let Err(error) = self.wait_for_masters(&family).await {
            self.log.alert(&format!("nobody can take over from this worker: {error}"));
        }
    }

    async fn wait_for_masters(&self, family: &str) -> io::Result<()> {
        let listener = control::open(&format!("{family}{}", process::id()))?;
        // What tokio knows of a datagram socket, its readiness, is the same for one that listens.
        let readiness = UnixDatagram::from_std(listener.try_clone()?.into())?;
        loop {
            readiness.readable().await?;
            let next = || control::admit(&listener).ok_or_else(|| io::ErrorKind::WouldBlock.into());
            while let Ok(master) = readiness.try_io(Interest::READABLE, next) {
                match self.hand_to(&master) {
                    Ok(()) => self.log.notice("a new master takes over from this worker"),
                    Err(error) => self.log.error(&format!("failed to hand over to a new master: {error}")),
                }
            }
        }
    }

    fn hand_to(&self, master: &OwnedFd) -> io::Result<()> {
        let own = pidfd_open(getpid(), PidfdFlags::empty())?;
        let (generation, from) = (self.next_generation, self.generation);
        let zones = self.segments.iter().map(|segment| segment.descriptor()).collect();
        let hello = wire::Hello { generation, from, pid: process::id(), pidfd: own.as_fd(), zones };
        wire::send_hello(master.as_fd(), &hello)?;
        let sockets: Vec<BorrowedFd> = self.sockets.iter().map(AsFd::as_fd).collect();
        wire::send_listeners(master.as_fd(), &sockets)
    }
}
