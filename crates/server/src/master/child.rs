//! A worker process as its master sees it, and the fork that makes it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    process,
    sync::Arc,
    time::Duration,
};

use ledger::Journal;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        resource::{Resource, setrlimit},
        signal::{Signal, kill},
        wait::waitpid,
    },
    unistd::Pid,
};
use rustix::process::{Pid as RustixPid, PidfdFlags, pidfd_open};

use super::{Master, Settings};
use crate::{
    access_log::AccessLogs,
    names,
    orphan::{self, Lineage},
    os::{self, Forked},
    privileges, wire, worker,
    zone::{self, Zone},
};

/// How long a new worker waits for its listeners, which its master sends right after the fork.
const LISTENERS_DEADLINE: Duration = Duration::from_secs(5);

/// One worker process.
pub(super) struct Child {
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) channel: OwnedFd,
    /// Why it cannot work, if it said so.
    pub(super) words: Option<String>,
}

impl Master {
    /// Forks a worker and hands it the listeners. In the child this never returns.
    pub(super) fn fork_worker(&self, settings: &Settings) -> io::Result<Child> {
        let (ours, theirs) = wire::channel()?;
        match os::fork_single_threaded()? {
            Forked::Child => process::exit(self.be_worker(settings, theirs)),
            Forked::Parent(pid) => {
                let child = Child { pid, pidfd: hold(pid)?, channel: ours, words: None };
                // Before it gets its listeners: it finds its place there.
                settings.zones.iter().flatten().try_for_each(|zone| admit(zone, pid))?;
                let sockets: Vec<BorrowedFd> = settings.listeners.iter().map(|l| l.socket.as_fd()).collect();
                // A child that gets no listeners ends by its own deadline, and is reaped like any other.
                if let Err(error) = wire::send_listeners(child.channel.as_fd(), &sockets) {
                    self.log.alert(&format!("failed to send the listeners to worker process {pid}: {error}"));
                }
                Ok(child)
            }
        }
    }

    fn be_worker(&self, settings: &Settings, channel: OwnedFd) -> i32 {
        let mut kept = self.log.descriptors();
        kept.extend([channel.as_raw_fd(), self.numbering.descriptor()]);
        // For a new master, should this worker lose its own.
        let segments = zone::segments(&settings.zones);
        kept.extend(segments.iter().map(|segment| segment.descriptor().as_raw_fd()));
        os::close_all_but(&kept);
        os::set_title("changeoverd: worker process");
        self.log_as(settings);
        let mouth = channel.try_clone();
        match self.equip(settings, channel).and_then(worker::run) {
            Ok(code) => code,
            Err(error) => {
                self.log.emerg(&format!("worker cannot start: {error}"));
                // A master that is gone needs no reason.
                let _ = mouth.and_then(|channel| wire::send_words(channel.as_fd(), &error.to_string()));
                // nginx's "fatal" exit code of a worker that cannot work.
                2
            }
        }
    }

    /// A worker of a configuration that is not in force yet logs where that one says, from its first line.
    fn log_as(&self, settings: &Settings) {
        if Arc::ptr_eq(&settings.configuration, &self.settings.configuration) {
            return;
        }
        self.log.redirect(&self.home.error_logs(&settings.configuration));
        if settings.configuration.daemon {
            self.log_failure("redirect standard error", self.log.take_stderr());
        }
    }

    fn equip(&self, settings: &Settings, channel: OwnedFd) -> io::Result<worker::Start> {
        let addresses: Vec<_> =
            settings.listeners.iter().map(|listening| listening.address.clone()).collect();
        let sockets = receive_listeners(&channel)?;
        if sockets.len() != addresses.len() {
            return Err(io::Error::other(format!(
                "got {} listeners instead of {}",
                sockets.len(),
                addresses.len()
            )));
        }
        if let Some(files) = settings.configuration.worker_rlimit_nofile {
            let limited = setrlimit(Resource::RLIMIT_NOFILE, files, files);
            self.log_failure("set worker_rlimit_nofile", limited.map_err(io::Error::from));
        }
        // While it may still write there.
        let journal = self.journal(settings)?;
        let access_logs = AccessLogs::open(&self.home.prefix, &settings.configuration)?;
        privileges::drop(&settings.configuration)?;
        let listeners = addresses
            .into_iter()
            .zip(sockets)
            .map(|(address, socket)| worker::Listener { address, socket })
            .collect();
        Ok(worker::Start {
            configuration: Arc::clone(&settings.configuration),
            generation: self.state.generation,
            listeners,
            channel,
            journal,
            access_logs,
            prefix: self.home.prefix.clone(),
            log: self.log.clone(),
            lineage: Lineage {
                family: orphan::family(&settings.pid_file),
                numbering: self.numbering.clone(),
                segments: zone::segments(&settings.zones),
            },
            zones: settings.zones.clone(),
            handover: (settings.configuration.changeover_handover)
                .then(|| names::family("handover", &settings.pid_file)),
        })
    }

    fn journal(&self, settings: &Settings) -> io::Result<Option<Journal>> {
        let Some(conf::Journal { path, entries }) = &settings.configuration.changeover_journal else {
            return Ok(None);
        };
        let path = self.home.prefix.join(format!("{path}.{}.bin", process::id()));
        Journal::create(&path, *entries).map(Some).map_err(io::Error::other)
    }
}

/// A pidfd of a child that was not reaped yet, so its pid cannot have been given to another process.
pub(super) fn open_pidfd(pid: Pid) -> io::Result<OwnedFd> {
    let pid = RustixPid::from_raw(pid.as_raw()).ok_or_else(|| io::Error::other("a child without a pid"))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// A pidfd of the child that was just forked. Without one (no descriptor is left) it could be neither told nor reaped: it
/// is ended at once.
pub(super) fn hold(pid: Pid) -> io::Result<OwnedFd> {
    open_pidfd(pid).inspect_err(|_| {
        // It is ours and unreaped, so the number is still its own.
        let _ = kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None));
    })
}

/// A worker that the others would know nothing of, and that heard no order, is ended at once.
fn admit(zone: &Zone, worker: Pid) -> io::Result<()> {
    if zone.admit(worker.as_raw().unsigned_abs()) {
        return Ok(());
    }
    // It is ours and unreaped, so the number is still its own.
    let _ = kill(worker, Signal::SIGKILL).and_then(|()| waitpid(worker, None));
    Err(io::Error::other(zone.is_crowded()))
}

fn receive_listeners(channel: &OwnedFd) -> io::Result<Vec<OwnedFd>> {
    let mut sockets = Vec::new();
    loop {
        wait_readable(channel, LISTENERS_DEADLINE)?;
        match wire::receive(channel.as_fd())? {
            Some(wire::Frame::Listeners { more, sockets: next }) => {
                sockets.extend(next);
                if !more {
                    return Ok(sockets);
                }
            }
            other => return Err(wire::unexpected("listeners from the master", other)),
        }
    }
}

/// Waits until a read would not block.
pub(super) fn wait_readable(fd: &OwnedFd, deadline: Duration) -> io::Result<()> {
    let timeout = PollTimeout::try_from(deadline).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout)? {
        0 => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came over the channel in time")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use nix::{errno::Errno, sys::wait::WaitPidFlag};

    use super::*;
    use crate::zone::Occasion;

    /// A process that shares the zone, and its number.
    fn sleeper() -> (process::Child, Pid) {
        let child = process::Command::new("sleep").arg("60").spawn().expect("starts");
        let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
        (child, pid)
    }

    #[test]
    fn a_worker_that_finds_no_room_in_a_zone_is_ended_and_reaped() {
        let text = "events {} http { upstream origins { zone origins 64k; server 127.0.0.1:80; } server { listen 81; } }";
        let configuration =
            conf::parse("test", text, "").unwrap_or_else(|wrong| panic!("{}", wrong[0].render(text)));
        let zones = zone::open((&configuration, 1), &[], Occasion::Start).expect("zones");
        let zone = zones[0].as_ref().expect("a zone");
        let mut let_in = Vec::new();
        let (refused, why) = loop {
            let (child, pid) = sleeper();
            match admit(zone, pid) {
                Ok(()) => let_in.push(child),
                Err(why) => break (pid, why),
            }
        };
        assert!(why.to_string().contains("share the zone of upstream \"origins\""), "{why}");
        assert_eq!(waitpid(refused, Some(WaitPidFlag::WNOHANG)), Err(Errno::ECHILD), "it was left behind");
        let_in.iter_mut().for_each(|child| {
            child.kill().and_then(|()| child.wait()).expect("ends");
        });
    }
}
