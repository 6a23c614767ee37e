//! Performs effects: one function each, no decisions. What can fail in a way the protocol cares about is told back.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use protocol::{
    master::{Effect, Remark, Result as Outcome, Stage, WorkerId},
    worker::Command,
};
use rustix::process::{Signal, pidfd_send_signal};

use super::{Master, Settings, Source, start::worker_count};
use crate::{
    access_log::AccessLogs,
    last_in_force, listeners,
    log::Log,
    notify::{ready, reloading},
    privileges, supervisor, wire,
    zone::{self, Occasion},
};

impl Master {
    /// Performs one effect; `Some(code)` when it was to exit.
    pub(super) fn perform(&mut self, effect: Effect, results: &mut Vec<Outcome>) -> Option<u8> {
        match effect {
            Effect::SpawnWorker(id, revision) => results.extend(self.spawn_worker(id, revision)),
            Effect::Tell(id, command) => self.tell_worker(id, command),
            Effect::KillWorker(id) => self.kill_worker(id),
            Effect::Introduce(id) => self.introduce(id),
            Effect::LoadConfiguration => results.push(self.load_configuration()),
            Effect::DropConfiguration => {
                self.candidate = None;
                self.set_queue_lengths();
                self.notify(ready());
            }
            Effect::CommitConfiguration => self.commit_configuration(),
            Effect::SpawnSuccessor => results.push(self.spawn_successor()),
            Effect::KillSuccessor => self.kill_successor(),
            Effect::ReapSuccessor => self.reap_successor(),
            Effect::TellPredecessor(message) => self.tell_peer(self.predecessor.as_ref(), message),
            Effect::TellSuccessor(message) => self.tell_peer(self.successor.as_ref(), message),
            Effect::TellElder(message) => self.tell_peer(self.elder.as_ref(), message),
            Effect::TellHeir(message) => self.tell_peer(self.heir.as_ref(), message),
            Effect::PromoteElder => self.promote_elder(),
            Effect::PromoteHeir => self.promote_heir(),
            Effect::FindOrphans => self.find_orphans(),
            Effect::DrainOrphans => self.signal_orphans(Signal::QUIT),
            Effect::TerminateOrphans => self.signal_orphans(Signal::TERM),
            Effect::CloseListeners => self.close_listeners(),
            Effect::WritePidFile => results.push(self.write_pid_file()),
            Effect::RemovePidFile => self.remove_pid_file(),
            Effect::RemoveLastPidFile => {
                self.notify(vec!["STOPPING=1".to_owned()]);
                self.close_listeners();
                self.remove_last_pid_file();
            }
            Effect::WriteOldBin => self.write_old_bin(),
            Effect::NameOldBin => self.name_old_bin(),
            Effect::RemoveOldBin => self.remove_old_bin(),
            Effect::AnnounceStart => self.announce_start(),
            Effect::ReopenLogs => self.reopen_logs(),
            Effect::Say(remark) => self.say(remark),
            Effect::Exit(code) => return Some(code),
        }
        None
    }

    fn spawn_worker(&mut self, id: WorkerId, revision: u32) -> Option<Outcome> {
        let settings = match &self.candidate {
            Some(candidate) if revision != self.state.configuration.revision => candidate,
            _ => &self.settings,
        };
        match self.fork_worker(settings) {
            Ok(child) => {
                self.watch(&child.pidfd, Source::WorkerExit(id));
                self.watch(&child.channel, Source::WorkerSaid(id));
                self.log.notice(&format!("start worker process {}", child.pid));
                self.workers.insert(id, child);
                None
            }
            Err(error) => {
                let line = format!("failed to start a worker: {error}");
                self.log.alert(&line);
                self.last_exit = Some(line);
                Some(Outcome::WorkerNotSpawned(id))
            }
        }
    }

    fn tell_worker(&self, id: WorkerId, command: Command) {
        let Some(child) = self.workers.get(&id) else { return };
        // By signal, because a worker that is busy or stuck may not read its channel in time.
        if command == Command::Terminate {
            return self.signal(&child.pidfd, Signal::TERM);
        }
        let Err(error) = wire::send_command(child.channel.as_fd(), command) else { return };
        // A stopped worker's channel fills up; a signal waits for it (nginx's `ngx_signal_worker_processes` does the same).
        match command {
            Command::Drain => self.signal(&child.pidfd, Signal::QUIT),
            Command::Reopen => self.signal(&child.pidfd, Signal::USR1),
            _ => {
                self.log.error(&format!("failed to tell worker process {} to {command}: {error}", child.pid))
            }
        }
    }

    fn kill_worker(&self, id: WorkerId) {
        if let Some(child) = self.workers.get(&id) {
            self.signal(&child.pidfd, Signal::KILL);
        }
    }

    pub(super) fn signal(&self, pidfd: &OwnedFd, signal: Signal) {
        match pidfd_send_signal(pidfd, signal) {
            // It ended by itself in the meantime.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(errno) => self.log.alert(&format!("failed to send signal {}: {errno}", signal.as_raw())),
        }
    }

    fn load_configuration(&mut self) -> Outcome {
        self.notify(reloading());
        match self.read_settings() {
            Ok(settings) => {
                let workers = worker_count(&settings.configuration);
                self.candidate = Some(settings);
                Outcome::ConfigurationLoaded { workers }
            }
            Err(lines) => {
                for line in lines {
                    self.log.emerg(&line);
                    self.remember(line);
                }
                self.set_queue_lengths();
                self.notify(ready());
                Outcome::ConfigurationRefused
            }
        }
    }

    fn read_settings(&self) -> Result<Settings, Vec<String>> {
        let (configuration, text) = self.home.read().map_err(|error| error.lines())?;
        let told = |what: &'static str| move |error: io::Error| vec![format!("{what}: {error}")];
        privileges::check(&configuration).map_err(told("workers cannot change their user"))?;
        Log::open(&self.home.error_logs(&configuration)).map_err(told("failed to open the logs"))?;
        let workers = worker_count(&configuration);
        let listeners = listeners::open(&configuration, workers, &self.settings.listeners);
        let pid_file = self.home.pid_file(&configuration);
        let zones =
            zone::open((&configuration, workers), &zone::segments(&self.settings.zones), Occasion::Reload);
        AccessLogs::open(&self.home.prefix, &configuration).map_err(|error| vec![error.to_string()])?;
        if pid_file != self.settings.pid_file {
            self.try_pid_file(&pid_file).map_err(|error| vec![error])?;
        }
        Ok(Settings {
            pid_file,
            listeners: listeners.map_err(|error| vec![error.to_string()])?,
            zones: zones.map_err(|error| vec![error.to_string()])?,
            configuration: Arc::new(configuration),
            text: text.into(),
        })
    }

    /// Another configuration may have come as far as its listeners: their queues are shared with it.
    pub(super) fn set_queue_lengths(&self) {
        let set = listeners::set_lengths(&self.settings.configuration, &self.settings.listeners);
        self.log_failure("set the length of the listen queues", set.map_err(io::Error::other));
    }

    fn commit_configuration(&mut self) {
        let Some(settings) = self.candidate.take() else { return };
        let old = std::mem::replace(&mut self.settings, settings);
        self.settle_zones();
        self.move_pid_file(&old.pid_file);
        self.left_behind.extend(listeners::left_behind(&old.listeners, &self.settings.listeners));
        self.remove_left_behind();
        self.log.redirect(&self.home.error_logs(&self.settings.configuration));
        self.hand_over_logs();
        self.redirect_stderr();
        self.deposit_configuration();
        self.notify(ready());
    }

    /// With the supervisor, if there is one, for a master that it may have to start.
    pub(super) fn deposit_configuration(&self) {
        if supervisor::is_above() {
            let given = last_in_force::file(&self.settings.text)
                .and_then(|file| self.notifier.give(last_in_force::LINE, file.as_fd()));
            self.log_failure("give the configuration in force to the supervisor", given);
        }
    }

    /// What was ordered and is not obeyed any more is over, unless a generation may come back that obeys it.
    pub(super) fn settle_zones(&self) {
        if self.peers().next().is_none() {
            self.settings.zones.iter().flatten().for_each(|zone| zone.settle());
        }
    }

    /// Workers have ended: the connections that they had count no more.
    pub(super) fn sweep_zones(&self) {
        self.settings.zones.iter().flatten().for_each(|zone| zone.sweep());
    }

    /// Nobody will serve there again, under no name.
    fn close_listeners(&mut self) {
        for listening in std::mem::take(&mut self.settings.listeners) {
            self.log_failure("remove a socket's path", listening.remove_path());
        }
    }

    /// An older generation may still listen there, or come back to it: then the path stays, and hinders nobody.
    pub(super) fn remove_left_behind(&mut self) {
        let starts = matches!(self.state.stage, Stage::Starting | Stage::Announcing);
        if starts || self.predecessor.is_some() || self.elder.is_some() {
            return;
        }
        for path in std::mem::take(&mut self.left_behind) {
            self.log_failure("remove a socket's path", path.remove());
        }
    }

    fn reopen_logs(&self) {
        self.log.reopen();
        self.hand_over_logs();
        self.redirect_stderr();
    }

    fn redirect_stderr(&self) {
        if self.settings.configuration.daemon {
            self.log_failure("redirect standard error", self.log.take_stderr());
        }
    }

    /// Before the workers are told to reopen them: they could not make them anew.
    fn hand_over_logs(&self) {
        let configuration = &self.settings.configuration;
        let opened = AccessLogs::open(&self.home.prefix, configuration);
        self.log_failure("reopen the access logs", opened.map(drop));
        let handed = privileges::hand_over_logs(configuration, &self.home.log_files(configuration));
        self.log_failure("hand the logs to the workers", handed);
    }

    pub(super) fn notify(&self, lines: Vec<String>) {
        self.log_failure("notify whoever started us (NOTIFY_SOCKET)", self.notifier.tell(&lines));
    }

    pub(super) fn log_failure(&self, what: &str, result: io::Result<()>) {
        if let Err(error) = result {
            self.log.alert(&format!("failed to {what}: {error}"));
        }
    }

    /// As `log_failure`; but that another master is gone by then is no trouble, only news.
    pub(super) fn log_unheard(&self, what: &str, result: io::Result<()>) {
        match result {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                self.log.notice(&format!("nobody was left to {what}"));
            }
            result => self.log_failure(what, result),
        }
    }

    /// The launching process waits for one byte; its end of the pipe closed without one means that the start failed.
    fn announce_start(&mut self) {
        self.start_right = None;
        self.remove_left_behind();
        if let Some(launcher) = self.launcher.take() {
            self.log_failure(
                "tell the launcher",
                nix::unistd::write(&launcher, b"1").map(drop).map_err(Into::into),
            );
        }
    }

    fn say(&mut self, remark: Remark) {
        let is_failure = self.is_failure(&remark);
        let line = self.elaborate(remark);
        match remark {
            // Whoever looks into a log of nothing but errors looks for this.
            _ if is_failure => self.log.error(&line),
            Remark::Refused(..) | Remark::Dropped(..) | Remark::Crowded(_) | Remark::SuccessorLate(_) => {
                self.log.warn(&line);
            }
            _ => self.log.notice(&line),
        }
        self.remember(line);
    }
}
