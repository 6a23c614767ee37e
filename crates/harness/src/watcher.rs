//! Follows every process and pid file of every target, writes what happened into the event log as it is seen, and
//! keeps the [`Site`] current. One thread, one loop: [`Watcher::turn`]. Whoever waits for something calls it.
//!
//! Ends, pid files and reports of the warden are waited for. New processes are polled for: the kernel tells about
//! a fork only through the process connector, which needs root.

mod answers;
mod endings;
mod failpoints;
mod queues;
mod scan;
mod telling;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use facts::{
    Event, Generation, Moment, Nanos,
    event::{Ending, PidFile},
    plan::Signal,
};
use ledger::{EventLog, clock::now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::endings::Endings;
pub(crate) use self::queues::AllQueues;
use crate::{
    Error,
    census::{Census, Person},
    failpoints::{Failpoints, Reached},
    handles::{self, Handles},
    pid_file::PidFiles,
    probe::Probe,
    site::Site,
    warden::{Report, Spawn, Warden},
};

/// Between two scans. A fork that lives shorter than this is missed; scanning costs about 2 % of a core.
const SCAN_GAP: Nanos = 3_000_000;

/// Something that happened to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It became clear what a process is.
    Appeared {
        target: usize,
        pid: u32,
    },
    Ended {
        target: usize,
        pid: u32,
    },
    PidFile {
        target: usize,
    },
}

/// Eyes and hands of a run.
pub(crate) struct Watcher {
    pub(crate) log: EventLog,
    pub(crate) warden: Warden,
    pub(crate) census: Census,
    pub(crate) site: Site,
    handles: Handles,
    pid_files: PidFiles,
    /// What was last told of each pid file: contents, and whether that was a live master.
    told: Vec<(PidFile, bool)>,
    endings: Endings,
    /// `None` where the kernel does not tell.
    queues: Option<AllQueues>,
    /// Of the targets of which the plan arms any.
    pub(crate) failpoints: BTreeMap<usize, Failpoints>,
    /// Who failed there since somebody took it.
    failed: Vec<Reached>,
    probe: Probe,
    /// Targets that are asked all the time.
    always_wanted: Vec<usize>,
    /// Targets somebody waits for an answer of, and those.
    wanted: Vec<usize>,
    pub(crate) wanted_since: Nanos,
    /// What happened since somebody took it.
    news: Vec<News>,
    addresses: Vec<SocketAddr>,
    /// What the probes since the begin of this wait heard: target and generation.
    pub(crate) heard: Vec<(usize, Generation)>,
    /// Of those answers, by target: how many told nothing of who gave them, while that was a question.
    nameless: BTreeMap<usize, u64>,
    /// Processes of the harness's own under the warden.
    strangers: BTreeSet<u32>,
    last_scan: Nanos,
    scans: u64,
    last_turn: Nanos,
}

impl Watcher {
    /// Watches the targets at these addresses.
    pub(crate) fn new(
        log: EventLog,
        warden: Warden,
        census: Census,
        site: Site,
        pid_files: PidFiles,
        addresses: Vec<SocketAddr>,
        queues: Option<AllQueues>,
    ) -> Result<Watcher, Error> {
        let told = pid_files.files.iter().map(|file| (file.holds, false)).collect();
        Ok(Watcher {
            log,
            warden,
            census,
            site,
            handles: Handles::default(),
            pid_files,
            told,
            endings: Endings::default(),
            queues,
            failpoints: BTreeMap::new(),
            failed: Vec::new(),
            probe: Probe::start().map_err(Error::system("start the probe thread"))?,
            always_wanted: Vec::new(),
            wanted: Vec::new(),
            wanted_since: 0,
            news: Vec::new(),
            addresses,
            heard: Vec::new(),
            nameless: BTreeMap::new(),
            strangers: BTreeSet::new(),
            last_scan: now(),
            scans: 0,
            last_turn: now(),
        })
    }

    /// Waits for something to happen, at most this long, and takes it in.
    pub(crate) fn turn(&mut self, at_most: Duration) -> Result<(), Error> {
        self.wait(at_most)?;
        self.take_in(now() >= self.last_scan + SCAN_GAP)
    }

    /// As a turn that does not wait: for whoever is about to choose a process.
    pub(crate) fn look_now(&mut self) -> Result<(), Error> {
        self.take_in(true)
    }

    /// Ends go before pid files: a master that leaves in order has removed its file by the time it is gone, and a
    /// file read before that would seem to name a dead one.
    fn take_in(&mut self, scan_is_due: bool) -> Result<(), Error> {
        // What the next turn finds may have happened while this one was looking elsewhere.
        let begun = now();
        self.take_failpoints()?;
        self.take_reports()?;
        let ended = self.take_ends()?;
        let seen = self.pid_files.changes();
        if scan_is_due || ended || !seen.changes.is_empty() {
            self.look()?;
        }
        if seen.overlooked {
            self.tell_overlooked()?;
        }
        for file in seen.replaced {
            self.tell_replaced(file)?;
        }
        for change in seen.changes {
            self.tell_pid_file(change.file, change.holds)?;
        }
        self.tell_pid_files()?;
        self.tell_endings()?;
        self.look_at_queues()?;
        self.take_answers()?;
        self.ask();
        self.site.refresh(&self.census);
        self.last_turn = begun;
        Ok(())
    }

    /// What happened since the last call, in order.
    pub(crate) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Starts a process; its pid.
    pub(crate) fn spawn(&mut self, spawn: Spawn) -> Result<u32, Error> {
        let pid = self.warden.spawn(spawn)?;
        // Of somebody who had this pid before. The new one's end cannot have been taken in yet.
        self.endings.forget(pid);
        Ok(pid)
    }

    /// An upgrade of this target is about to begin. `master` is who was told, if anybody was.
    pub(crate) fn upgrading(&mut self, target: usize, in_charge: Generation, master: Option<u32>) {
        self.site.upgrading(target, in_charge);
        if let Some(pid) = master {
            self.census.upgrading(pid);
        }
    }

    /// Not a process of any target.
    pub(crate) fn ignore(&mut self, pid: u32) {
        self.strangers.insert(pid);
    }

    /// It has ended: its pid may become anybody's.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.strangers.remove(&pid);
    }

    /// How a process ended that the warden reaped.
    pub(crate) fn ending_of(&self, pid: u32) -> Option<Ending> {
        self.endings.reported(pid).map(|(ending, _)| ending)
    }

    /// True when the process has ended and a scan since then found nobody of the target.
    pub(crate) fn left_nobody(&self, target: usize, launcher: u32) -> bool {
        let scanned = self.endings.reported(launcher).is_some_and(|(_, at)| at < self.last_scan);
        scanned && self.census.living_of(target).next().is_none()
    }

    /// Sends a signal and records it; an error says that the process has ended meanwhile.
    pub(crate) fn signal(&mut self, pid: u32, signal: Signal) -> Result<(), String> {
        let person = self.census.get(pid).cloned().ok_or_else(|| format!("process {pid} has ended"))?;
        let name = handles::name(signal);
        let earliest = now();
        self.handles.signal(pid, signal).map_err(|error| format!("send {name} to {pid}: {error}"))?;
        let at = Moment { earliest, latest: now() };
        let Person { generation, role, .. } = person;
        let event =
            Event::SignalSent { target: self.name(person.target), pid, generation, role, signal: name };
        self.log.write(at, event).map_err(|error| error.to_string())
    }

    /// Writes an event that happens now.
    pub(crate) fn write(&self, event: Event) -> Result<(), Error> {
        Ok(self.log.write(Moment::exact(now()), event)?)
    }

    pub(crate) fn name(&self, target: usize) -> String {
        self.census.breed(target).name.clone()
    }

    fn wait(&self, at_most: Duration) -> Result<(), Error> {
        let until_scan = Duration::from_nanos((self.last_scan + SCAN_GAP).saturating_sub(now()));
        let limit = at_most.min(until_scan);
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        let (warden, files) = (self.warden.socket()?, self.pid_files.as_fd());
        let others: Vec<_> = self.handles.fds().collect();
        let all = [&warden, &files].into_iter().chain(&others);
        let mut fds: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        fds.extend(self.failpoints.values().map(|failpoints| PollFd::new(failpoints, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut fds, Some(&limit)))
            .map_err(Error::system("wait for processes"))?;
        Ok(())
    }

    fn take_reports(&mut self) -> Result<(), Error> {
        for report in self.warden.reports()? {
            if let Report::Ended { pid, ending, at } = report {
                self.endings.report(pid, ending, at);
            }
        }
        Ok(())
    }
}
