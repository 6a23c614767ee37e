//! Who is who among the processes of the targets: role and generation of each, decided from what successive scans
//! of `/proc` saw. Pure: no clock, no file, no process.
//!
//! Between `fork` and `execve` (or the change of its title) a child looks exactly like its parent, and a future
//! worker like a future master. So nobody is classified before it shows something that only one role can show.

mod people;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use facts::{Generation, Nanos, event::Role};

pub(crate) use self::people::{Breed, Image, Person, Scan, Sighting};

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

    /// True for a worker none of whose masters lives. A master that executed itself anew is still the parent of its
    /// old workers.
    pub(crate) fn is_orphan(&self, person: &Person) -> bool {
        let is_its_master =
            |other: &Person| other.role == Role::Master && other.generation == person.generation;
        person.role == Role::Worker
            && !self.is_live_master(person.target, person.parent)
            && !self.living_of(person.target).any(is_its_master)
    }

    /// This master was told to upgrade. One that does so by executing itself begins a generation with that; to
    /// execute itself without having been told is its own affair (HAProxy's master does, to give memory back).
    pub(crate) fn upgrading(&mut self, pid: u32) {
        if let Some(person) = self.living.get_mut(&pid) {
            person.is_upgrading = true;
        }
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
        if let Some(image) = sighting.image.filter(|image| person.image() != Some(*image)) {
            return self.executed(sighting.pid, image, at);
        }
        let moved = std::mem::replace(&mut person.parent, sighting.parent) != sighting.parent;
        let lost = moved && sighting.parent == warden && person.role == Role::Worker;
        lost.then(|| Finding::Orphaned(person.clone()))
    }

    /// It executed a program. A master that was told to upgrade is the master of a new generation from then on.
    fn executed(&mut self, pid: u32, image: Image, at: Nanos) -> Option<Finding> {
        let person = self.living.get_mut(&pid)?;
        let begins = std::mem::take(&mut person.is_upgrading) && person.role == Role::Master;
        if begins {
            self.generations[person.target] += 1;
            person.generation = self.generations[person.target];
            person.since = at;
        }
        person.images.push((image, person.generation));
        begins.then(|| Finding::Appeared(person.clone()))
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
            images: sighting.image.map(|image| (image, 0)).into_iter().collect(),
            is_upgrading: false,
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
}

#[cfg(test)]
mod tests;
