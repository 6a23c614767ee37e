//! What concerns other generations: starting the next one, talking to both neighbours, taking care of what a dead one leaves.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    process,
    sync::Arc,
};

use nix::sys::socket::Shutdown;
use protocol::master::{PeerMessage, Result as Outcome, WorkerId};
use rustix::process::Signal;

use super::{
    Master, Source,
    child::{hold, open_pidfd},
    peer::Peer,
    start::{ELDER_VARIABLE, LISTENERS_VARIABLE, PEER_VARIABLE},
};
use crate::{
    last_in_force, orphan,
    os::{self, Forked},
    privileges, wire, zone,
};

impl Master {
    pub(super) fn spawn_successor(&mut self) -> Outcome {
        self.log_failure(
            "write down the number of the next generation",
            self.numbering.set(self.state.next_generation),
        );
        self.obituary = None;
        match self.fork_successor() {
            Ok(peer) => {
                self.watch_neighbour(&peer, Source::SuccessorSaid, Source::SuccessorExit);
                self.log.notice(&format!(
                    "start new master process {}: {}",
                    peer.pid,
                    self.home.program.display()
                ));
                self.successor = Some(peer);
                Outcome::SuccessorSpawned
            }
            Err(error) => {
                let line = format!("failed to start a new master: {error}");
                self.log.alert(&line);
                self.obituary = Some(line);
                Outcome::SuccessorNotSpawned
            }
        }
    }

    fn fork_successor(&self) -> io::Result<Peer> {
        let (ours, theirs) = wire::channel()?;
        let generation = self.state.successor.map_or(0, |successor| successor.generation);
        let own = open_pidfd(nix::unistd::getpid())?;
        let from = self.state.generation;
        let segments = zone::segments(&self.settings.zones);
        let zones = segments.iter().map(|segment| segment.descriptor()).collect();
        let hello = wire::Hello { generation, from, pid: process::id(), pidfd: own.as_fd(), zones };
        wire::send_hello(ours.as_fd(), &hello)?;
        wire::send_introductions(ours.as_fd(), &self.known_workers())?;
        let elder = self.introduce_to_elder(generation)?;
        match os::fork_single_threaded()? {
            Forked::Child => {
                let error = self.become_successor(&theirs, elder.as_ref());
                let line = format!("failed to execute {}: {error}", self.home.program.display());
                self.log.emerg(&line);
                let _ = wire::send_words(theirs.as_fd(), &line);
                process::exit(127)
            }
            Forked::Parent(pid) => Ok(Peer::new(pid.as_raw().unsigned_abs(), ours, Some(hold(pid)?))),
        }
    }

    /// Our own, and those of other generations that we may be the only one to know.
    fn known_workers(&self) -> Vec<BorrowedFd<'_>> {
        let own = self.workers.values().map(|child| child.pidfd.as_fd());
        let others = self.predecessor.iter().flat_map(|peer| &peer.introduced).chain(&self.orphans);
        own.chain(others.map(AsFd::as_fd)).collect()
    }

    fn become_successor(&self, channel: &OwnedFd, elder: Option<&OwnedFd>) -> io::Error {
        let mut kept: Vec<BorrowedFd> = self.settings.listeners.iter().map(|l| l.socket.as_fd()).collect();
        let listeners: String = kept.iter().map(|fd| format!("{};", os::number(*fd))).collect();
        kept.push(channel.as_fd());
        kept.extend(elder.map(AsFd::as_fd));
        let ours = [
            (LISTENERS_VARIABLE, listeners),
            (PEER_VARIABLE, os::number(channel.as_fd())),
            (ELDER_VARIABLE, elder.map(|channel| os::number(channel.as_fd())).unwrap_or_default()),
            (last_in_force::VARIABLE, String::new()),
        ];
        os::execute(self.home.program.as_os_str(), &self.home.arguments, &os::environment(&ours), &kept)
    }

    pub(super) fn kill_successor(&self) {
        match self.successor.as_ref().map(|peer| (&peer.pidfd, &peer.channel)) {
            Some((Some(pidfd), _)) => self.signal(pidfd, Signal::KILL),
            // Inherited from a successor that died, and it never said who it is: to us it is gone.
            Some((None, channel)) => {
                let cut = nix::sys::socket::shutdown(channel.as_raw_fd(), Shutdown::Both);
                self.log_failure("cut off a new master", cut.map_err(io::Error::from));
            }
            None => {}
        }
    }

    pub(super) fn tell_peer(&self, peer: Option<&Peer>, message: PeerMessage) {
        let Some(peer) = peer else { return };
        if let Err(error) = wire::send_peer(peer.channel.as_fd(), message) {
            self.log.error(&format!("failed to tell master process {} \"{message}\": {error}", peer.pid));
        }
    }

    pub(super) fn introduce(&self, id: WorkerId) {
        let Some(child) = self.workers.get(&id) else { return };
        for peer in self.peers() {
            if let Err(error) = wire::send_introductions(peer.channel.as_fd(), &[child.pidfd.as_fd()]) {
                self.log.error(&format!(
                    "failed to introduce worker process {} to {}: {error}",
                    child.pid, peer.pid
                ));
            }
        }
    }

    /// Every other master that we can talk to.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Peer> {
        [&self.elder, &self.predecessor, &self.successor, &self.heir].into_iter().flatten()
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
    pub(super) fn find_orphans(&mut self) {
        let configuration = Arc::clone(&self.settings.configuration);
        let family = orphan::family(&self.settings.pid_file);
        let late =
            orphan::find(&family, &self.taken_over, |user| privileges::is_worker(&configuration, user));
        self.take_over_from(late.workers);
    }

    pub(super) fn signal_orphans(&self, signal: Signal) {
        self.orphans.iter().for_each(|pidfd| self.signal(pidfd, signal));
    }
}
