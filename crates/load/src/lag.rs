//! How late the generator itself was: the time from an intended start to the moment the engine turned to it. What
//! a slow server delays (an arrival that waits for a free connection) is not in it.

use facts::Nanos;
use hdrhistogram::Histogram;

/// Longest lag told apart; beyond it the run is void anyway.
const LONGEST: Nanos = 60_000_000_000;

/// The generator's own lag in one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseLag {
    /// Index into `Plan::phases`.
    pub phase: u8,
    /// Arrivals measured.
    pub samples: u64,
    /// 99.9th percentile of actual minus intended start.
    pub p999_ns: Nanos,
    /// The worst.
    pub max_ns: Nanos,
}

/// Collects lag by phase.
#[derive(Default)]
pub(crate) struct Lag {
    phases: Vec<Option<Histogram<u64>>>,
}

impl Lag {
    pub(crate) fn add(&mut self, phase: u8, lag: Nanos) {
        let index = usize::from(phase);
        if self.phases.len() <= index {
            self.phases.resize_with(index + 1, || None);
        }
        let histogram = self.phases[index].get_or_insert_with(|| {
            Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are in order")
        });
        histogram.saturating_record(lag);
    }

    pub(crate) fn totals(&self) -> Vec<PhaseLag> {
        let measured = self.phases.iter().enumerate();
        let lag = |(phase, histogram): (usize, &Histogram<u64>)| PhaseLag {
            phase: phase as u8,
            samples: histogram.len(),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
        };
        measured.filter_map(|(phase, histogram)| Some((phase, histogram.as_ref()?))).map(lag).collect()
    }
}
