//! Answers what can be asked of a target at one instant from one [`View`]. What `old`, `new` and `current` mean
//! is decided here and nowhere else, so that a live condition and a final expectation agree.

use crate::{
    Generation,
    event::{InCharge, PidFile, Role, Seen, View},
    expression::{Argument, Function, Value},
    plan::{Members, Selector, Which},
};

impl View {
    /// The live processes a selector means, by pid.
    pub fn select(&self, selector: &Selector) -> Vec<&Seen> {
        let generation = self.generation(selector.generation);
        let chosen = |p: &&Seen| selector.generation == Which::Any || Some(p.generation) == generation;
        let mut seen: Vec<&Seen> = self.processes.iter().filter(chosen).collect();
        seen.sort_by_key(|p| p.pid);
        match selector.members {
            Members::All => {}
            Members::Master => seen.retain(|p| p.role == Role::Master),
            // Whoever acts draws one of them.
            Members::Workers | Members::AnyWorker => seen.retain(|p| p.role == Role::Worker),
            Members::Worker(n) => {
                seen.retain(|p| p.role == Role::Worker);
                seen = seen.into_iter().skip(n as usize).take(1).collect();
            }
        }
        seen
    }

    /// The generation number behind `old`, `new` or `current`; `None` when there is no such generation.
    pub fn generation(&self, which: Which) -> Option<Generation> {
        match which {
            Which::Old => Some(self.old).filter(|old| *old > 0),
            Which::New => Some(self.newest).filter(|newest| *newest > self.old),
            Which::Current => match self.in_charge {
                InCharge::PidFile => self.master_named_by(self.pid_file).map(|master| master.generation),
                InCharge::Newest => self.masters().map(|master| master.generation).max(),
            },
            Which::Any => None,
        }
    }

    fn masters(&self) -> impl Iterator<Item = &Seen> {
        self.processes.iter().filter(|process| process.role == Role::Master)
    }

    /// The live master a pid file names.
    pub fn master_named_by(&self, file: PidFile) -> Option<&Seen> {
        let PidFile::Names(pid) = file else { return None };
        self.processes.iter().find(|p| p.pid == pid && p.role == Role::Master)
    }

    /// The value of a function of the first group; `None` for a function of the ledger.
    pub fn answer(&self, function: Function, arguments: &[Argument]) -> Option<Value> {
        let number = |n: usize| Value::Number(n as f64);
        let selected = || match arguments.first() {
            Some(Argument::Processes(selector)) => self.select(selector),
            _ => self.processes.iter().collect(),
        };
        let which = || match arguments.first() {
            Some(Argument::Processes(selector)) => self.generation(selector.generation),
            _ => None,
        };
        Some(match function {
            Function::Ready => Value::Truth(which().is_some_and(|g| self.is_ready(g))),
            Function::Workers => number(selected().iter().filter(|p| p.role == Role::Worker).count()),
            Function::Alive => number(selected().len()),
            Function::Pid => Value::Pid(selected().first().map(|p| p.pid)),
            Function::PidFile => Value::Pid(named(self.pid_file)),
            Function::OldBin => Value::Pid(named(self.oldbin)),
            Function::Answers => Value::Generation(self.answers),
            Function::Generation => Value::Generation(which().unwrap_or(0)),
            Function::Orphans => number(self.processes.iter().filter(|p| p.orphan).count()),
            Function::Reloaded => Value::Truth(self.is_reloaded()),
            Function::Accepting => number(usize::from(self.answers > 0)),
            Function::Zombies => number(self.zombies as usize),
            Function::Fired => number(self.fired as usize),
            Function::Fds => number(selected().iter().map(|p| p.fds as usize).sum()),
            _ => return None,
        })
    }

    fn workers_of(&self, generation: Generation) -> impl Iterator<Item = &Seen> {
        self.processes.iter().filter(move |p| p.generation == generation && p.role == Role::Worker)
    }

    fn is_ready(&self, generation: Generation) -> bool {
        self.answered.contains(&generation) && self.workers_of(generation).count() == self.configured as usize
    }

    fn is_reloaded(&self) -> bool {
        let Some(current) = self.generation(Which::Current) else { return false };
        let replaced = self.workers_of(current).all(|p| !self.before_reload.contains(&p.pid));
        replaced && self.workers_of(current).count() == self.configured as usize
    }
}

fn named(file: PidFile) -> Option<u32> {
    match file {
        PidFile::Names(pid) => Some(pid),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, generation: Generation, role: Role) -> Seen {
        Seen { pid, parent: 1, generation, role, orphan: false, fds: 0, rss_kib: 0 }
    }

    fn view() -> View {
        use Role::{Master, Worker};
        let processes = vec![
            process(10, 1, Master),
            process(12, 1, Worker),
            process(11, 1, Worker),
            process(20, 2, Master),
            process(21, 2, Worker),
        ];
        View { processes, old: 1, newest: 2, configured: 2, pid_file: PidFile::Names(20), ..View::default() }
    }

    fn pids(generation: Which, members: Members) -> Vec<u32> {
        view().select(&Selector { target: 0, generation, members }).iter().map(|p| p.pid).collect()
    }

    #[test]
    fn selectors_mean_what_they_say() {
        assert_eq!(pids(Which::Old, Members::Master), [10]);
        assert_eq!(pids(Which::Old, Members::Worker(1)), [12]);
        assert_eq!(pids(Which::New, Members::All), [20, 21]);
        assert_eq!(pids(Which::Current, Members::Master), [20]);
        assert_eq!(pids(Which::Any, Members::Workers), [11, 12, 21]);
    }

    #[test]
    fn who_writes_no_pid_file_is_led_by_the_newest_master() {
        let without = View { pid_file: PidFile::Absent, ..view() };
        assert_eq!(without.generation(Which::Current), None);
        let newest = View { in_charge: InCharge::Newest, ..without };
        assert_eq!(newest.generation(Which::Current), Some(2));
    }

    #[test]
    fn a_generation_is_not_ready_before_all_its_workers_live_and_one_answered() {
        let mut view = view();
        assert!(!view.is_ready(2), "one worker of two");
        view.processes.push(process(22, 2, Role::Worker));
        assert!(!view.is_ready(2), "nobody answered");
        view.answered.push(2);
        assert!(view.is_ready(2));
    }

    #[test]
    fn new_is_nothing_until_a_newer_generation_appears() {
        let view = View { old: 1, newest: 1, ..view() };
        assert_eq!(view.generation(Which::New), None);
    }
}
