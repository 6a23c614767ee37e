//! The lives of processes as the harness saw them, and whether one that an answer names can have given it. What a server
//! says of itself is no evidence; when a process ended is, to the instant. When one came to be is known only roughly, and
//! nothing follows from it here.

use std::collections::{BTreeMap, BTreeSet};

use facts::{
    Event, Generation, History, Nanos, Record,
    record::{NEVER, flag, nanos},
};

use crate::Holder;

/// What is known of the processes that had a pid, one after another.
#[derive(Debug, Default)]
struct Lives {
    /// Not before, surely from, and its generation.
    appeared: Vec<(Nanos, Nanos, Generation)>,
    /// Surely over by then.
    ended: Vec<Nanos>,
}

/// The processes of all targets, by pid.
pub(crate) struct Processes {
    /// In order of pid. There are a handful, and millions of records ask.
    by_pid: Vec<(u32, Lives)>,
    by_generation: BTreeMap<Generation, BTreeSet<u32>>,
    /// How generations call themselves, of those that have a name of their own.
    numbers: BTreeMap<Generation, Generation>,
}

impl Processes {
    pub(crate) fn of(history: &History) -> Processes {
        let mut processes =
            Processes { by_pid: Vec::new(), by_generation: BTreeMap::new(), numbers: BTreeMap::new() };
        let mut by_pid: BTreeMap<u32, Lives> = BTreeMap::new();
        for line in &history.events {
            match line.event {
                Event::ProcessAppeared { pid, generation, .. } => {
                    let lives = by_pid.entry(pid).or_default();
                    lives.appeared.push((line.at.earliest, line.at.latest, generation));
                    processes.by_generation.entry(generation).or_default().insert(pid);
                }
                Event::ProcessEnded { pid, .. } => {
                    by_pid.entry(pid).or_default().ended.push(line.at.latest);
                }
                _ => {}
            }
        }
        processes.by_pid = by_pid.into_iter().collect();
        processes.numbers = numbers(&processes, history);
        processes
    }

    /// Who answered, by what the answer says and what the harness saw.
    pub(crate) fn holder(&self, record: &Record) -> Option<Holder> {
        let pid = record.server_pid;
        let generation = if pid == 0 { record.generation() } else { self.generation(pid, record.done_at()?) };
        (pid > 0 || generation > 0).then_some(Holder { pid, generation })
    }

    /// The process that had a pid at an instant.
    pub(crate) fn named(&self, pid: u32, at: Nanos) -> Holder {
        Holder { pid, generation: self.generation(pid, at) }
    }

    /// A pid may be used again: the last process that had it by then is meant. One that was only noticed later
    /// is better than none.
    fn generation(&self, pid: u32, at: Nanos) -> Generation {
        let Some(Lives { appeared, .. }) = self.lives(pid) else { return 0 };
        let before = appeared.iter().rev().find(|(earliest, ..)| *earliest <= at);
        before.or(appeared.first()).map_or(0, |(.., generation)| *generation)
    }

    fn lives(&self, pid: u32) -> Option<&Lives> {
        let place = self.by_pid.binary_search_by_key(&pid, |(pid, _)| *pid).ok()?;
        Some(&self.by_pid[place].1)
    }

    /// True when whoever a complete answer names cannot have given it. A message on an open connection has the names of
    /// its handshake, and shows nothing.
    pub(crate) fn cannot_be(&self, record: &Record, named: Holder) -> bool {
        if record.has(flag::MESSAGE) {
            return false;
        }
        let begun = begun_after(record);
        match named {
            Holder { pid: 0, generation } => {
                let pids = self.by_generation.get(&generation);
                pids.is_some_and(|pids| pids.iter().all(|pid| self.was_gone(*pid, begun)))
            }
            Holder { pid, generation } => {
                self.was_gone(pid, begun) || self.is_another(generation, record.generation())
            }
        }
    }

    /// True when every process that ever had the pid had ended before an instant.
    fn was_gone(&self, pid: u32, instant: Nanos) -> bool {
        let Some(Lives { appeared, ended }) = self.lives(pid) else { return false };
        let Some(last) = ended.iter().max() else { return false };
        *last < instant && appeared.iter().all(|(_, latest, _)| latest <= last)
    }

    /// True when `said` is how another generation calls itself, and this one has a name of its own.
    fn is_another(&self, generation: Generation, said: Generation) -> bool {
        let own = self.numbers.get(&generation);
        own.is_some_and(|own| *own != said) && self.numbers.values().any(|number| *number == said)
    }
}

/// The request was certainly not begun before: it was meant to start then, on a connection that was there by then.
fn begun_after(record: &Record) -> Nanos {
    record.intended + if record.connected == NEVER { 0 } else { nanos(record.connected) }
}

/// What each generation calls itself. A server may number its generations as it likes. One whose processes always say
/// the same has that number, and no other generation has it; who has said more than one is left with what is nobody
/// else's. Where two have the same, or something is left over, nothing is known.
fn numbers(processes: &Processes, history: &History) -> BTreeMap<Generation, Generation> {
    let mut said: BTreeMap<Generation, BTreeSet<Generation>> = BTreeMap::new();
    let mut before = (0, 0);
    for record in history.records.iter().filter(|r| r.server_pid > 0 && r.generation > 0) {
        let generation = record.done_at().map_or(0, |done| processes.generation(record.server_pid, done));
        let pair = (generation, record.generation());
        if generation > 0 && !record.has(flag::MESSAGE) && pair != before {
            said.entry(generation).or_default().insert(record.generation());
            before = pair;
        }
    }
    let single = |said: &BTreeSet<Generation>| said.first().copied().filter(|_| said.len() == 1);
    let claimed: Vec<Generation> = said.values().filter_map(single).collect();
    let is_free = |number: &Generation| !claimed.contains(number);
    let numbers = said.iter().filter_map(|(generation, said)| {
        let own = single(said).filter(|own| claimed.iter().filter(|n| *n == own).count() == 1);
        let left: BTreeSet<Generation> = said.iter().copied().filter(is_free).collect();
        Some((*generation, own.or_else(|| single(&left))?))
    });
    numbers.collect()
}
