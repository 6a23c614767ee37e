//! Latency from the intended start of an attempt to its end. An attempt that was never answered took at least its
//! deadline; leaving it out would make an outage look fast (coordinated omission).

use facts::{Blame, Nanos, expression::Kind, plan::Pace};

use crate::{
    Index,
    attempt::Attempt,
    index::{Interval, Scope},
    proof::Shown,
    spelling,
    timing::{Timing, timing},
};

/// A percentile stands on at least this many samples beyond it, or it is the luck of a few.
const SAMPLES_BEYOND: f64 = 10.0;

/// Latencies, sorted.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Nanos>);

impl Latencies {
    /// Sorts samples.
    pub fn new(mut samples: Vec<Nanos>) -> Latencies {
        samples.sort_unstable();
        Latencies(samples)
    }

    /// Of the attempts that say something about the server.
    pub(crate) fn of<'a>(index: &Index, attempts: impl Iterator<Item = &'a Attempt>) -> Latencies {
        Latencies::new(attempts.filter_map(|a| latency(index, a)).collect())
    }

    /// Nearest-rank percentile in nanoseconds; `None` when fewer than 10 samples lie beyond it.
    pub fn percentile(&self, per_mille: u16) -> Option<Nanos> {
        let beyond = self.0.len() as f64 * f64::from(1000_u16.saturating_sub(per_mille)) / 1000.0;
        if beyond < SAMPLES_BEYOND { None } else { self.rank(per_mille) }
    }

    /// Nearest-rank percentile however few the samples are: one of the samples, and no more than that.
    pub fn rank(&self, per_mille: u16) -> Option<Nanos> {
        let rank = (self.0.len() * usize::from(per_mille)).div_ceil(1000).max(1);
        self.0.get(rank - 1).copied()
    }

    /// The shortest.
    pub fn min(&self) -> Option<Nanos> {
        self.0.first().copied()
    }

    /// The longest.
    pub fn max(&self) -> Option<Nanos> {
        self.0.last().copied()
    }

    /// In ascending order.
    pub fn samples(&self) -> &[Nanos] {
        &self.0
    }
}

/// How long an attempt took, if it says something about the server.
pub(crate) fn latency(index: &Index, attempt: &Attempt) -> Option<Nanos> {
    let population = index.plan.populations.get(usize::from(attempt.record.population));
    if population.is_some_and(|population| population.pace == Pace::Closed) {
        return None;
    }
    let deadline = population.map_or(0, |p| u64::from(p.timeout_ms) * 1_000_000);
    let seen = attempt.record.done_at().map_or(0, |done| done - attempt.record.intended);
    match attempt.blame() {
        Blame::Nobody | Blame::Corrupt => Some(seen),
        Blame::Lost | Blame::Retriable => Some(seen.max(deadline)),
        Blame::Excused | Blame::Generator => None,
    }
}

/// `p99(phases)`.
pub(crate) fn percentile(index: &Index, scope: Scope, per_mille: u16) -> Shown {
    let timing = match timing(index, scope) {
        Ok(timing) => timing,
        Err(why) => return Shown::Unknown(why),
    };
    let latencies = Latencies::of(index, index.attempts(scope));
    let samples = latencies.samples().len() as u64;
    let place = spelling::scope(index, scope);
    match latencies.percentile(per_mille) {
        Some(nanos) if samples >= index.plan.minimum_samples => timing.of(nanos),
        None => Shown::unknown(format!(
            "of {samples} samples in {place} fewer than 10 lie beyond this percentile: too few"
        )),
        Some(_) => Shown::unknown(format!(
            "{samples} samples in {place} are too few for this percentile: the scenario wants {} (`minimum_samples`)",
            index.plan.minimum_samples
        )),
    }
}

/// `max(phases)`.
pub(crate) fn max(index: &Index, scope: Scope) -> Shown {
    let none = || Shown::unknown(format!("no sample in {}", spelling::scope(index, scope)));
    match timing(index, scope) {
        Ok(timing) => {
            let longest = Latencies::of(index, index.attempts(scope)).max();
            longest.map_or_else(none, |nanos| timing.of(nanos))
        }
        Err(why) => Shown::Unknown(why),
    }
}

/// `longest_gap(phases)`: between complete answers, and from the edges of the phases to the nearest one.
pub(crate) fn longest_gap(index: &Index, scope: Scope) -> Shown {
    // An answer that was read late moves a gap and may shorten it: here lateness proves nothing either way.
    match timing(index, scope) {
        Ok(Timing::InTime) => {}
        Ok(Timing::Late(why)) | Err(why) => return Shown::Unknown(why),
    }
    let (Some(stretch), Some(loaded)) = (index.interval(scope), index.loaded()) else {
        return Shown::unknown(format!("{} did not happen", spelling::scope(index, scope)));
    };
    if index.attempts(scope).next().is_none() {
        return Shown::unknown(format!("no sample in {}", spelling::scope(index, scope)));
    }
    let stretch = Interval { begin: stretch.begin.max(loaded.begin), end: stretch.end.min(loaded.end) };
    let anywhen = Scope { phases: None, ..scope };
    let answered = index.attempts(anywhen).filter(|a| a.is_answered()).map(Attempt::done_at);
    let mut instants: Vec<Nanos> = answered.filter(|at| (stretch.begin..=stretch.end).contains(at)).collect();
    instants.extend([stretch.begin, stretch.end]);
    instants.sort_unstable();
    duration(instants.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0))
}

/// A time that is known exactly.
pub(crate) fn duration(nanos: Nanos) -> Shown {
    Shown::Number { low: nanos as f64, high: nanos as f64, kind: Kind::Duration }
}

#[cfg(test)]
mod tests {
    use facts::{
        Outcome,
        expression::{Argument, Function, Operator, Value},
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    const MS: f64 = 1e6;

    fn p50(built: Built, operator: Operator, ms: f64, expected: &str) {
        built.holds(Function::Percentile(500), &in_phase(0), operator, Value::Duration(ms * MS), expected);
    }

    #[test]
    fn a_percentile_of_few_samples_is_unknown() {
        p50(Built::good(), Operator::Equal, 1.0, PASS);
        p50(Built::good(), Operator::Less, 1.0, FAIL);
        Built::good().holds(
            Function::Percentile(990),
            &in_phase(0),
            Operator::Less,
            Value::Duration(5.0 * MS),
            UNKNOWN,
        );
        let mut scarce = Built::good();
        scarce.plan.minimum_samples = 1000;
        p50(scarce, Operator::Equal, 1.0, UNKNOWN);
    }

    #[test]
    fn an_attempt_that_was_never_answered_took_its_deadline() {
        let outage = Built::good().outcomes(|r| r.phase_intended == 0 && r.id % 3 > 0, Outcome::Refused);
        p50(outage.clone(), Operator::Equal, 1000.0, PASS);
        outage.holds(Function::Max, &in_phase(0), Operator::Equal, Value::Duration(1000.0 * MS), PASS);
    }

    #[test]
    fn a_gap_lasts_from_one_complete_answer_to_the_next() {
        let gap = |built: Built, ms: f64| {
            let value = Value::Duration(ms * MS);
            built.holds(Function::LongestGap, &in_phase(1), Operator::Equal, value, PASS);
        };
        gap(Built::good(), 10.0);
        gap(Built::good().outcomes(|r| (120..125).contains(&r.id), Outcome::Refused), 60.0);
        gap(Built::good().outcomes(|r| r.id >= 150, Outcome::Refused), 509.0);
        Built::default().holds(Function::LongestGap, &[], Operator::Less, Value::Duration(MS), UNKNOWN);
    }

    #[test]
    fn nobody_who_sends_nothing_has_a_gap() {
        let second = Value::Duration(1000.0 * MS);
        let of = |population| [Argument::Phases { first: 1, last: 1 }, Argument::Population(population)];
        Built::good().holds(Function::LongestGap, &of(0), Operator::Less, second, PASS);
        Built::good().holds(Function::LongestGap, &of(1), Operator::Less, second, UNKNOWN);
    }
}
