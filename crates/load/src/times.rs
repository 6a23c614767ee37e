//! How long attempts took, by population and phase, as they end: plain histograms, nothing allocated once a phase has
//! begun. The ledger knows the same and more; that both count alike is tested.

use facts::{Blame, Nanos, Outcome, Record, record::NEVER};
use hdrhistogram::Histogram;

/// Told apart: 100 ns (the unit of a record) to 60 s, in three digits.
const SHORTEST: Nanos = 100;
const LONGEST: Nanos = 60_000_000_000;
const DIGITS: u8 = 3;
/// A percentile stands on at least this many samples beyond it, or it is the luck of a few.
const SAMPLES_BEYOND: f64 = 10.0;

/// Durations of many attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Durations {
        let histogram = Histogram::new_with_bounds(SHORTEST, LONGEST, DIGITS);
        Durations(histogram.expect("the bounds are in order"))
    }
}

impl Durations {
    pub(crate) fn add(&mut self, nanos: Nanos) {
        self.0.saturating_record(nanos);
    }

    fn merge(&mut self, other: &Durations) {
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// A percentile in thousandths, within a thousandth of its value; `None` when fewer than 10 samples lie beyond it.
    pub fn percentile(&self, per_mille: f64) -> Option<Nanos> {
        let beyond = self.count() as f64 * (1000.0 - per_mille) / 1000.0;
        // A ten-thousandth of a sample is rounding.
        (beyond + 1e-4 >= SAMPLES_BEYOND).then(|| self.0.value_at_quantile(per_mille / 1000.0))
    }

    /// The shortest; `None` without a sample.
    pub fn min(&self) -> Option<Nanos> {
        (self.count() > 0).then(|| self.0.min())
    }

    /// The longest; `None` without a sample.
    pub fn max(&self) -> Option<Nanos> {
        (self.count() > 0).then(|| self.0.max())
    }

    /// Their mean; `None` without a sample.
    pub fn mean(&self) -> Option<Nanos> {
        (self.count() > 0).then(|| self.0.mean() as Nanos)
    }
}

/// The attempts of one population that were meant to start in one phase and say something about the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// From the intended start to the end. One that was not answered took at least its timeout.
    pub latency: Durations,
    /// Of complete answers: from the last byte of the request to the last of the answer. Blind to everything that was
    /// delayed before it was sent, and here only to be set beside the latency.
    pub service: Durations,
}

/// By population and phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AllTimes {
    /// `[population][phase]`.
    rows: Vec<Vec<Option<Box<Times>>>>,
}

impl AllTimes {
    /// Takes what one attempt took. What the generator did not do says nothing about the server.
    pub(crate) fn add(&mut self, record: &Record, outcome: Outcome, timeout: Nanos) {
        let blame = outcome.blame();
        if matches!(blame, Blame::Generator) {
            return;
        }
        let times = self.of(usize::from(record.population), usize::from(record.phase_intended));
        let is_answered = matches!(blame, Blame::Nobody | Blame::Corrupt);
        times.latency.add(if is_answered { record.latency() } else { record.latency().max(timeout) });
        if is_answered && record.sent != NEVER {
            times.service.add(facts::record::nanos(record.done.saturating_sub(record.sent)));
        }
    }

    /// Those of another thread.
    pub(crate) fn merge(&mut self, other: &AllTimes) {
        for (population, phase, theirs) in other.iter() {
            let own = self.of(population, phase);
            own.latency.merge(&theirs.latency);
            own.service.merge(&theirs.service);
        }
    }

    /// What was measured: population, phase, times.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, &Times)> {
        self.rows.iter().enumerate().flat_map(|(population, phases)| {
            let measured = phases.iter().enumerate();
            measured.filter_map(move |(phase, times)| Some((population, phase, times.as_deref()?)))
        })
    }

    /// All together.
    pub fn total(&self) -> Times {
        self.iter().fold(Times::default(), |mut total, (_, _, times)| {
            total.latency.merge(&times.latency);
            total.service.merge(&times.service);
            total
        })
    }

    fn of(&mut self, population: usize, phase: usize) -> &mut Times {
        if self.rows.len() <= population {
            self.rows.resize_with(population + 1, Vec::new);
        }
        let phases = &mut self.rows[population];
        if phases.len() <= phase {
            phases.resize_with(phase + 1, || None);
        }
        phases[phase].get_or_insert_with(Box::default)
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use facts::record::ticks;

    use super::*;

    const MS: Nanos = 1_000_000;

    fn record(population: u8, phase: u8, took: Nanos) -> Record {
        let (done, sent) = (ticks(0, took), ticks(0, took / 2));
        Record { population, phase_intended: phase, done, sent, ..Record::zeroed() }
    }

    #[test]
    fn attempts_are_sorted_by_population_and_phase_and_losses_take_their_timeout() {
        let mut times = AllTimes::default();
        times.add(&record(0, 0, 2 * MS), Outcome::Ok, 9 * MS);
        times.add(&record(0, 2, 4 * MS), Outcome::Refused, 9 * MS);
        times.add(&record(1, 2, MS), Outcome::Unsent, 9 * MS);
        let rows: Vec<_> =
            times.iter().map(|(p, phase, t)| (p, phase, t.latency.count(), t.service.count())).collect();
        assert_eq!(rows, [(0, 0, 1, 1), (0, 2, 1, 0)]);
        let total = times.total();
        assert!(total.latency.max().is_some_and(|max| max.abs_diff(9 * MS) < MS / 100));
        assert!(total.service.max().is_some_and(|max| max.abs_diff(MS) < MS / 100));
    }

    #[test]
    fn a_percentile_needs_samples_beyond_it() {
        let mut durations = Durations::default();
        (0..1000).for_each(|n| durations.add(n * MS / 100));
        assert!(durations.percentile(990.0).is_some_and(|p99| p99.abs_diff(99 * MS / 10) <= MS / 10));
        assert_eq!(durations.percentile(991.0), None);
        assert_eq!(Durations::default().max(), None);
    }
}
