//! The masters beyond our neighbours: the predecessor's predecessor (elder) and the successor's successor (heir). The one between
//! introduces them to each other before the newest is forked, so that none of its deaths can leave them strangers. They have no
//! other tie: that one of them is gone is told by the end of the channel.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process,
};

use protocol::master::{Farewells, Wakeup};

use super::{
    Master, Source,
    child::open_pidfd,
    peer::{Newcomer, Peer},
};
use crate::wire;

impl Master {
    /// The channel between our predecessor and the master that we are about to fork: one end goes to the predecessor, the other one
    /// is returned. `None` without a predecessor, or if it cannot be told any more.
    pub(super) fn introduce_to_elder(&self, generation: u32) -> io::Result<Option<OwnedFd>> {
        let (Some(peer), Some(old)) = (&self.predecessor, self.state.predecessor) else { return Ok(None) };
        let Some(pidfd) = &peer.pidfd else { return Ok(None) };
        let (ours, theirs) = wire::channel()?;
        let (from, pid, pidfd) = (old.generation, peer.pid, pidfd.as_fd());
        let hello = wire::Hello { generation, from, pid, pidfd, zones: Vec::new() };
        // In the predecessor's name: it may be gone, or stopped, when the new master asks.
        wire::send_hello(ours.as_fd(), &hello)?;
        let told = wire::send_heir(peer.channel.as_fd(), generation, ours.as_fd());
        self.log_unheard("introduce the new master to", told);
        Ok(Some(theirs))
    }

    /// Tells the predecessor's predecessor who we are.
    pub(super) fn greet_elder(&self) -> io::Result<()> {
        let Some(elder) = &self.elder else { return Ok(()) };
        let own = open_pidfd(nix::unistd::getpid())?;
        let generation = self.state.generation;
        let (pid, pidfd) = (process::id(), own.as_fd());
        let hello = wire::Hello { generation, from: generation, pid, pidfd, zones: Vec::new() };
        wire::send_hello(elder.channel.as_fd(), &hello)
    }

    /// Who said that it exits this moment.
    pub(super) fn farewells(&self) -> Farewells {
        let exits = |peer: &Option<Peer>| peer.as_ref().is_some_and(|peer| peer.exits);
        Farewells {
            successor: exits(&self.successor),
            predecessor: exits(&self.predecessor),
            elder: exits(&self.elder),
            heir: exits(&self.heir),
        }
    }

    /// Tells all others whether we exit this moment; true if that is news.
    pub(super) fn say_farewell(&mut self, exits: bool) -> bool {
        if self.said_farewell == exits {
            return false;
        }
        self.said_farewell = exits;
        for peer in self.peers() {
            self.log_unheard("say farewell to", wire::send_farewell(peer.channel.as_fd(), exits));
        }
        true
    }

    pub(super) fn hear_heir(&mut self, wakeup: &mut Wakeup) {
        let Some(heir) = &mut self.heir else { return };
        match heir.hear() {
            Ok(heard) => {
                wakeup.from_heir.extend(heard.messages);
                if heard.ended {
                    self.lose_heir(wakeup);
                }
            }
            Err(error) => {
                self.log.alert(&format!("failed to hear the newest master: {error}"));
                self.lose_heir(wakeup);
            }
        }
    }

    fn lose_heir(&mut self, wakeup: &mut Wakeup) {
        let Some(peer) = self.heir.take() else { return };
        self.unwatch_quietly(&peer.channel);
        let next = self.bury(peer);
        wakeup.heir_died = true;
        wakeup.heir_came = None;
        wakeup.from_heir.clear();
        if let Some(newcomer) = next {
            self.meet_heir(newcomer, wakeup);
        }
    }

    pub(super) fn hear_elder(&mut self, wakeup: &mut Wakeup) {
        let Some(elder) = &mut self.elder else { return };
        let heard = elder.hear();
        match heard {
            Ok(heard) => {
                wakeup.from_elder.extend(heard.messages);
                if !heard.ended {
                    return;
                }
            }
            Err(error) => self.log.alert(&format!("failed to hear the oldest master: {error}")),
        }
        let Some(peer) = self.elder.take() else { return };
        self.unwatch_quietly(&peer.channel);
        self.bury(peer);
        self.remove_left_behind();
        wakeup.elder_died = true;
    }

    /// Takes care of what a master that is gone leaves; the master that it was about to start, if any.
    pub(super) fn bury(&mut self, peer: Peer) -> Option<Newcomer> {
        self.adopt(peer.introduced);
        if peer.pid > 0 {
            self.dead.push(peer.pid);
        }
        peer.heir
    }

    /// What the successor said of a master that it is about to start.
    pub(super) fn meet_next_heir(&mut self, wakeup: &mut Wakeup) {
        if let Some(newcomer) = self.successor.as_mut().and_then(|peer| peer.heir.take()) {
            self.meet_heir(newcomer, wakeup);
        }
    }

    pub(super) fn meet_heir(&mut self, newcomer: Newcomer, wakeup: &mut Wakeup) {
        self.lose_heir(wakeup);
        let peer = Peer::new(0, newcomer.channel, None);
        self.watch(&peer.channel, Source::HeirSaid);
        self.heir = Some(peer);
        wakeup.heir_came = Some(newcomer.generation);
        wakeup.from_heir.clear();
    }

    pub(super) fn promote_elder(&mut self) {
        self.predecessor = self.elder.take();
        let Some(peer) = &self.predecessor else { return };
        self.unwatch_quietly(&peer.channel);
        self.watch_neighbour(peer, Source::PredecessorSaid, Source::PredecessorExit);
    }

    pub(super) fn promote_heir(&mut self) {
        self.successor = self.heir.take();
        let Some(peer) = &self.successor else { return };
        self.unwatch_quietly(&peer.channel);
        self.watch_neighbour(peer, Source::SuccessorSaid, Source::SuccessorExit);
    }

    pub(super) fn watch_neighbour(&self, peer: &Peer, said: Source, exit: Source) {
        self.watch(&peer.channel, said);
        if let Some(pidfd) = &peer.pidfd {
            self.watch(pidfd, exit);
        }
    }
}
