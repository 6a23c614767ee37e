//! When requests are meant to start. Every population draws from its own stream of (seed, name), so that adding
//! one does not move the others, and a run can be repeated to the nanosecond. There is one plan for all threads: they
//! take its arrivals in turn, so that no thread has a rhythm of its own.

use facts::{
    Nanos,
    plan::{Fires, Pace, Population},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::course::Course;

/// Which part of a population's plan and connections belongs to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// From 0.
    pub(crate) index: u32,
    /// Threads that share the population.
    pub(crate) of: u32,
}

impl Share {
    /// The share of a thread in a population with this many connections; `None` when there are more threads than
    /// connections and none is left for it.
    pub(crate) fn of(thread: u32, threads: u32, connections: u32) -> Option<Share> {
        let of = threads.min(connections);
        (thread < of).then_some(Share { index: thread, of })
    }

    /// How many of `all` are its own.
    pub(crate) fn part(self, all: u64) -> u64 {
        let (index, of) = (u64::from(self.index), u64::from(self.of));
        all / of + u64::from(index < all % of)
    }
}

/// The open-loop arrival plan of one population: intended starts without end, in order.
pub(crate) struct Arrivals {
    start: Nanos,
    rule: Rule,
    stream: Stream,
    share: Share,
    /// Arrivals of other threads before the next of this one.
    others: u32,
}

enum Rule {
    Grid { next: u64, per_second: f64, offset: f64 },
    Random { wanted: f64, course: Course },
    Volleys { elapsed: f64, per_second: f64, size: u32, left: u32 },
}

impl Arrivals {
    /// `None` for a population whose clients pace themselves.
    pub(crate) fn new(population: &Population, seed: u64, start: Nanos, share: Share) -> Option<Arrivals> {
        let mut stream = Stream::new(seed, &population.name);
        let rule = match population.pace {
            // Grids of several populations must not beat in step.
            Pace::Constant { per_second } => Rule::Grid { next: 0, per_second, offset: stream.fraction() },
            Pace::Burst { per_second, size } => Rule::Volleys { elapsed: 0.0, per_second, size, left: 0 },
            pace => Rule::Random { wanted: 0.0, course: Course::of(pace)? },
        };
        Some(Arrivals { start, rule, stream, share, others: share.index })
    }

    /// From `now` on at another rate, spread in the same way; a ramp is over then.
    pub(crate) fn change_rate(&mut self, rate: f64, now: Nanos) {
        (self.start, self.others) = (now, self.share.index);
        match &mut self.rule {
            Rule::Grid { next, per_second, .. } => (*next, *per_second) = (0, rate),
            Rule::Random { wanted, course } => (*wanted, *course) = (0.0, Course::Flat(rate)),
            Rule::Volleys { elapsed, per_second, left, .. } => {
                (*elapsed, *per_second, *left) = (0.0, rate, 0);
            }
        }
    }

    /// The next intended start of this thread.
    pub(crate) fn next(&mut self) -> Nanos {
        for _ in 0..std::mem::replace(&mut self.others, self.share.of - 1) {
            self.advance();
        }
        self.start + (self.advance() * 1e9) as Nanos
    }

    /// Seconds from the start to the next arrival of anybody.
    fn advance(&mut self) -> f64 {
        match &mut self.rule {
            Rule::Grid { next, per_second, offset } => {
                let seconds = (*next as f64 + *offset) / *per_second;
                *next += 1;
                seconds
            }
            Rule::Random { wanted, course } => {
                *wanted += self.stream.exponential();
                course.seconds_to(*wanted)
            }
            Rule::Volleys { elapsed, per_second, size, left } => {
                if *left == 0 {
                    *elapsed += self.stream.exponential() * f64::from(*size) / *per_second;
                    *left = *size;
                }
                *left -= 1;
                *elapsed
            }
        }
    }
}

/// First intended starts of `count` clients that pace themselves, in order: spread over `span`, so that they do not
/// march in step.
pub(crate) fn staggered(
    population: &Population,
    seed: u64,
    start: Nanos,
    span: Nanos,
    share: Share,
) -> Vec<Nanos> {
    let mut stream = Stream::new(seed, &population.name);
    let all = (0..population.connections).map(|_| start + (stream.fraction() * span as f64) as Nanos);
    let mut own: Vec<Nanos> = all.skip(share.index as usize).step_by(share.of as usize).collect();
    own.sort_unstable();
    own
}

/// Requests a second that one thread can begin at most when nothing but the answers holds it back. A core does 250 000.
const FASTEST_THREAD: f64 = 400_000.0;

/// How many arrivals a thread may plan in `seconds` for its share of a population, with room for chance.
pub(crate) fn most_arrivals(population: &Population, seconds: f64, share: Share) -> u64 {
    /// A client that does not think is held back by its own answers; 10 000 a second on one connection is beyond them.
    const SHORTEST_CYCLE_SECONDS: f64 = 1e-4;
    const MOST_VOLLEYS: f64 = 64.0;
    let connections = share.part(population.connections.into()) as f64;
    let of = f64::from(share.of);
    let (mean, together) = match population.pace {
        Pace::Think { nanos } => {
            let cycle = (nanos as f64 / 1e9).max(SHORTEST_CYCLE_SECONDS);
            ((connections * (seconds / cycle + 1.0)).min(FASTEST_THREAD * seconds + connections), 1.0)
        }
        Pace::Closed => {
            let cycles = seconds / SHORTEST_CYCLE_SECONDS;
            ((connections * cycles).min(FASTEST_THREAD * seconds) + connections, 1.0)
        }
        Pace::Burst { per_second, size } => (per_second * seconds / of, f64::from(size)),
        Pace::Volley { fires: Fires::Every { nanos } } => {
            (connections * (seconds / (nanos as f64 / 1e9) + 2.0), 1.0)
        }
        // A phase begins once; a step or a server that closes may fire it a few times more.
        Pace::Volley { .. } => (connections * MOST_VOLLEYS, 1.0),
        pace => (pace.highest_rate().unwrap_or(0.0) * seconds / of, 1.0),
    };
    let mean = mean * f64::from(population.behaviour.depth());
    // Eight standard deviations of a Poisson count.
    (mean + 8.0 * (mean * together).sqrt() + together + 1024.0) as u64
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

    /// Exponentially spread, with the mean 1.
    fn exponential(&mut self) -> f64 {
        -(1.0 - self.fraction()).ln()
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
            ..Population::default()
        }
    }

    const ALONE: Share = Share { index: 0, of: 1 };

    fn plan(name: &str, seed: u64, pace: Pace, count: usize) -> Vec<Nanos> {
        planned(name, seed, pace, count, ALONE)
    }

    fn planned(name: &str, seed: u64, pace: Pace, count: usize, share: Share) -> Vec<Nanos> {
        let mut arrivals = Arrivals::new(&population(name, pace), seed, 5_000, share).unwrap();
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
            Arrivals::new(&population("a", Pace::Constant { per_second: 10.0 }), 1, 0, ALONE).unwrap();
        arrivals.next();
        arrivals.change_rate(1000.0, 7_000_000_000);
        let starts: Vec<Nanos> = (0..3).map(|_| arrivals.next()).collect();
        assert!((7_000_000_000..7_001_000_001).contains(&starts[0]), "{starts:?}");
        assert!(starts.windows(2).all(|w| (999_999..=1_000_001).contains(&(w[1] - w[0]))), "{starts:?}");
    }

    #[test]
    fn clients_that_think_start_spread_over_one_think_time() {
        let thinking = Population { connections: 1000, ..population("a", Pace::Think { nanos: 1_000_000 }) };
        let starts = staggered(&thinking, 1, 1_000, 1_000_000, ALONE);
        assert!(starts.is_sorted());
        assert!(starts.iter().all(|s| (1_000..1_001_000).contains(s)));
        let early = starts.iter().filter(|s| **s < 501_000).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }

    #[test]
    fn threads_deal_one_plan_among_themselves() {
        for pace in [
            Pace::Poisson { per_second: 1000.0 },
            Pace::Constant { per_second: 1000.0 },
            Pace::Burst { per_second: 1000.0, size: 7 },
            Pace::Ramp { from: 10.0, to: 1000.0, over_ns: 1_000_000_000 },
        ] {
            let mut dealt: Vec<Nanos> =
                (0..3).flat_map(|index| planned("a", 1, pace, 100, Share { index, of: 3 })).collect();
            dealt.sort_unstable();
            assert_eq!(dealt, plan("a", 1, pace, 300), "{pace:?}");
        }
    }

    #[test]
    fn shares_are_whole_and_only_those_that_have_a_connection_get_one() {
        assert_eq!((0..3).map(|index| Share { index, of: 3 }.part(10)).collect::<Vec<_>>(), [4, 3, 3]);
        assert_eq!(Share::of(2, 4, 3), Some(Share { index: 2, of: 3 }));
        assert_eq!(Share::of(3, 4, 3), None);
    }

    #[test]
    fn a_ramp_sends_as_many_as_its_rates_add_up_to() {
        let second = |plan: &[Nanos], n: u64| {
            let within = |at: &&Nanos| (n * 1_000_000_000..(n + 1) * 1_000_000_000).contains(*at);
            plan.iter().filter(within).count() as f64
        };
        let (from, to, over_ns) = (1000.0, 5000.0, 4_000_000_000);
        let ramp = plan("a", 5, Pace::Ramp { from, to, over_ns }, 30_000);
        let stairs = plan("a", 5, Pace::Step { from, to, steps: 4, over_ns }, 30_000);
        for (n, on_ramp, on_stair) in [(0, 1500.0, 1000.0), (3, 4500.0, 4000.0), (4, 5000.0, 5000.0)] {
            let (ramp, stair) = (second(&ramp, n), second(&stairs, n));
            assert!((ramp / on_ramp - 1.0_f64).abs() < 0.1, "second {n} of the ramp: {ramp}");
            assert!((stair / on_stair - 1.0_f64).abs() < 0.1, "second {n} of the stairs: {stair}");
        }
    }

    #[test]
    fn a_burst_comes_at_one_instant_and_keeps_its_rate() {
        let plan = plan("a", 2, Pace::Burst { per_second: 1000.0, size: 20 }, 40_000);
        assert!(plan.chunks(20).all(|volley| volley.iter().all(|at| *at == volley[0])));
        let seconds = plan[plan.len() - 1] as f64 / 1e9;
        assert!((seconds / 40.0 - 1.0).abs() < 0.1, "{seconds} s for 40 s worth of requests");
    }
}
