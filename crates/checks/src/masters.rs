//! Which masters of a target lived when.

use std::collections::BTreeSet;

use facts::{Event, Generation, Nanos, Role, event::Ending};

use crate::Index;

/// The life of one master as the harness saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Master {
    pub(crate) pid: u32,
    pub(crate) generation: Generation,
    /// Seen at the latest then.
    pub(crate) from: Nanos,
    /// Gone at the latest then; `None` when it outlived the history.
    pub(crate) until: Option<Nanos>,
    /// How it ended.
    pub(crate) ending: Option<Ending>,
}

impl Master {
    /// True when it surely lived at an instant.
    pub(crate) fn lived_at(&self, instant: Nanos) -> bool {
        self.from <= instant && self.until.is_none_or(|until| until > instant)
    }
}

/// Every master of a target, in order of appearance.
pub(crate) fn masters(index: &Index, target: &str) -> Vec<Master> {
    let mut masters: Vec<Master> = Vec::new();
    for line in &index.history.events {
        match &line.event {
            Event::ProcessAppeared { target: of, pid, generation, role: Role::Master, .. }
                if of == target =>
            {
                let (pid, generation, from) = (*pid, *generation, line.at.latest);
                masters.push(Master { pid, generation, from, until: None, ending: None });
            }
            Event::ProcessEnded { target: of, pid, ending, .. } if of == target => {
                if let Some(master) = masters.iter_mut().rev().find(|m| m.pid == *pid && m.until.is_none()) {
                    (master.until, master.ending) = (Some(line.at.latest), Some(*ending));
                }
            }
            _ => {}
        }
    }
    masters
}

/// Says that masters of more than one generation lived when everything had settled: the upgrade that the one began
/// was neither committed nor rolled back, and what is measured then is of two servers.
pub(crate) fn open_upgrade(index: &Index, target: usize) -> Option<String> {
    let view = index.settled(target)?;
    let masters = view.processes.iter().filter(|process| process.role == Role::Master && !process.orphan);
    let generations: BTreeSet<Generation> = masters.map(|master| master.generation).collect();
    let name = &index.plan.targets[target].name;
    let listed: Vec<String> = generations.iter().map(Generation::to_string).collect();
    (listed.len() > 1).then(|| {
        format!(
            "an upgrade of {name} is still open at the end: masters of generations {} live",
            listed.join(" and ")
        )
    })
}
