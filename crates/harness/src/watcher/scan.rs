//! Looks at `/proc` and hands what it saw to the census.

use ledger::clock::now;

use super::Watcher;
use crate::{
    Error,
    census::{Scan, Sighting},
    procfs,
};

/// Workers fork nothing in servers we know; they are looked at in every n-th scan all the same.
const WORKERS_EVERY: u64 = 16;

impl Watcher {
    /// One scan; new processes get a pidfd at once.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        let after = std::mem::replace(&mut self.last_scan, now());
        self.scans += 1;
        let scan = Scan { after, sightings: self.sightings() };
        let findings = self.census.observe(&scan, &self.pid_files.named());
        self.zombies(&scan);
        for finding in findings {
            self.tell(finding)?;
        }
        self.open_handles(after)
    }

    fn sightings(&self) -> Vec<Sighting> {
        let mut seen = self.children(self.warden.pid());
        let mut next = 0;
        while next < seen.len() {
            let more = self.children(seen[next].pid);
            seen.extend(more);
            next += 1;
        }
        // Children before parents: a child that differs from a parent looked at later differs indeed.
        for sighting in seen.iter_mut().rev() {
            self.look_at(sighting);
        }
        seen
    }

    fn children(&self, parent: u32) -> Vec<Sighting> {
        let pids = match self.census.is_clear(parent) {
            true if !self.scans.is_multiple_of(WORKERS_EVERY) => Vec::new(),
            true => procfs::children_of_main_thread(parent),
            false => procfs::children(parent),
        };
        let ours = pids.into_iter().filter(|pid| !self.strangers.contains(pid));
        ours.map(|pid| Sighting { pid, parent, ..Sighting::default() }).collect()
    }

    fn look_at(&self, sighting: &mut Sighting) {
        let pid = sighting.pid;
        if self.census.is_clear(pid) || self.census.has_ended(pid) {
            return;
        }
        sighting.title = Some(procfs::title(pid));
        sighting.image = procfs::stat(pid).and_then(|stat| stat.stack);
        if self.census.get(pid).is_none() {
            sighting.program = procfs::program(pid).map(|path| path.to_string_lossy().into_owned());
        }
    }

    /// Ended and still listed: nobody has reaped them.
    fn zombies(&mut self, scan: &Scan) {
        for (target, view) in self.site.views.iter_mut().enumerate() {
            let unreaped = |sighting: &&Sighting| {
                self.census.has_ended(sighting.pid)
                    && self.census.remember(sighting.pid).is_some_and(|person| person.target == target)
            };
            view.zombies = scan.sightings.iter().filter(unreaped).count() as u32;
        }
    }

    fn open_handles(&mut self, after: facts::Nanos) -> Result<(), Error> {
        let new: Vec<u32> =
            self.census.living().map(|p| p.pid).filter(|pid| !self.handles.has(*pid)).collect();
        for pid in new {
            if self.handles.open(pid).is_err() {
                // Ended and reaped since it was listed.
                self.note_end(pid, after)?;
            }
        }
        Ok(())
    }
}
