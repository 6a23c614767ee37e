//! What concerns other generations: starting the next one, talking to both neighbours, taking care of what a dead one leaves.

use std::{
    ffi::{CString, OsString},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    process,
    sync::Arc,
};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use protocol::master::{PeerMessage, Result as Outcome, WorkerId};
use rustix::process::Signal;

use super::{
    Master, Source,
    child::{hold, open_pidfd},
    peer::Peer,
    start::{LISTENERS_VARIABLE, PEER_VARIABLE},
};
use crate::{
    orphan,
    os::{self, Forked},
    privileges, wire,
};

impl Master {
    pub(super) fn spawn_successor(&mut self) -> Outcome {
        match self.fork_successor() {
            Ok(peer) => {
                self.watch(&peer.pidfd, Source::SuccessorExit);
                self.watch(&peer.channel, Source::SuccessorSaid);
                self.log.notice(&format!(
                    "start new master process {}: {}",
                    peer.pid,
                    self.home.program.display()
                ));
                self.successor = Some(peer);
                Outcome::SuccessorSpawned
            }
            Err(error) => {
                self.log.alert(&format!("failed to start a new master: {error}"));
                Outcome::SuccessorNotSpawned
            }
        }
    }

    fn fork_successor(&self) -> io::Result<Peer> {
        let (ours, theirs) = wire::channel()?;
        let generation = self.state.successor.map_or(0, |successor| successor.generation);
        let own = open_pidfd(nix::unistd::getpid())?;
        let from = self.state.generation;
        let hello = wire::Hello { generation, from, pid: process::id(), pidfd: own.as_fd() };
        wire::send_hello(ours.as_fd(), &hello)?;
        let known: Vec<BorrowedFd> = self.workers.values().map(|child| child.pidfd.as_fd()).collect();
        wire::send_introductions(ours.as_fd(), &known)?;
        match os::fork_single_threaded()? {
            Forked::Child => {
                let error = self.become_successor(&theirs);
                self.log.emerg(&format!("failed to execute {}: {error}", self.home.program.display()));
                process::exit(127)
            }
            Forked::Parent(pid) => Ok(Peer {
                pid: pid.as_raw().unsigned_abs(),
                channel: ours,
                pidfd: hold(pid)?,
                introduced: Vec::new(),
            }),
        }
    }

    fn become_successor(&self, channel: &OwnedFd) -> io::Error {
        let mut kept: Vec<BorrowedFd> = self.settings.listeners.iter().map(|l| l.socket.as_fd()).collect();
        let listeners: String = kept.iter().map(|fd| format!("{};", os::number(*fd))).collect();
        kept.push(channel.as_fd());
        let ours = [(LISTENERS_VARIABLE, listeners), (PEER_VARIABLE, os::number(channel.as_fd()))];
        let inherited =
            std::env::vars_os().filter(|(name, _)| ours.iter().all(|(variable, _)| name != variable));
        let environment: Vec<CString> = inherited
            .map(|(name, value)| [name, "=".into(), value].concat_bytes())
            .chain(ours.iter().map(|(name, value)| format!("{name}={value}").into_bytes()))
            .filter_map(|entry| CString::new(entry).ok())
            .collect();
        os::execute(self.home.program.as_os_str(), &self.home.arguments, &environment, &kept)
    }

    pub(super) fn kill_successor(&self) {
        if let Some(peer) = &self.successor {
            self.signal(&peer.pidfd, Signal::KILL);
        }
    }

    pub(super) fn reap_successor(&mut self) {
        let Some(pidfd) = self.unreaped.take() else { return };
        match waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
            Ok(status) => self.log.notice(&format!("new master process ended: {status:?}")),
            Err(errno) => self.log.alert(&format!("failed to reap the new master: {errno}")),
        }
    }

    pub(super) fn tell_peer(&self, peer: Option<&Peer>, message: PeerMessage) {
        let Some(peer) = peer else { return };
        if let Err(error) = wire::send_peer(peer.channel.as_fd(), message) {
            self.log.error(&format!("failed to tell master process {} {message:?}: {error}", peer.pid));
        }
    }

    pub(super) fn introduce(&self, id: WorkerId) {
        let Some(child) = self.workers.get(&id) else { return };
        for peer in self.predecessor.iter().chain(&self.successor) {
            if let Err(error) = wire::send_introductions(peer.channel.as_fd(), &[child.pidfd.as_fd()]) {
                self.log.error(&format!(
                    "failed to introduce worker process {} to {}: {error}",
                    child.pid, peer.pid
                ));
            }
        }
    }

    /// The workers that a server without a master left to us.
    pub(super) fn take_over_from(&mut self, orphans: Vec<(u32, OwnedFd)>) {
        if orphans.is_empty() {
            return;
        }
        let (generation, count) = (self.state.generation, orphans.len());
        self.log
            .warn(&format!("generation {generation} takes over from {count} workers whose master is gone"));
        let (pids, pidfds): (Vec<u32>, Vec<OwnedFd>) = orphans.into_iter().unzip();
        self.taken_over.extend(pids);
        self.adopt(pidfds);
    }

    /// One that noticed only lately that its master is gone must not be left behind, for nobody else comes for it.
    pub(super) fn drain_orphans(&mut self) {
        let configuration = Arc::clone(&self.settings.configuration);
        let family = orphan::family(&self.settings.pid_file);
        let late =
            orphan::find(&family, &self.taken_over, |user| privileges::is_worker(&configuration, user));
        self.take_over_from(late.workers);
        self.signal_orphans(Signal::QUIT);
    }

    pub(super) fn signal_orphans(&self, signal: Signal) {
        self.orphans.iter().for_each(|pidfd| self.signal(pidfd, signal));
    }
}

trait ConcatBytes {
    fn concat_bytes(self) -> Vec<u8>;
}

impl ConcatBytes for [OsString; 3] {
    fn concat_bytes(self) -> Vec<u8> {
        self.into_iter().flat_map(OsStringExt::into_vec).collect()
    }
}
