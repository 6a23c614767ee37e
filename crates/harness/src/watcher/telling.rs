//! What is seen goes into the event log, and what is true now into the site.

use facts::{Event, Moment, Role, event::PidFile};
use ledger::clock::now;

use super::{News, Watcher};
use crate::{
    Error,
    census::{Finding, Person},
    pid_file::Watched,
};

impl Watcher {
    pub(super) fn tell(&mut self, finding: Finding) -> Result<(), Error> {
        match finding {
            Finding::Appeared(person) => self.tell_appeared(&person),
            Finding::Orphaned(person) => self.tell_orphaned(&person),
        }
    }

    fn tell_appeared(&mut self, person: &Person) -> Result<(), Error> {
        if person.role == Role::Master {
            self.site.began(person.target, person.generation);
        }
        let Person { pid, parent, generation, role, since, .. } = *person;
        let (target, title) = (self.name(person.target), person.title.clone());
        self.news.push(News::Appeared { target: person.target, pid });
        let event = Event::ProcessAppeared { target, pid, parent, generation, role, title };
        self.log.write(Moment { earliest: since, latest: now() }, event)?;
        // Its master was gone before it was clear that this is a worker.
        let lost = role == Role::Worker && parent == self.warden.pid();
        if lost { self.tell_orphaned(person) } else { Ok(()) }
    }

    fn tell_orphaned(&self, person: &Person) -> Result<(), Error> {
        let Person { target, pid, generation, role, .. } = *person;
        let event = Event::ProcessOrphaned { target: self.name(target), pid, generation, role };
        Ok(self.log.write(Moment { earliest: self.last_turn, latest: now() }, event)?)
    }

    /// The kernel dropped news of pid files: an absence may have been among it.
    pub(super) fn tell_overlooked(&self) -> Result<(), Error> {
        let at = Moment { earliest: self.last_turn, latest: now() };
        for target in &self.site.names {
            let what = "changes of pid files: the kernel's queue of events (inotify) was full".to_owned();
            self.log.write(at, Event::Overlooked { target: target.clone(), what })?;
        }
        Ok(())
    }

    /// What a file held for a moment nobody knows.
    pub(super) fn tell_replaced(&self, file: usize) -> Result<(), Error> {
        let watched = &self.pid_files.files[file];
        let event = Event::PidFileReplaced { target: self.name(watched.target), file: base_name(watched) };
        Ok(self.log.write(Moment { earliest: self.last_turn, latest: now() }, event)?)
    }

    /// Tells what is true of the files now, where that is not what was told last: the named master may have died.
    pub(super) fn tell_pid_files(&mut self) -> Result<(), Error> {
        for file in 0..self.told.len() {
            let holds = self.pid_files.files[file].holds;
            self.tell_pid_file(file, holds)?;
        }
        Ok(())
    }

    pub(super) fn tell_pid_file(&mut self, file: usize, holds: PidFile) -> Result<(), Error> {
        let watched = &self.pid_files.files[file];
        let target = watched.target;
        let live_master = matches!(holds, PidFile::Names(pid) if self.census.is_live_master(target, pid));
        let view = &mut self.site.views[target];
        *if watched.is_oldbin { &mut view.oldbin } else { &mut view.pid_file } = holds;
        if std::mem::replace(&mut self.told[file], (holds, live_master)) == (holds, live_master) {
            return Ok(());
        }
        self.news.push(News::PidFile { target });
        let file = base_name(&self.pid_files.files[file]);
        let event = Event::PidFileChanged { target: self.name(target), file, holds, live_master };
        Ok(self.log.write(Moment { earliest: self.last_turn, latest: now() }, event)?)
    }
}

fn base_name(watched: &Watched) -> String {
    watched.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
