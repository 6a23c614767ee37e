//! Conditions of the plan that are watched all through a run: a line in the log whenever what they are worth changes.

use std::time::Duration;

use facts::{Event, Moment, Nanos, expression, plan::Condition};
use ledger::clock::now;

use super::{Run, TURN};
use crate::{
    Error,
    site::{Sight, asks, values},
};

/// Before the load starts, a watched target has this long to say who answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// A condition and what was last told of it.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    condition: &'a Condition,
    asks: Vec<usize>,
    told: Option<Option<bool>>,
    /// When it was last looked at.
    looked: Nanos,
}

impl<'a> Watched<'a> {
    pub(super) fn new(condition: &'a Condition) -> Watched<'a> {
        Watched { condition, asks: asks(&condition.holds), told: None, looked: 0 }
    }
}

impl Run<'_> {
    /// Begins to ask what watched conditions need, so that they can be told from the first instant of the load on.
    pub(super) fn prepare_to_watch(&mut self) -> Result<(), Error> {
        let mut asked: Vec<usize> = self.watched.iter().flat_map(|watched| watched.asks.clone()).collect();
        asked.sort_unstable();
        asked.dedup();
        self.watcher.always_want_answers(asked.clone());
        let (since, give_up) = (now(), now() + PATIENCE.as_nanos() as Nanos);
        let was_asked = |run: &Run<'_>, target: usize| {
            run.watcher.site.asked[target].is_some_and(|asked| asked.earliest >= since)
        };
        while !asked.iter().all(|target| was_asked(self, *target))
            && now() < give_up
            && !self.is_interrupted()
        {
            self.watcher.turn(TURN)?;
        }
        Ok(())
    }

    /// Writes what changed.
    pub(super) fn watch(&mut self) -> Result<(), Error> {
        let sight = Sight { site: &self.watcher.site, since: 0 };
        for watched in &mut self.watched {
            let holds = expression::truth(&watched.condition.holds, &sight).ok();
            let looked = std::mem::replace(&mut watched.looked, now());
            if watched.told.replace(holds) == Some(holds) {
                continue;
            }
            let saw = values(&watched.condition.holds, &sight);
            let at = changed_at(looked.max(self.loaded_at), &watched.asks, &sight);
            let condition = watched.condition.text.clone();
            self.watcher.log.write(at, Event::ConditionChanged { condition, holds, saw })?;
        }
        Ok(())
    }
}

/// Between two looks; and where a target was asked, not before the question was put. One that was not answered was
/// open from then on.
fn changed_at(looked: Nanos, asks: &[usize], sight: &Sight<'_>) -> Moment {
    let latest = now();
    let probes = asks.iter().filter_map(|target| Some((*target, sight.site.asked[*target]?)));
    let (earliest, latest) = probes.fold((looked, latest), |(earliest, latest), (target, asked)| {
        let is_silent = sight.site.views[target].answers == 0;
        (
            earliest.min(asked.earliest),
            if is_silent { latest.min(asked.earliest.max(looked)) } else { latest },
        )
    });
    Moment { earliest, latest: latest.max(earliest) }
}
