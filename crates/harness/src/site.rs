//! What is known of every target now: one `View` each, and the answers to conditions.

mod questions;

use std::{collections::BTreeSet, fmt::Write};

use facts::{
    Generation, Moment, Nanos,
    event::{PidFile, Role, Seen, View},
    expression::{Argument, Function, Source, Value},
};

use crate::{
    census::{Census, Person},
    procfs,
};

pub(crate) use self::questions::{asks, values};

/// All targets at this instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    pub(crate) names: Vec<String>,
    pub(crate) views: Vec<View>,
    /// When each target was last asked who answers, from the question to its end.
    pub(crate) asked: Vec<Option<Moment>>,
    /// Steps of the plan that are done.
    pub(crate) done: BTreeSet<usize>,
}

/// The site as somebody sees it who wants to know nothing older than an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    pub(crate) site: &'a Site,
    /// Answers to questions that were put before this tell nothing.
    pub(crate) since: Nanos,
}

impl Site {
    /// Targets by name, each with what is known of it from the start.
    pub(crate) fn new(targets: impl Iterator<Item = (String, View)>) -> Site {
        let (names, views): (Vec<String>, Vec<View>) = targets.unzip();
        Site { asked: vec![None; names.len()], names, views, done: BTreeSet::new() }
    }

    /// Takes over who lives.
    pub(crate) fn refresh(&mut self, census: &Census) {
        for (target, view) in self.views.iter_mut().enumerate() {
            let seen = |person: &Person| Seen { orphan: census.is_orphan(person), ..seen(person) };
            view.processes = census.living_of(target).map(seen).collect();
        }
    }

    /// A new master.
    pub(crate) fn began(&mut self, target: usize, generation: Generation) {
        let view = &mut self.views[target];
        view.newest = generation;
        if view.old == 0 {
            view.old = generation;
        }
    }

    /// An upgrade is about to begin while this generation is in charge: what appears from now on is `new`.
    pub(crate) fn upgrading(&mut self, target: usize, in_charge: Generation) {
        let view = &mut self.views[target];
        view.old = in_charge;
        view.newest = in_charge;
    }

    /// A HUP is about to be sent.
    pub(crate) fn reloading(&mut self, target: usize) {
        let view = &mut self.views[target];
        view.before_reload =
            view.processes.iter().filter(|p| p.role == Role::Worker).map(|p| p.pid).collect();
    }

    /// One line for a reader who asks why a wait did not end.
    pub(crate) fn describe(&self) -> String {
        let mut line = String::new();
        for (name, view) in self.names.iter().zip(&self.views) {
            let gap = if line.is_empty() { "" } else { "; " };
            write!(line, "{gap}{name}: {}", describe(view)).ok();
        }
        line
    }
}

impl Source for Sight<'_> {
    fn call(&self, function: Function, arguments: &[Argument]) -> Result<Value, String> {
        let target = match arguments.first() {
            Some(Argument::Processes(selector)) => selector.target,
            Some(Argument::Target(target)) => *target,
            Some(Argument::Steps { first, last }) if function == Function::Done => {
                return Ok(Value::Truth((*first..=*last).all(|step| self.site.done.contains(&step))));
            }
            _ => 0,
        };
        let view = self.site.views.get(target).ok_or_else(|| format!("there is no target {target}"))?;
        match (function, arguments.first()) {
            (Function::Answers | Function::Accepting, _) if !self.was_asked(target) => {
                Err(format!("{} was not asked yet", self.site.names[target]))
            }
            // Too dear to keep up to date for every process.
            (Function::Fds, Some(Argument::Processes(selector))) => {
                let meant = view.select(selector);
                if meant.is_empty() {
                    return Err("nobody lives whose descriptors could be counted".into());
                }
                let open = meant.into_iter().map(|process| procfs::fds(process.pid));
                Ok(Value::Number(f64::from(open.sum::<u32>())))
            }
            _ => view
                .answer(function, arguments)
                .ok_or_else(|| format!("{function:?} is known only after the run")),
        }
    }
}

impl Sight<'_> {
    fn was_asked(&self, target: usize) -> bool {
        self.site.asked[target].is_some_and(|asked| asked.earliest >= self.since)
    }
}

fn seen(person: &Person) -> Seen {
    let Person { pid, parent, generation, role, .. } = *person;
    Seen { pid, parent, generation, role, orphan: false, fds: 0, rss_kib: 0 }
}

fn describe(view: &View) -> String {
    let mut generations: Vec<Generation> = view.processes.iter().map(|p| p.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    let mut text = format!("pid file {}, .oldbin {}", holds(view.pid_file), holds(view.oldbin));
    for generation in generations {
        let pids = |role| {
            let of = view.processes.iter().filter(|p| p.generation == generation && p.role == role);
            let pids: Vec<String> = of.map(|p| p.pid.to_string()).collect();
            if pids.is_empty() { "none".to_owned() } else { pids.join(" ") }
        };
        let (masters, workers, others) = (pids(Role::Master), pids(Role::Worker), pids(Role::Other));
        write!(text, ", generation {generation}: master {masters}, workers {workers}").ok();
        if others != "none" {
            write!(text, ", unclear {others}").ok();
        }
    }
    write!(text, ", generations that answered: {:?}, of {} workers each", view.answered, view.configured)
        .ok();
    text
}

fn holds(file: PidFile) -> String {
    match file {
        PidFile::Absent => "absent".into(),
        PidFile::Empty => "empty".into(),
        PidFile::Garbage => "without a pid".into(),
        PidFile::Names(pid) => pid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use facts::plan::{Members, Selector, Which};

    use facts::Expression;

    use super::*;

    fn site() -> Site {
        let mut site = Site::new([("web".to_owned(), View { configured: 2, ..View::default() })].into_iter());
        site.began(0, 1);
        site
    }

    fn answers(site: &Site, since: Nanos) -> Result<Value, String> {
        Sight { site, since }.call(Function::Answers, &[Argument::Target(0)])
    }

    #[test]
    fn nobody_asked_is_not_nobody_answers() {
        let mut site = site();
        assert_eq!(answers(&site, 0), Err("web was not asked yet".into()));
        site.asked[0] = Some(Moment { earliest: 5, latest: 9 });
        assert_eq!(answers(&site, 5), Ok(Value::Generation(0)));
        assert!(answers(&site, 6).is_err());
    }

    #[test]
    fn steps_are_done_when_all_of_them_are() {
        let mut site = site();
        let done = |site: &Site| {
            Sight { site, since: 0 }.call(Function::Done, &[Argument::Steps { first: 1, last: 2 }])
        };
        site.done.insert(1);
        assert_eq!(done(&site), Ok(Value::Truth(false)));
        site.done.insert(2);
        assert_eq!(done(&site), Ok(Value::Truth(true)));
    }

    #[test]
    fn what_died_before_this_usr2_is_not_new() {
        let mut site = site();
        site.upgrading(0, 1);
        site.began(0, 2);
        assert_eq!(site.views[0].generation(Which::New), Some(2));
        site.upgrading(0, 1);
        assert_eq!(site.views[0].generation(Which::New), None);
        site.began(0, 3);
        assert_eq!(site.views[0].generation(Which::New), Some(3));
    }

    #[test]
    fn nobody_has_no_few_descriptors() {
        let (target, generation, members) = (0, Which::Any, Members::Worker(9));
        let nobody = Argument::Processes(Selector { target, generation, members });
        assert!(Sight { site: &site(), since: 0 }.call(Function::Fds, &[nobody]).is_err());
    }

    #[test]
    fn a_question_about_the_ledger_has_no_answer_now() {
        assert!(Sight { site: &site(), since: 0 }.call(Function::Lost, &[]).is_err());
    }

    #[test]
    fn ready_needs_a_probe_and_alive_does_not() {
        let selector = Selector { target: 3, generation: Which::New, members: Members::All };
        let call = |function| Expression::Call { function, arguments: vec![Argument::Processes(selector)] };
        assert_eq!(asks(&Expression::Not(Box::new(call(Function::Ready)))), [3]);
        assert_eq!(asks(&call(Function::Accepting)), [3]);
        assert_eq!(asks(&call(Function::Alive)), [0; 0]);
    }
}
