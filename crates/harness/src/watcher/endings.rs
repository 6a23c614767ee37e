//! Ends of processes: seen by pidfd, with the status that the warden tells when it was the one that reaped.

use std::collections::BTreeMap;

use facts::{Event, Moment, Nanos, event::Ending};
use ledger::clock::now;

use super::{News, Watcher};
use crate::{
    Error,
    census::{Census, Finding, Person},
};

/// The warden reaps at once; a status that is not told by then went to another parent.
const PATIENCE: Nanos = 500_000_000;

#[derive(Debug)]
struct Pending {
    person: Person,
    at: Moment,
    /// Another parent lives and takes the status: nothing to wait for.
    has_other_parent: bool,
}

/// Ended processes whose status may still be told, and statuses told.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    pending: Vec<Pending>,
    /// With the instant of the reaping.
    reported: BTreeMap<u32, (Ending, Nanos)>,
}

impl Endings {
    pub(super) fn report(&mut self, pid: u32, ending: Ending, at: Nanos) {
        self.reported.insert(pid, (ending, at));
    }

    pub(super) fn reported(&self, pid: u32) -> Option<(Ending, Nanos)> {
        self.reported.get(&pid).copied()
    }

    pub(super) fn forget(&mut self, pid: u32) {
        self.reported.remove(&pid);
    }

    fn find_parents(&mut self, census: &Census) {
        for pending in &mut self.pending {
            pending.has_other_parent = census.get(pending.person.parent).is_some();
        }
    }

    /// Those that can be told now.
    fn due(&mut self, at: Nanos) -> Vec<(Pending, Ending)> {
        let (due, open) = std::mem::take(&mut self.pending).into_iter().partition(|pending| {
            let is_told = self.reported.contains_key(&pending.person.pid);
            is_told || pending.has_other_parent || at > pending.at.latest + PATIENCE
        });
        self.pending = open;
        let status = |p: Pending| {
            let ending = self.reported(p.person.pid).map_or(Ending::Unknown, |(ending, _)| ending);
            (p, ending)
        };
        Vec::into_iter(due).map(status).collect()
    }
}

impl Watcher {
    /// Processes whose pidfd says that they ended; true when there were any.
    pub(super) fn take_ends(&mut self) -> Result<bool, Error> {
        let ended = self.handles.take_ended();
        for pid in &ended {
            self.note_end(*pid, self.last_turn)?;
        }
        // Only now is it known who lost its parent in the same moment, and with it whoever takes its status.
        self.endings.find_parents(&self.census);
        Ok(!ended.is_empty())
    }

    pub(super) fn note_end(&mut self, pid: u32, not_before: Nanos) -> Result<(), Error> {
        let Some((person, was_known)) = self.census.end(pid) else { return Ok(()) };
        if !was_known {
            self.tell(Finding::Appeared(person.clone()))?;
        }
        self.news.push(News::Ended { target: person.target, pid });
        let at = Moment { earliest: not_before, latest: now() };
        self.endings.pending.push(Pending { person, at, has_other_parent: false });
        Ok(())
    }

    /// Writes the ends whose status is known, or will not be.
    pub(super) fn tell_endings(&mut self) -> Result<(), Error> {
        for (Pending { person, at, .. }, ending) in self.endings.due(now()) {
            let Person { target, pid, generation, role, .. } = person;
            let event = Event::ProcessEnded { target: self.name(target), pid, generation, role, ending };
            self.log.write(at, event)?;
        }
        Ok(())
    }

    /// True while an end that was seen is not written yet.
    pub(crate) fn has_untold_ends(&self) -> bool {
        !self.endings.pending.is_empty()
    }
}
