//! The two pid files: ours, and `.oldbin` beside it. Each function is one effect.

use std::process;

use protocol::master::Result as Outcome;

use super::Master;
use crate::pid_file;

impl Master {
    pub(super) fn write_pid_file(&self) -> Outcome {
        match pid_file::write(&self.settings.pid_file, process::id()) {
            Ok(()) => Outcome::PidFileWritten,
            Err(error) => {
                self.log.emerg(&format!("failed to write {}: {error}", self.settings.pid_file.display()));
                Outcome::PidFileNotWritten
            }
        }
    }

    pub(super) fn remove_pid_file(&self) {
        self.log_failure(
            "remove the pid file",
            pid_file::remove_if_names(&self.settings.pid_file, &[process::id()]),
        );
    }

    pub(super) fn write_old_bin(&self) {
        let path = pid_file::old_bin(&self.settings.pid_file);
        self.log_failure("write .oldbin", pid_file::write(&path, process::id()));
    }

    pub(super) fn remove_old_bin(&self) {
        let mut stale = self.dead.clone();
        stale.push(process::id());
        let path = pid_file::old_bin(&self.settings.pid_file);
        self.log_failure("remove .oldbin", pid_file::remove_if_names(&path, &stale));
    }
}
