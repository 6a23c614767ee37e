//! A step that measures again and again while the load runs, and fails when too much of that is no success.

use facts::{Event, Nanos, expression, plan::Analysis};
use ledger::{clock::now, read_ledgers};

use super::{Halt, Run};
use crate::{
    site::{Sight, asks, values},
    tally::{Tally, Told},
};

impl Run<'_> {
    pub(super) fn analyse(&mut self, step: usize, analysis: &Analysis) -> Result<(), Halt> {
        self.watcher.want_answers(asks(&analysis.success));
        let measured = self.measure(step, analysis);
        self.watcher.want_answers(Vec::new());
        measured
    }

    fn measure(&mut self, step: usize, analysis: &Analysis) -> Result<(), Halt> {
        let (begun, mut from, mut failures) = (now(), now(), 0);
        for number in 1..=u64::from(analysis.count) {
            self.sleep_until(begun + number * analysis.every_ms * 1_000_000)?;
            let until = now();
            let (success, saw) = self.measurement(analysis, from, until)?;
            from = until;
            self.watcher.write(Event::Measured { step, success, saw: saw.clone() })?;
            failures += u32::from(success != Some(true));
            if failures > analysis.failure_limit {
                let (text, limit) = (&analysis.text, analysis.failure_limit);
                return Err(Halt::Failed(format!(
                    "`{text}` was no success {failures} times, and {limit} are allowed; last seen: {saw}"
                )));
            }
        }
        Ok(())
    }

    fn measurement(
        &self,
        analysis: &Analysis,
        from: Nanos,
        until: Nanos,
    ) -> Result<(Option<bool>, String), Halt> {
        let records = match &self.load {
            Some(_) => read_ledgers(&self.directory).map_err(crate::Error::Ledger)?,
            None => Vec::new(),
        };
        let tally = Tally::new(records, from, until, self.plan.minimum_samples);
        let told = Told { sight: Sight { site: &self.watcher.site, since: from }, tally: &tally };
        let success = expression::truth(&analysis.success, &told).ok();
        Ok((success, values(&analysis.success, &told)))
    }
}
