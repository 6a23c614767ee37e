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
    /// Median of actual minus intended start.
    pub p50_ns: Nanos,
    /// See `p50_ns`.
    pub p99_ns: Nanos,
    /// See `p50_ns`.
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
        self.of(usize::from(phase)).saturating_record(lag);
    }

    /// Those of another thread.
    pub(crate) fn merge(&mut self, other: &Lag) {
        for (phase, theirs) in other.phases.iter().enumerate() {
            if let Some(theirs) = theirs {
                self.of(phase).add(theirs).expect("the bounds are the same");
            }
        }
    }

    fn of(&mut self, phase: usize) -> &mut Histogram<u64> {
        if self.phases.len() <= phase {
            self.phases.resize_with(phase + 1, || None);
        }
        self.phases[phase].get_or_insert_with(|| {
            Histogram::new_with_bounds(1, LONGEST, 2).expect("the bounds are in order")
        })
    }

    pub(crate) fn totals(&self) -> Vec<PhaseLag> {
        let measured = self.phases.iter().enumerate();
        let lag = |(phase, histogram): (usize, &Histogram<u64>)| PhaseLag {
            phase: phase as u8,
            samples: histogram.len(),
            p50_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
        };
        measured.filter_map(|(phase, histogram)| Some((phase, histogram.as_ref()?))).map(lag).collect()
    }
}
