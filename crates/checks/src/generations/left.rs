//! Generations that have left, and how.

use facts::{Event, Generation, Nanos, event::Ending, plan::FailpointAct};

use crate::{Index, attempt::Attempt, masters::Master};

/// A master that leaves by itself waits for its workers. A worker whose master was killed notices at once, but what
/// it had accepted it still answers.
const LEAVES_WITHIN: Nanos = 1_000_000_000;

/// A generation that has left.
pub(super) struct Left {
    pub(super) generation: Generation,
    /// Its last master, and how that ended.
    master: u32,
    ending: Option<Ending>,
    /// When its last master ended.
    pub(super) at: Nanos,
    /// From when on none of it may answer.
    silent_from: Nanos,
}

/// Who exited where the scenario let it: that is no leaving in order either.
pub(super) fn fallen(index: &Index) -> Vec<u32> {
    let fell = |line: &facts::Stamped| match line.event {
        Event::FailpointReached { pid, act: FailpointAct::Exit, .. } => Some(pid),
        _ => None,
    };
    index.history.events.iter().filter_map(fell).collect()
}

/// The generations whose last master ended while a master of another one lived.
pub(super) fn left(masters: &[Master], fallen: &[u32]) -> Vec<Left> {
    let is_last = |m: &&Master| !masters.iter().any(|o| o.generation == m.generation && o.until > m.until);
    let lives_on = |m: &Master| masters.iter().any(|o| o.generation == m.generation && o.until.is_none());
    let ended = masters.iter().filter(is_last).filter(|m| !lives_on(m));
    let replaced = ended.filter_map(|master| {
        let until = master.until?;
        let other = masters.iter().any(|o| o.generation != master.generation && o.lived_at(until));
        let in_order = matches!(master.ending, Some(Ending::Exited(_))) && !fallen.contains(&master.pid);
        let grace = if in_order { 0 } else { LEAVES_WITHIN };
        let Master { pid, generation, ending, .. } = *master;
        other.then_some(Left { generation, master: pid, ending, at: until, silent_from: until + grace })
    });
    replaced.collect()
}

impl Left {
    /// Whether one of it gave this answer when none might.
    pub(super) fn answered(&self, attempt: &Attempt) -> bool {
        let own = attempt.answered_by.is_some_and(|by| by.generation == self.generation);
        own && attempt.record.intended > self.silent_from
    }

    /// How it left. The nearest signal before a late answer may be another one than that which ended its master.
    pub(super) fn told(&self, index: &Index, first: &Attempt) -> String {
        let how = match self.ending {
            Some(Ending::Exited(code)) => format!("exited with code {code}"),
            Some(Ending::Killed(signal)) => format!("was killed by signal {signal}"),
            Some(Ending::Unknown) | None => "ended".to_owned(),
        };
        let before = first.done_at().saturating_sub(self.at) as f64 / 1e6;
        let after = self.last_signal(index).map(|signal| format!(" after {signal}")).unwrap_or_default();
        format!(
            ": its master pid {} {how}{after}, {before:.1} ms before the first of these answers",
            self.master
        )
    }

    /// The last one that was sent to its master. Of one that is not our child nobody told us how it ended.
    fn last_signal<'a>(&self, index: &'a Index) -> Option<&'a str> {
        let before = index.history.events.iter().filter(|line| line.at.earliest <= self.at);
        let sent = |line: &'a facts::Stamped| match &line.event {
            Event::SignalSent { pid, signal, .. } if *pid == self.master => Some(signal.as_str()),
            _ => None,
        };
        before.filter_map(sent).next_back()
    }
}
