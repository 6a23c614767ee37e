//! Who is who among the processes of the targets: role and generation of each, decided from what successive scans
//! of `/proc` saw. Pure: no clock, no file, no process.
//!
//! Between `fork` and `execve` (or the change of its title) a child looks exactly like its parent, and a future
//! worker like a future master. So nobody is classified before it shows something that only one role can show.

mod people;

use std::collections::{BTreeMap, BTreeSet};

use facts::{Generation, Nanos, event::Role};

pub(crate) use self::people::{Breed, Person, Scan, Sighting};

/// A process that has shown nothing for this long is a helper; it is still promoted when it shows more later.
const UNCLEAR_FOR: Nanos = 1_000_000_000;

/// Something a scan brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is clear now what this process is.
    Appeared(Person),
    /// It lost its parent and is not a master.
    Orphaned(Person),
}

/// All processes of all targets, living and (for their generation) dead.
#[derive(Debug, Default)]
pub(crate) struct Census {
    warden: u32,
    /// What a process of the warden runs before its `execve`.
    warden_program: Option<String>,
    breeds: Vec<Breed>,
    living: BTreeMap<u32, Person>,
    /// Ended, and listed by the last scan: zombies.
    dead: BTreeMap<u32, Person>,
    /// Ended, reaped, and parents of the living, who are what they are by them.
    ancestors: BTreeMap<u32, Person>,
    launched: BTreeMap<u32, usize>,
    generations: Vec<Generation>,
}

impl Census {
    /// An empty census; every target is a child of `warden` sooner or later.
    pub(crate) fn new(warden: u32, warden_program: Option<String>, breeds: Vec<Breed>) -> Census {
        Census { warden, warden_program, generations: vec![0; breeds.len()], breeds, ..Census::default() }
    }

    pub(crate) fn breed(&self, target: usize) -> &Breed {
        &self.breeds[target]
    }

    /// The warden started this process as `target`.
    pub(crate) fn launched(&mut self, pid: u32, target: usize) {
        self.launched.insert(pid, target);
    }

    /// Living processes, by pid.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Person> {
        self.living.values()
    }

    pub(crate) fn living_of(&self, target: usize) -> impl Iterator<Item = &Person> {
        self.living().filter(move |person| person.target == target)
    }

    pub(crate) fn get(&self, pid: u32) -> Option<&Person> {
        self.living.get(&pid)
    }

    /// As [`Census::get`], also when it has ended meanwhile.
    pub(crate) fn remember(&self, pid: u32) -> Option<&Person> {
        self.get(pid).or_else(|| self.dead.get(&pid)).or_else(|| self.ancestors.get(&pid))
    }

    pub(crate) fn has_ended(&self, pid: u32) -> bool {
        self.dead.contains_key(&pid)
    }

    /// True when the pid is a living master of the target.
    pub(crate) fn is_live_master(&self, target: usize, pid: u32) -> bool {
        self.get(pid).is_some_and(|person| person.target == target && person.role == Role::Master)
    }

    /// The generation of the living processes, when they are all of one.
    pub(crate) fn only_generation(&self, target: usize) -> Option<Generation> {
        let mut generations = self.living_of(target).map(|person| person.generation);
        let first = generations.next().filter(|generation| *generation > 0)?;
        generations.all(|generation| generation == first).then_some(first)
    }

    /// True for a worker none of whose masters lives.
    pub(crate) fn is_orphan(&self, person: &Person) -> bool {
        let is_its_master =
            |other: &Person| other.role == Role::Master && other.generation == person.generation;
        person.role == Role::Worker && !self.living_of(person.target).any(is_its_master)
    }

    /// True when nothing more can be learned from its title. A master's is still what its children are compared with.
    pub(crate) fn is_clear(&self, pid: u32) -> bool {
        self.get(pid).is_some_and(|person| person.is_known && person.role == Role::Worker)
    }

    /// Takes in one scan; `named` are the pids that pid files name, by target.
    pub(crate) fn observe(&mut self, scan: &Scan, named: &[(usize, u32)]) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.forget_reaped(scan);
        for sighting in &scan.sightings {
            findings.extend(self.see(sighting, scan.after));
        }
        // A worker's generation is its master's, so masters found in one round name workers in the next.
        loop {
            let found = self.classify(scan.after, named);
            if found.is_empty() {
                return findings;
            }
            findings.extend(found);
        }
    }

    /// The process ended: what it was. A process that never became clear is a helper.
    pub(crate) fn end(&mut self, pid: u32) -> Option<(Person, bool)> {
        let mut person = self.living.remove(&pid)?;
        let was_known = std::mem::replace(&mut person.is_known, true);
        self.dead.insert(pid, person.clone());
        Some((person, was_known))
    }

    /// Pids come back: a dead one that is listed no longer may be somebody else next time.
    fn forget_reaped(&mut self, scan: &Scan) {
        let listed: BTreeSet<u32> = scan.sightings.iter().map(|sighting| sighting.pid).collect();
        let (zombies, reaped) =
            std::mem::take(&mut self.dead).into_iter().partition(|(pid, _)| listed.contains(pid));
        self.dead = zombies;
        self.ancestors.extend::<BTreeMap<_, _>>(reaped);
        let parents: BTreeSet<u32> = self.living.values().map(|person| person.first_parent).collect();
        self.ancestors.retain(|pid, _| parents.contains(pid));
    }

    fn see(&mut self, sighting: &Sighting, at: Nanos) -> Option<Finding> {
        if self.dead.contains_key(&sighting.pid) {
            return None;
        }
        if !self.living.contains_key(&sighting.pid) {
            let person = self.newcomer(sighting, at)?;
            self.living.insert(person.pid, person);
            return None;
        }
        let warden = self.warden;
        let person = self.living.get_mut(&sighting.pid)?;
        if let Some(title) = &sighting.title {
            person.title.clone_from(title);
        }
        let moved = std::mem::replace(&mut person.parent, sighting.parent) != sighting.parent;
        let lost = moved && sighting.parent == warden && person.role == Role::Worker;
        lost.then(|| Finding::Orphaned(person.clone()))
    }

    fn newcomer(&self, sighting: &Sighting, at: Nanos) -> Option<Person> {
        let target = self.owner(sighting)?;
        let parent = self.remember(sighting.parent);
        // A daemon whose launcher is gone already is compared with the command it was started by.
        let looked_like = parent.map_or(&self.breeds[target].start_title, |parent| &parent.title).clone();
        Some(Person {
            pid: sighting.pid,
            target,
            parent: sighting.parent,
            title: sighting.title.clone().unwrap_or_default(),
            role: Role::Other,
            generation: parent.map_or(0, |parent| parent.generation),
            since: at,
            is_known: false,
            first_parent: sighting.parent,
            looked_like,
        })
    }

    /// Whose process it is: its parent's, or of who runs that program. Neither: not ours, or not `execve`d yet.
    fn owner(&self, sighting: &Sighting) -> Option<usize> {
        if let Some(target) = self.launched.get(&sighting.pid) {
            return Some(*target);
        }
        if let Some(parent) = self.remember(sighting.parent) {
            return Some(parent.target);
        }
        let title = sighting.title.as_deref().unwrap_or_default();
        let runs = |breed: &Breed| {
            sighting.program.as_ref() == Some(&breed.program) || title.contains(&breed.program)
        };
        // A helper whose parent nobody saw can only belong to the one target there is.
        let only = (self.breeds.len() == 1 && sighting.program != self.warden_program).then_some(0);
        self.breeds.iter().position(runs).or(only)
    }

    fn classify(&mut self, at: Nanos, named: &[(usize, u32)]) -> Vec<Finding> {
        let unclear: Vec<u32> =
            self.living.values().filter(|p| !p.is_known || p.role == Role::Other).map(|p| p.pid).collect();
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
        {
            return Some((Role::Master, self.generations[person.target] + 1));
        }
        if self.was_executed_by_a_master(person) {
            return Some((Role::Master, self.generations[person.target] + 1));
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
    fn was_executed_by_a_master(&self, person: &Person) -> bool {
        let parent = self.remember(person.first_parent).filter(|parent| parent.role == Role::Master);
        parent.is_some_and(|parent| {
            let differs = person.title != person.looked_like && person.title != parent.title;
            differs && person.title.contains(&self.breeds[person.target].program)
        })
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

    /// A server of one process without a pid file is whoever is left when its launcher is gone.
    fn stands_alone(&self, person: &Person) -> bool {
        let breed = &self.breeds[person.target];
        let launcher_lives = self.living.keys().any(|pid| self.launched.contains_key(pid));
        breed.workers == 0 && !breed.has_pid_file && person.parent == self.warden && !launcher_lives
    }
}

#[cfg(test)]
mod tests;
