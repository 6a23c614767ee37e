//! Faults: what was done to a target and is undone again, when its time has come or when the steps have ended.

use std::time::Duration;

use facts::{
    Event, Nanos,
    plan::{DiskFault, NetFault, Resource, Selector, Signal},
};
use ledger::clock::now;
use rustix::process::{Pid, Rlimit, prlimit};

use super::{Halt, Run};
use crate::{Error, procfs};

/// What is to be undone.
#[derive(Debug)]
pub(super) enum Fault {
    /// These processes were stopped.
    Held(Vec<u32>),
    /// This process had this limit.
    Limited { pid: u32, resource: Resource, before: Option<u64> },
    /// The pid directory of this target fails.
    Disk(usize),
    /// The path to this target fails.
    Net(usize),
}

#[derive(Debug)]
struct Ongoing {
    fault: Fault,
    doing: String,
    /// `None`: at the end of the steps.
    until: Option<Nanos>,
}

/// Faults that are in force, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Faults {
    ongoing: Vec<Ongoing>,
}

impl Faults {
    pub(super) fn begin(&mut self, fault: Fault, doing: &str, for_ms: Option<u64>) {
        let until = for_ms.map(|ms| now() + ms * 1_000_000);
        self.ongoing.push(Ongoing { fault, doing: doing.to_owned(), until });
    }

    /// How long until the next is to be undone.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let next = self.ongoing.iter().filter_map(|ongoing| ongoing.until).min()?;
        Some(Duration::from_nanos(next.saturating_sub(now())))
    }

    fn take_due(&mut self, at: Nanos) -> Vec<Ongoing> {
        let is_due = |ongoing: &mut Ongoing| ongoing.until.is_some_and(|until| until <= at);
        self.ongoing.extract_if(.., is_due).collect()
    }

    /// Somebody else put an end to them.
    fn forget(&mut self, is_over: impl Fn(&Fault) -> bool) {
        self.ongoing.retain(|ongoing| !is_over(&ongoing.fault));
    }
}

impl Run<'_> {
    pub(super) fn undo_due_faults(&mut self) -> Result<(), Error> {
        for ongoing in self.faults.take_due(now()) {
            self.undo(ongoing)?;
        }
        Ok(())
    }

    /// Whatever the scenario did and forgot, the last first.
    pub(super) fn undo_all_faults(&mut self) -> Result<(), Error> {
        for ongoing in std::mem::take(&mut self.faults.ongoing).into_iter().rev() {
            self.undo(ongoing)?;
        }
        // Stopped by a plain signal.
        for pid in std::mem::take(&mut self.held) {
            // An error says that it has ended: then there is nothing to release.
            self.watcher.signal(pid, Signal::Cont).ok();
        }
        Ok(())
    }

    fn undo(&mut self, ongoing: Ongoing) -> Result<(), Error> {
        match ongoing.fault {
            Fault::Held(pids) => {
                let held: Vec<u32> = pids.into_iter().filter(|pid| self.held.remove(pid)).collect();
                if held.is_empty() {
                    return Ok(());
                }
                held.into_iter().for_each(|pid| drop(self.watcher.signal(pid, Signal::Cont)));
            }
            // It may have ended meanwhile.
            Fault::Limited { pid, resource, before } => drop(set_limit(pid, resource, before)),
            Fault::Disk(target) => self.set_disk(target, DiskFault::None)?,
            Fault::Net(target) => self.set_net(target, NetFault::None),
        }
        self.watcher.write(Event::FaultUndone { doing: ongoing.doing })
    }

    pub(super) fn limit(
        &mut self,
        to: &Selector,
        resource: Resource,
        soft: u64,
        doing: &str,
    ) -> Result<(), Halt> {
        for process in self.choose(to)? {
            let pid = process.pid;
            let before = set_limit(pid, resource, Some(soft)).map_err(|error| {
                Halt::Failed(format!("limit {resource:?} of process {pid} to {soft}: {error}"))
            })?;
            self.faults.begin(Fault::Limited { pid, resource, before }, doing, None);
        }
        Ok(())
    }

    pub(super) fn disk(
        &mut self,
        target: usize,
        fault: DiskFault,
        doing: &str,
        for_ms: Option<u64>,
    ) -> Result<(), Halt> {
        // One fault at a time: the new one takes the place of the old one.
        self.faults.forget(|fault| matches!(fault, Fault::Disk(of) if *of == target));
        self.set_disk(target, fault).map_err(|error| Halt::Failed(error.to_string()))?;
        if fault != DiskFault::None {
            self.faults.begin(Fault::Disk(target), doing, for_ms);
        }
        Ok(())
    }

    fn set_disk(&mut self, target: usize, fault: DiskFault) -> Result<(), Error> {
        let directory = self.targets[target].pid_directory.clone();
        self.watcher.warden.disk(&directory, fault)
    }

    pub(super) fn net(
        &mut self,
        target: usize,
        fault: NetFault,
        doing: &str,
        for_ms: Option<u64>,
    ) -> Result<(), Halt> {
        if self.proxies[target].is_none() {
            return Err(Halt::Failed("no proxy is in the path to this target".into()));
        }
        self.faults.forget(|fault| matches!(fault, Fault::Net(of) if *of == target));
        self.set_net(target, fault);
        if fault != NetFault::None {
            self.faults.begin(Fault::Net(target), doing, for_ms);
        }
        Ok(())
    }

    fn set_net(&mut self, target: usize, fault: NetFault) {
        if let Some(proxy) = &self.proxies[target] {
            proxy.set(fault);
        }
    }
}

/// Sets a soft limit, and says what it was; the hard limit stays.
fn set_limit(pid: u32, resource: Resource, soft: Option<u64>) -> std::io::Result<Option<u64>> {
    use rustix::process::Resource as Os;
    let (which, name) = match resource {
        Resource::Nofile => (Os::Nofile, "Max open files"),
        Resource::Nproc => (Os::Nproc, "Max processes"),
        Resource::Fsize => (Os::Fsize, "Max file size"),
        Resource::As => (Os::As, "Max address space"),
    };
    let Rlimit { maximum, .. } = procfs::limit(pid, name)?;
    let current = match (soft, maximum) {
        (Some(soft), Some(hard)) => Some(soft.min(hard)),
        (soft, hard) => soft.or(hard),
    };
    Ok(prlimit(Pid::from_raw(pid as i32), which, Rlimit { current, maximum })?.current)
}
