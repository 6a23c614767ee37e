//! The two pid files: ours, and `.oldbin` beside it. Each function is one effect.

use std::{fs, path::Path, process};

use protocol::master::Result as Outcome;

use super::Master;
use crate::pid_file;

impl Master {
    pub(super) fn write_pid_file(&self) -> Outcome {
        let path = &self.settings.pid_file;
        match pid_file::write(path, process::id()).or_else(|error| self.promote_old_bin().ok_or(error)) {
            Ok(()) => {
                // Whoever is named for the server has its queues as it wants them, also after a rollback.
                self.set_queue_lengths();
                self.deposit_configuration();
                self.notify(self.leads());
                Outcome::PidFileWritten
            }
            Err(error) => {
                self.log.emerg(&format!("failed to write {}: {error}", path.display()));
                Outcome::PidFileNotWritten
            }
        }
    }

    /// Who is asked for the server from here on.
    fn leads(&self) -> Vec<String> {
        let (generation, pid) = (self.state.generation, process::id());
        let serves = format!("STATUS=generation {generation} serves (master {pid})");
        vec!["READY=1".to_owned(), format!("MAINPID={pid}"), serves]
    }

    /// On a full disk a rename still works, and at a rollback `.oldbin` holds just what is wanted.
    fn promote_old_bin(&self) -> Option<()> {
        let old_bin = pid_file::old_bin(&self.settings.pid_file);
        let names_us = pid_file::read(&old_bin).is_ok_and(|pid| pid == process::id());
        (names_us && fs::rename(&old_bin, &self.settings.pid_file).is_ok()).then_some(())
    }

    pub(super) fn remove_pid_file(&self) {
        self.log_failure(
            "remove the pid file",
            pid_file::remove_if_names(&self.settings.pid_file, &[process::id()]),
        );
    }

    /// With us leave the other masters we know, and those we knew.
    pub(super) fn remove_last_pid_file(&self) {
        let mut leaving = self.dead.clone();
        leaving.push(process::id());
        leaving.extend(self.peers().map(|peer| peer.pid));
        self.log_failure("remove the pid file", pid_file::remove_if_names(&self.settings.pid_file, &leaving));
    }

    pub(super) fn write_old_bin(&self) {
        let path = pid_file::old_bin(&self.settings.pid_file);
        self.log_failure("write .oldbin", pid_file::write(&path, process::id()));
    }

    pub(super) fn name_old_bin(&self) {
        let Some(peer) = self.predecessor.as_ref().filter(|peer| !peer.has_ended()) else {
            return self.remove_old_bin();
        };
        let path = pid_file::old_bin(&self.settings.pid_file);
        self.log_failure("write .oldbin", pid_file::write(&path, peer.pid));
    }

    pub(super) fn remove_old_bin(&self) {
        let mut stale = self.dead.clone();
        stale.push(process::id());
        let path = pid_file::old_bin(&self.settings.pid_file);
        self.log_failure("remove .oldbin", pid_file::remove_if_names(&path, &stale));
    }

    /// Whether a reload could write its pid file: nobody must find out after the old one is gone.
    pub(super) fn try_pid_file(&self, path: &Path) -> Result<(), String> {
        pid_file::try_write(path)
            .map_err(|error| format!("failed to write the new pid file {}: {error}", path.display()))
    }

    /// The new name first, so that there is always one.
    pub(super) fn move_pid_file(&self, old: &Path) {
        if old != self.settings.pid_file && self.write_pid_file() == Outcome::PidFileWritten {
            self.log_failure("remove the old pid file", pid_file::remove_if_names(old, &[process::id()]));
        }
    }
}
