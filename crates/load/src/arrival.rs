//! When requests are meant to start. Every population draws from its own stream of (seed, name), so that adding
//! one does not move the others, and a run can be repeated to the nanosecond.

use facts::{
    Nanos,
    plan::{Pace, Population},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// The open-loop arrival plan of one population: intended starts without end, in order.
pub(crate) struct Arrivals {
    start: Nanos,
    rule: Rule,
    stream: Stream,
}

enum Rule {
    Grid { next: u64, per_second: f64, offset: f64 },
    Poisson { elapsed: f64, per_second: f64 },
}

impl Arrivals {
    /// `None` for a population whose clients think: they make their own plan.
    pub(crate) fn new(population: &Population, seed: u64, start: Nanos) -> Option<Arrivals> {
        let mut stream = Stream::new(seed, &population.name);
        let rule = match population.pace {
            // Grids of several populations must not beat in step.
            Pace::Constant { per_second } => Rule::Grid { next: 0, per_second, offset: stream.fraction() },
            Pace::Poisson { per_second } => Rule::Poisson { elapsed: 0.0, per_second },
            Pace::Think { .. } => return None,
        };
        Some(Arrivals { start, rule, stream })
    }

    /// From `now` on at another rate, spread in the same way.
    pub(crate) fn change_rate(&mut self, rate: f64, now: Nanos) {
        self.start = now;
        match &mut self.rule {
            Rule::Grid { next, per_second, .. } => (*next, *per_second) = (0, rate),
            Rule::Poisson { elapsed, per_second } => (*elapsed, *per_second) = (0.0, rate),
        }
    }

    /// The next intended start.
    pub(crate) fn next(&mut self) -> Nanos {
        let seconds = match &mut self.rule {
            Rule::Grid { next, per_second, offset } => {
                let seconds = (*next as f64 + *offset) / *per_second;
                *next += 1;
                seconds
            }
            Rule::Poisson { elapsed, per_second } => {
                *elapsed += -(1.0 - self.stream.fraction()).ln() / *per_second;
                *elapsed
            }
        };
        self.start + (seconds * 1e9) as Nanos
    }
}

/// First intended starts of `count` clients that think: spread over one think time, so that they do not march in step.
pub(crate) fn staggered(name: &str, seed: u64, start: Nanos, think: Nanos, count: u32) -> Vec<Nanos> {
    let mut stream = Stream::new(seed, name);
    (0..count).map(|_| start + (stream.fraction() * think as f64) as Nanos).collect()
}

/// How many arrivals a population may plan in `seconds`, with room for chance.
pub(crate) fn most_arrivals(population: &Population, seconds: f64) -> u64 {
    /// A client that does not think is held back by its own answers; 10 000 a second on one connection is beyond them.
    const SHORTEST_CYCLE_SECONDS: f64 = 1e-4;
    let mean = match population.pace {
        Pace::Constant { per_second } | Pace::Poisson { per_second } => per_second * seconds,
        Pace::Think { nanos } => {
            let cycle = (nanos as f64 / 1e9).max(SHORTEST_CYCLE_SECONDS);
            f64::from(population.connections) * (seconds / cycle + 1.0)
        }
    };
    // Eight standard deviations of a Poisson count.
    (mean + 8.0 * mean.sqrt() + 1024.0) as u64
}

/// Random numbers of one population.
struct Stream(ChaCha8Rng);

impl Stream {
    fn new(seed: u64, name: &str) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(fnv1a(name.as_bytes()));
        Stream(rng)
    }

    /// Evenly spread over [0, 1).
    fn fraction(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// FNV-1a: names become stream numbers that are the same on every machine and release.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use facts::plan::{Behaviour, Method};

    use super::*;

    fn population(name: &str, pace: Pace) -> Population {
        Population {
            name: name.into(),
            target: 0,
            behaviour: Behaviour::Short,
            pace,
            connections: 1,
            looks: false,
            method: Method::Get,
            path: "/".into(),
            body_bytes: 0,
            timeout_ms: 1000,
        }
    }

    fn plan(name: &str, seed: u64, pace: Pace, count: usize) -> Vec<Nanos> {
        let mut arrivals = Arrivals::new(&population(name, pace), seed, 5_000).unwrap();
        (0..count).map(|_| arrivals.next()).collect()
    }

    #[test]
    fn the_same_seed_and_name_give_the_same_plan_and_nothing_else_does() {
        let pace = Pace::Poisson { per_second: 1000.0 };
        assert_eq!(plan("a", 7, pace, 1000), plan("a", 7, pace, 1000));
        assert_ne!(plan("a", 7, pace, 10), plan("b", 7, pace, 10));
        assert_ne!(plan("a", 7, pace, 10), plan("a", 8, pace, 10));
    }

    #[test]
    fn this_release_plans_what_the_last_one_did() {
        let first = plan("users", 1, Pace::Poisson { per_second: 1000.0 }, 3);
        assert_eq!(first, [648_773, 1_045_691, 1_199_396], "a stored seed must replay");
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() {
        let count = 200_000;
        let plan = plan("a", 3, Pace::Poisson { per_second: 1000.0 }, count);
        let gaps: Vec<f64> = plan.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean / 1e6 - 1.0).abs() < 0.01, "mean {mean} ns, asked 1 ms");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.02, "deviation {} ns", variance.sqrt());
    }

    #[test]
    fn a_grid_is_even_and_does_not_drift() {
        let plan = plan("a", 3, Pace::Constant { per_second: 3.0 }, 300_001);
        assert!(plan.windows(2).all(|w| (333_333_333..=333_333_334).contains(&(w[1] - w[0]))));
        assert_eq!(plan[300_000] - plan[0], 100_000_000_000_000);
    }

    #[test]
    fn a_changed_rate_holds_from_then_on() {
        let mut arrivals =
            Arrivals::new(&population("a", Pace::Constant { per_second: 10.0 }), 1, 0).unwrap();
        arrivals.next();
        arrivals.change_rate(1000.0, 7_000_000_000);
        let starts: Vec<Nanos> = (0..3).map(|_| arrivals.next()).collect();
        assert!((7_000_000_000..7_001_000_001).contains(&starts[0]), "{starts:?}");
        assert!(starts.windows(2).all(|w| (999_999..=1_000_001).contains(&(w[1] - w[0]))), "{starts:?}");
    }

    #[test]
    fn clients_that_think_start_spread_over_one_think_time() {
        let starts = staggered("a", 1, 1_000, 1_000_000, 1000);
        assert!(starts.iter().all(|s| (1_000..1_001_000).contains(s)));
        let early = starts.iter().filter(|s| **s < 501_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
