//! What is known of every target now: one `View` each, and the answers to conditions.

use std::fmt::Write;

use facts::{
    Expression, Generation,
    event::{PidFile, Role, Seen, View},
    expression::{Argument, Function, Source, Value},
};

use crate::census::{Census, Person};

/// All targets at this instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    pub(crate) names: Vec<String>,
    pub(crate) views: Vec<View>,
    /// Whether a probe of this target came back since somebody began to wait.
    pub(crate) asked: Vec<bool>,
}

impl Site {
    /// Targets by name, with the workers each should have.
    pub(crate) fn new(targets: impl Iterator<Item = (String, u32)>) -> Site {
        let (names, views): (Vec<String>, Vec<View>) =
            targets.map(|(name, configured)| (name, View { configured, ..View::default() })).unzip();
        Site { asked: vec![false; names.len()], names, views }
    }

    /// Forgets who answers now: a new wait wants new answers.
    pub(crate) fn begin_asking(&mut self) {
        self.asked.fill(false);
        for view in &mut self.views {
            view.answers = 0;
        }
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

    /// A USR2 is about to be sent to a process of this generation: what appears from now on is `new`.
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

impl Source for Site {
    fn call(&self, function: Function, arguments: &[Argument]) -> Result<Value, String> {
        let target = match arguments.first() {
            Some(Argument::Processes(selector)) => selector.target,
            Some(Argument::Target(target)) => *target,
            _ => 0,
        };
        let view = self.views.get(target).ok_or_else(|| format!("there is no target {target}"))?;
        if function == Function::Answers && !self.asked[target] {
            return Err(format!("{} was not asked yet", self.names[target]));
        }
        view.answer(function, arguments).ok_or_else(|| format!("{function:?} is known only after the run"))
    }
}

/// The targets that must be asked over a connection before this can be told.
pub(crate) fn asks(expression: &Expression, found: &mut Vec<usize>) {
    match expression {
        Expression::Literal(_) => {}
        Expression::Not(inner) => asks(inner, found),
        Expression::Binary { left, right, .. } => {
            asks(left, found);
            asks(right, found);
        }
        Expression::Call { function: Function::Ready | Function::Answers, arguments } => {
            found.extend(arguments.iter().filter_map(|argument| match argument {
                Argument::Processes(selector) => Some(selector.target),
                Argument::Target(target) => Some(*target),
                _ => None,
            }));
        }
        Expression::Call { .. } => {}
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

    use super::*;

    fn site() -> Site {
        let mut site = Site::new([("web".to_owned(), 2)].into_iter());
        site.began(0, 1);
        site
    }

    fn answers(site: &Site) -> Result<Value, String> {
        site.call(Function::Answers, &[Argument::Target(0)])
    }

    #[test]
    fn nobody_asked_is_not_nobody_answers() {
        let mut site = site();
        assert_eq!(answers(&site), Err("web was not asked yet".into()));
        site.asked[0] = true;
        assert_eq!(answers(&site), Ok(Value::Number(0.0)));
        site.begin_asking();
        assert!(answers(&site).is_err());
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
    fn a_question_about_the_ledger_has_no_answer_now() {
        assert!(site().call(Function::Lost, &[]).is_err());
    }

    #[test]
    fn ready_needs_a_probe_and_alive_does_not() {
        let selector = Selector { target: 3, generation: Which::New, members: Members::All };
        let call = |function| Expression::Call { function, arguments: vec![Argument::Processes(selector)] };
        let mut found = Vec::new();
        asks(&Expression::Not(Box::new(call(Function::Ready))), &mut found);
        asks(&call(Function::Alive), &mut found);
        assert_eq!(found, [3]);
    }
}
