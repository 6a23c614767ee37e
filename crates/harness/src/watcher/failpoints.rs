//! What processes say at their failpoints.

use facts::{Event, Moment, plan::FailpointAct};
use ledger::clock::now;

use super::Watcher;
use crate::{Error, failpoints::Reached};

impl Watcher {
    pub(super) fn take_failpoints(&mut self) -> Result<(), Error> {
        let reached: Vec<(usize, Reached)> = self
            .failpoints
            .iter()
            .flat_map(|(target, failpoints)| failpoints.reached().into_iter().map(|said| (*target, said)))
            .collect();
        let at = Moment { earliest: self.last_turn, latest: now() };
        for (target, said) in reached {
            let Reached { act, role, generation, pid, point } = said.clone();
            let event =
                Event::FailpointReached { target: self.name(target), pid, generation, role, point, act };
            self.log.write(at, event)?;
            if act != FailpointAct::Note {
                self.site.views[target].fired += 1;
                self.failed.push(said);
            }
        }
        Ok(())
    }

    /// Who failed since the last call.
    pub(crate) fn take_failed(&mut self) -> Vec<Reached> {
        std::mem::take(&mut self.failed)
    }
}
