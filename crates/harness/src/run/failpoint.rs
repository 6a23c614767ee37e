//! Failpoints: armed by the plan, reached by the target, and continued when it stopped there.

use facts::plan::{Failpoint, FailpointAct, Which};

use super::{Halt, Run, fault::Fault};
use crate::Error;

/// How long a process that stopped itself stays so.
const STOPPED_MS: u64 = 3_000;

impl Run<'_> {
    pub(super) fn arm(&mut self, failpoint: &Failpoint) -> Result<(), Halt> {
        let target = failpoint.to.target;
        let view = &self.watcher.site.views[target];
        let generation = match failpoint.to.generation {
            Which::Any => None,
            // There may be none yet: it will have the next number.
            Which::New => view.generation(Which::New).or(Some(view.newest + 1)),
            which => Some(view.generation(which).ok_or_else(|| {
                Halt::Failed(format!(
                    "there is no such generation; last seen: {}",
                    self.watcher.site.describe()
                ))
            })?),
        };
        let failpoints = self.watcher.failpoints.get_mut(&target);
        let failpoints = failpoints.ok_or_else(|| Halt::Failed("this target has no failpoints".into()))?;
        failpoints
            .arm(failpoint, generation)
            .map_err(|error| Halt::Failed(format!("arm a failpoint: {error}")))
    }

    /// Who stopped itself goes on after a while.
    pub(super) fn hold_the_stopped(&mut self) {
        for reached in self.watcher.take_failed() {
            if reached.act == FailpointAct::Stop {
                self.held.insert(reached.pid);
                let doing = format!("stopped at {}", reached.point);
                self.faults.begin(Fault::Held(vec![reached.pid]), &doing, Some(STOPPED_MS));
            }
        }
    }

    /// Nobody fails any more; who just did is noted.
    pub(super) fn disarm_all(&mut self) -> Result<(), Error> {
        for failpoints in self.watcher.failpoints.values() {
            failpoints.disarm().map_err(Error::system("disarm a failpoint"))?;
        }
        self.watcher.look_now()?;
        self.hold_the_stopped();
        Ok(())
    }
}
