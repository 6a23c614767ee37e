//! Which process took over which connection from another one, as journals tell: a connection is known by its client's port.

use std::collections::HashMap;

use facts::{History, Nanos, Plan, Record, plan::Action, record::NEVER};

/// Takings by port, each port's in order of time: when, and who.
#[derive(Debug, Default)]
pub(crate) struct Takings {
    by_port: HashMap<u16, Vec<(Nanos, u32)>>,
}

impl Takings {
    pub(crate) fn of(plan: &Plan, history: &History) -> Takings {
        let mut takings = Takings::default();
        if is_ambiguous(plan, history) {
            return takings;
        }
        for entry in history.journals.iter().flat_map(|(_, entries)| entries) {
            if let Some(port) = entry.taken_port() {
                takings.by_port.entry(port).or_default().push((entry.started, entry.pid));
            }
        }
        takings.by_port.values_mut().for_each(|taken| taken.sort_unstable());
        takings
    }

    /// Who took the connection of an attempt last, after an instant or else after it was made, and before the attempt was over.
    pub(crate) fn taker(&self, record: &Record, since: Option<Nanos>) -> Option<u32> {
        let taken = self.by_port.get(&record.local_port)?;
        let made = if record.connected == NEVER { Nanos::MAX } else { record.intended };
        let (from, over) = (since.unwrap_or(made), record.done_at().unwrap_or(Nanos::MAX));
        taken.iter().rev().find(|(at, _)| (from..=over).contains(at)).map(|(_, pid)| *pid)
    }
}

/// Behind a proxy the server sees the proxy's ports, and clients of several addresses may have the same one.
fn is_ambiguous(plan: &Plan, history: &History) -> bool {
    let leads_through_proxy = |action: &Action| matches!(action, Action::Net { .. });
    !history.callers.is_empty()
        || plan.steps.iter().any(|step| leads_through_proxy(&step.action))
        || plan.reactions.iter().any(|reaction| leads_through_proxy(&reaction.action))
}
