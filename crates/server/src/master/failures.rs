//! Why an upgrade failed, in the words of those who know: a new master says how far it is and why it ends, a worker why it cannot
//! work, the kernel how a process ended. All of it comes together in one line, which is in the log, in the status, and told to
//! whoever ordered the upgrade.

use std::os::fd::AsFd;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use protocol::master::{Duty, Remark, Stage};

use super::Master;
use crate::{ending, status::Failure, wire};

impl Master {
    /// Tells the predecessor how far we are, whenever that changes.
    pub(super) fn tell_progress(&mut self) {
        if !matches!(self.state.stage, Stage::Starting | Stage::Announcing) {
            return;
        }
        let Some(peer) = &self.predecessor else { return };
        let progress = self.describe_progress();
        if progress != self.progress {
            self.log_unheard("tell how far we are", wire::send_words(peer.channel.as_fd(), &progress));
            self.progress = progress;
        }
    }

    fn describe_progress(&self) -> String {
        let is = |duties: &[Duty]| self.state.workers.values().filter(|w| duties.contains(&w.duty)).count();
        let (accepting, prepared) = (is(&[Duty::Accepting]), is(&[Duty::Prepared, Duty::Admitted]));
        format!(
            "it has its configuration and its listeners; of {} workers {prepared} are prepared and {accepting} accept",
            self.state.configuration.workers
        )
    }

    /// Tells the predecessor, and a supervisor that waits for us, why we leave.
    fn tell_why_we_leave(&self, remark: &Remark) {
        let why = match (remark, &self.last_exit) {
            (Remark::Unnamed, _) | (_, None) => remark.to_string(),
            (_, Some(exit)) => format!("{remark} ({exit})"),
        };
        crate::supervisor::tell_why(&why);
        if let Some(peer) = &self.predecessor {
            self.log_unheard("tell why we leave", wire::send_words(peer.channel.as_fd(), &why));
        }
    }

    /// Reaps the process of a successor that has ended.
    pub(super) fn reap_successor(&mut self) {
        self.left_well = false;
        let Some(pidfd) = self.unreaped.take() else { return };
        // Its parent may have been the master between us.
        let status = waitid(Id::PIDFd(pidfd.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
        self.left_well = matches!(status, Ok(WaitStatus::Exited(_, 0)));
        let ended = status.map_or_else(|_| "ended".to_owned(), ending::told);
        self.log.notice(&format!("new master process {ended}"));
        let words = self.last_words.take();
        // One that was late, or was stopped by us, ended for that.
        self.obituary.get_or_insert_with(|| match words {
            Some(words) => format!("its master {ended}: {words}"),
            None => format!("its master {ended}"),
        });
    }

    /// Whether a remark is about an upgrade that failed: a generation that was told to go has not.
    pub(super) fn is_failure(&self, remark: &Remark) -> bool {
        match remark {
            Remark::UpgradeFailed(..) => true,
            Remark::RolledBack(_) => !self.left_well,
            _ => false,
        }
    }

    /// The line for a remark, with what the protocol does not know.
    pub(super) fn elaborate(&mut self, remark: Remark) -> String {
        match remark {
            // Whoever wants to go on needs its pid.
            Remark::Crowded(_) => {
                format!("{remark} (master process {})", self.elder.as_ref().map_or(0, |peer| peer.pid))
            }
            Remark::SuccessorLate(_) => {
                let words = self.successor.as_ref().and_then(|peer| peer.words.as_deref());
                let line = format!("{remark}; the last it said: {}", words.unwrap_or("nothing"));
                self.obituary = Some(line.clone());
                line
            }
            // It went as it was told to.
            Remark::RolledBack(_) if !self.is_failure(&remark) => {
                self.obituary = None;
                remark.to_string()
            }
            Remark::UpgradeFailed(generation, _) | Remark::RolledBack(generation) => {
                let why = self.obituary.take().unwrap_or_else(|| "nobody knows why".to_owned());
                let line = format!("{remark}: {why}");
                self.failed_upgrade = Some(Failure { at: now(), generation, why: line.clone() });
                line
            }
            Remark::Abandoned(_) | Remark::HeirFollows(..) => {
                self.obituary = None;
                remark.to_string()
            }
            Remark::StartFailed | Remark::GaveUp | Remark::Unnamed => {
                self.tell_why_we_leave(&remark);
                remark.to_string()
            }
            _ => remark.to_string(),
        }
    }
}

fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S").to_string()
}
