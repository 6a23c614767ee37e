//! What a process has shown itself to be: the rules, one function each.

use facts::{Generation, Nanos, event::Role, plan::Launch};

use super::{Census, Finding, Person};

/// Between `fork` and `execve` a future master is its parent's image; a server of a script language takes some
/// milliseconds for it. A child that still is after this long is a worker. (A pid file that names it later has the
/// last word.)
const FORKED_FOR: Nanos = 100_000_000;

/// A process that has shown nothing for this long is a helper; it is still promoted when it shows more later.
const UNCLEAR_FOR: Nanos = 1_000_000_000;

impl Census {
    pub(super) fn classify(&mut self, at: Nanos, named: &[(usize, u32)]) -> Vec<Finding> {
        let named_worker = |p: &Person| p.role == Role::Worker && named.contains(&(p.target, p.pid));
        let is_unclear = |p: &&Person| !p.is_known || p.role == Role::Other || named_worker(p);
        let unclear: Vec<u32> = self.living.values().filter(is_unclear).map(|p| p.pid).collect();
        unclear.into_iter().filter_map(|pid| self.settle(pid, at, named)).collect()
    }

    fn settle(&mut self, pid: u32, at: Nanos, named: &[(usize, u32)]) -> Option<Finding> {
        let person = self.get(pid)?;
        let (role, generation) = self.verdict(person, at, named)?;
        let target = person.target;
        if role == Role::Master {
            self.generations[target] = generation;
        }
        let person = self.living.get_mut(&pid)?;
        person.role = role;
        person.generation = generation;
        person.is_known = true;
        for (_, of) in &mut person.images {
            *of = generation;
        }
        Some(Finding::Appeared(person.clone()))
    }

    /// What a process has shown itself to be; `None` while that is open.
    fn verdict(&self, person: &Person, at: Nanos, named: &[(usize, u32)]) -> Option<(Role, Generation)> {
        let breed = &self.breeds[person.target];
        if breed.shows_worker(&person.title) {
            return self.generation_of_master(person).map(|generation| (Role::Worker, generation));
        }
        if named.contains(&(person.target, person.pid))
            || self.has_workers(person)
            || self.stands_alone(person)
            || self.was_executed_by_a_master(person)
        {
            return Some((Role::Master, self.generations[person.target] + 1));
        }
        if breed.has_plain_workers()
            && at.saturating_sub(person.since) > FORKED_FOR
            && let Some(generation) = self.generation_of_fork(person)
        {
            return Some((Role::Worker, generation));
        }
        let overdue = !person.is_known && at.saturating_sub(person.since) > UNCLEAR_FOR;
        overdue.then_some((Role::Other, person.generation))
    }

    /// A helper (`nginx: cache manager process`) changes its title too, but only a master shows the program and the
    /// arguments it was executed with: raw after `execve`, behind `master process` later. Of the first generation
    /// this proves nothing: launchers and wrappers show them as well.
    ///
    /// Compared with its parent as it was at first sight and as it is now: a parent that changed its title and then
    /// forked within one scan has a child that looks like neither but the second.
    ///
    /// A child that was forked before its parent changed its title shows what it was executed with as well; it has its
    /// parent's image. Where even a worker has the command line of its master, the image is all there is: then it must
    /// have executed something before our eyes, or have an image that its parent never had although it was told to
    /// upgrade. (If it was not, it is the parent who had an image for too short a time to be seen.)
    fn was_executed_by_a_master(&self, person: &Person) -> bool {
        let breed = &self.breeds[person.target];
        let parent = self.remember(person.first_parent).filter(|parent| parent.role == Role::Master);
        parent.is_some_and(|parent| {
            let is_fork = person.image().map(|image| parent.generation_at(image).is_some());
            if breed.has_plain_workers() {
                return person.images.len() > 1 || (is_fork == Some(false) && parent.is_upgrading);
            }
            let differs = person.title != person.looked_like && person.title != parent.title;
            is_fork != Some(true) && differs && person.title.contains(&breed.program)
        })
    }

    /// The generation of a child of a master that never executed anything: its master's when it was forked.
    fn generation_of_fork(&self, person: &Person) -> Option<Generation> {
        let parent = self.remember(person.first_parent).filter(|parent| parent.role == Role::Master)?;
        Some(person.image().and_then(|image| parent.generation_at(image)).unwrap_or(parent.generation))
    }

    /// `None` while its parent lives and may still turn out to be a master; 0 when that can never be told.
    fn generation_of_master(&self, worker: &Person) -> Option<Generation> {
        match self.remember(worker.first_parent) {
            Some(parent) if parent.role == Role::Master => Some(parent.generation),
            Some(_) if self.get(worker.first_parent).is_some() => None,
            // Its master died before anybody saw the two together. There is no doubt only while there was but one.
            _ if self.generations[worker.target] == 1 => Some(1),
            _ => Some(worker.generation),
        }
    }

    fn has_workers(&self, person: &Person) -> bool {
        let breed = &self.breeds[person.target];
        self.living().any(|child| child.first_parent == person.pid && breed.shows_worker(&child.title))
    }

    /// A master without a pid file, whose workers (if it has any) do not betray it, is whoever was started, or, if
    /// that does not stay, whoever is left when it is gone.
    fn stands_alone(&self, person: &Person) -> bool {
        let breed = &self.breeds[person.target];
        if breed.has_pid_file || person.parent != self.warden {
            return false;
        }
        match breed.launch {
            Launch::Stays => self.launched.contains_key(&person.pid),
            Launch::Daemonises => {
                let launcher_lives = self.living.keys().any(|pid| self.launched.contains_key(pid));
                (breed.workers == 0 || breed.has_plain_workers()) && !launcher_lives
            }
        }
    }
}
