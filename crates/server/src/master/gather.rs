//! Turns readable descriptors into one wakeup. Records; decides nothing.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::{
        epoll::{EpollEvent, EpollTimeout},
        signal::Signal as Raised,
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
};
use protocol::{
    master::{Wakeup, WorkerId},
    signals::Signal,
};

use super::{
    Master, Source,
    peer::{Heard, Peer, is_readable},
};
use crate::{
    ending,
    wire::{self, Frame},
};

/// Signals a master listens to; all of them stay blocked and come by signalfd.
pub(crate) const SIGNALS: [(Raised, Signal); 7] = [
    (Raised::SIGHUP, Signal::Hup),
    (Raised::SIGINT, Signal::Int),
    (Raised::SIGQUIT, Signal::Quit),
    (Raised::SIGTERM, Signal::Term),
    (Raised::SIGUSR1, Signal::Usr1),
    (Raised::SIGUSR2, Signal::Usr2),
    (Raised::SIGWINCH, Signal::Winch),
];

/// Events taken per turn; what does not fit is still readable in the next.
const EVENTS_PER_TURN: usize = 64;

impl Master {
    /// Waits for something to happen, or for the next deadline; not at all while something waits to be told.
    pub(super) fn gather(&mut self, wakeup: &mut Wakeup) -> io::Result<()> {
        let knows = !wakeup.results.is_empty() || wakeup.heir_came.is_some();
        let timeout = if knows { EpollTimeout::ZERO } else { self.patience() };
        self.gather_within(timeout, wakeup)
    }

    /// What has happened already.
    pub(super) fn gather_at_once(&mut self, wakeup: &mut Wakeup) -> io::Result<()> {
        self.gather_within(EpollTimeout::ZERO, wakeup)
    }

    fn gather_within(&mut self, timeout: EpollTimeout, wakeup: &mut Wakeup) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_PER_TURN];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        for event in &events[..ready] {
            self.note(Source::from_token(event.data()), wakeup);
        }
        Ok(())
    }

    fn patience(&self) -> EpollTimeout {
        match self.state.deadline_ms() {
            Some(ms) => EpollTimeout::try_from(ms.min(i32::MAX as u32)).unwrap_or(EpollTimeout::NONE),
            None => EpollTimeout::NONE,
        }
    }

    fn note(&mut self, source: Source, wakeup: &mut Wakeup) {
        match source {
            Source::Signals => self.note_signals(wakeup),
            Source::WorkerExit(id) => self.note_worker_exit(id, wakeup),
            Source::WorkerSaid(id) => self.note_worker_reports(id, wakeup),
            Source::SuccessorSaid => self.hear_successor(wakeup),
            Source::HeirSaid => self.hear_heir(wakeup),
            Source::ElderSaid => self.hear_elder(wakeup),
            Source::PredecessorSaid => wakeup.from_predecessor.extend(self.hear_predecessor()),
            Source::SuccessorExit => self.note_successor_death(wakeup),
            Source::PredecessorExit => self.note_predecessor_death(wakeup),
            Source::OrphanExit => self.forget_ended_orphans(),
            Source::Caller => self.hear_callers(),
        }
    }

    fn note_signals(&mut self, wakeup: &mut Wakeup) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let raised = SIGNALS.iter().find(|(raised, _)| *raised as u32 == info.ssi_signo);
            if let Some((_, signal)) = raised {
                wakeup.signals.insert(*signal);
            }
        }
    }

    fn note_worker_exit(&mut self, id: WorkerId, wakeup: &mut Wakeup) {
        // It may have said why.
        self.note_worker_reports(id, wakeup);
        let Some(child) = self.workers.remove(&id) else { return };
        self.unwatch(&child.pidfd);
        let status = waitid(Id::PIDFd(child.pidfd.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
        let line = match status {
            Ok(status) => format!("worker process {} {}", child.pid, ending::told(status)),
            Err(errno) => format!("worker process {} ended, and was not ours to reap: {errno}", child.pid),
        };
        match status {
            Ok(WaitStatus::Exited(..)) => self.log.notice(&line),
            _ => self.log.alert(&line),
        }
        self.last_exit = Some(match child.words {
            Some(words) => format!("{line}: {words}"),
            None => line,
        });
        self.sweep_zones();
        wakeup.exits.push(id);
    }

    fn note_worker_reports(&mut self, id: WorkerId, wakeup: &mut Wakeup) {
        let Some(child) = self.workers.get_mut(&id) else { return };
        let failure = loop {
            match wire::receive(child.channel.as_fd()) {
                Ok(Some(Frame::Report(report))) => wakeup.reports.push((id, report)),
                Ok(Some(Frame::Words(words))) => child.words = Some(words),
                Ok(Some(_)) => break Some("it sent what no worker has to say".to_owned()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The channel is over; that the process is too will be told by its pidfd.
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        let Some(child) = self.workers.get(&id) else { return };
        if let Some(why) = failure {
            self.log.alert(&format!("failed to hear worker process {}: {why}", child.pid));
        }
        // It may be over for a second time.
        self.unwatch_quietly(&child.channel);
    }

    fn hear_successor(&mut self, wakeup: &mut Wakeup) {
        let stranger = self.successor.as_ref().is_some_and(|peer| peer.pidfd.is_none());
        let heard = self.successor.as_mut().map(|peer| (peer.hear(), peer.pid));
        let messages = self.understand(heard, "new");
        self.meet_next_heir(wakeup);
        match (&messages, &self.successor) {
            // It has said who it is: from here on its process tells of its end.
            (Some(_), Some(Peer { pidfd: Some(pidfd), .. })) if stranger => {
                self.watch(pidfd, Source::SuccessorExit);
            }
            (None, Some(Peer { pidfd: None, .. })) => return self.note_successor_death(wakeup),
            (None, Some(peer)) => self.unwatch(&peer.channel),
            _ => {}
        }
        wakeup.from_successor.extend(messages.unwrap_or_default());
    }

    fn hear_predecessor(&mut self) -> Vec<protocol::master::PeerMessage> {
        let heard = self.predecessor.as_mut().map(|peer| (peer.hear(), peer.pid));
        let messages = self.understand(heard, "old");
        if let (None, Some(peer)) = (&messages, &self.predecessor) {
            self.unwatch(&peer.channel);
        }
        messages.unwrap_or_default()
    }

    /// What was said; `None` when nothing will be said any more. A peer that talks nonsense is not believed again: its deadline
    /// or its end decides.
    fn understand(
        &self,
        heard: Option<(io::Result<Heard>, u32)>,
        which: &str,
    ) -> Option<Vec<protocol::master::PeerMessage>> {
        match heard {
            Some((Ok(heard), _)) if !heard.ended || !heard.messages.is_empty() => Some(heard.messages),
            Some((Err(error), pid)) => {
                self.log.alert(&format!("failed to hear the {which} master {pid}: {error}"));
                None
            }
            _ => None,
        }
    }

    fn note_successor_death(&mut self, wakeup: &mut Wakeup) {
        // What it introduced before it died are the orphans to take care of.
        if let Some(Ok(last)) = self.successor.as_mut().map(Peer::hear) {
            wakeup.from_successor.extend(last.messages);
        }
        self.meet_next_heir(wakeup);
        let Some(mut peer) = self.successor.take() else { return };
        self.unwatch_quietly(&peer.channel);
        self.unreaped = peer.pidfd.take();
        self.last_words = peer.words.take();
        self.unreaped.iter().for_each(|pidfd| self.unwatch(pidfd));
        self.bury(peer);
        wakeup.successor_died = true;
    }

    fn note_predecessor_death(&mut self, wakeup: &mut Wakeup) {
        if let Some(Ok(last)) = self.predecessor.as_mut().map(Peer::hear) {
            wakeup.from_predecessor.extend(last.messages);
        }
        let Some(peer) = self.predecessor.take() else { return };
        peer.pidfd.iter().for_each(|pidfd| self.unwatch(pidfd));
        self.unwatch_quietly(&peer.channel);
        self.bury(peer);
        self.settle_zones();
        self.remove_left_behind();
        wakeup.predecessor_died = true;
    }

    /// They are remembered until they have ended, because a fast stop has to reach them, too.
    pub(super) fn adopt(&mut self, orphans: Vec<OwnedFd>) {
        orphans.iter().for_each(|pidfd| self.watch(pidfd, Source::OrphanExit));
        self.orphans.extend(orphans);
        self.forget_ended_orphans();
    }

    fn forget_ended_orphans(&mut self) {
        let orphans = std::mem::take(&mut self.orphans);
        let (ended, living): (Vec<OwnedFd>, Vec<OwnedFd>) = orphans.into_iter().partition(is_readable);
        ended.iter().for_each(|pidfd| self.unwatch(pidfd));
        self.orphans = living;
        self.sweep_zones();
    }

    /// A channel may have been unwatched before, when its other end closed.
    pub(super) fn unwatch_quietly(&self, fd: impl AsFd) {
        let _ = self.epoll.delete(fd);
    }
}
