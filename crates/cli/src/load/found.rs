//! From what the engine counted to what is told of it.

use std::time::Duration;

use facts::{
    Nanos, Outcome,
    plan::{Behaviour, Pace},
};
use load::{Books, Durations, PhaseLag, Scheduling, Totals};
use report::{Echo, Evidence, LoadResult, Priority, Spread};

use super::asked::Asked;

/// Above this the generator's own lateness makes times its own (99.9 % of all starts), or 5 % of the p99 if that is more.
const LAG_P999_NANOS: Nanos = 1_000_000;
/// As `LAG_P999_NANOS`, for the worst single start.
const LAG_MAX_NANOS: Nanos = 20_000_000;

/// Everything there is to say.
pub(super) fn result(asked: &Asked, totals: &Totals, lasted: Duration, interrupted: bool) -> LoadResult {
    let counts = totals.counts;
    let times = totals.times.total();
    let lag = totals.lag.first().copied();
    let latency = spread(&times.latency);
    LoadResult {
        url: asked.url.clone(),
        clients: clients(asked),
        pace: pace(asked.population.pace),
        evidence: match asked.population.pace {
            Pace::Closed => Evidence::Closed,
            Pace::Think { .. } => Evidence::PartlyOpen,
            _ => Evidence::Open,
        },
        seed: asked.seed,
        lasted,
        asked: asked_rate(asked.population.pace),
        planned: counts.planned,
        sent: counts.sent,
        unsent: counts.unsent,
        classes: classes(totals),
        bytes_out: counts.bytes_out,
        bytes_in: counts.bytes_in,
        connections: counts.connections,
        late: match asked.options.books {
            Books::Unwritten => Some("no request was written down".into()),
            Books::Written => {
                lag.filter(|_| asked.population.pace != Pace::Closed).and_then(|lag| late(&lag, latency.p99))
            }
        },
        latency,
        service: spread(&times.service),
        lag: lag.map(of_lag).unwrap_or_default(),
        echo: if totals.echoed { Echo::Checked } else { Echo::Absent },
        priority: match totals.scheduling {
            Scheduling::First => Priority::First,
            Scheduling::Ordinary => Priority::Ordinary,
        },
        interrupted,
    }
}

/// Why the times are the generator's own, if they are.
fn late(lag: &PhaseLag, p99: Option<Nanos>) -> Option<String> {
    let most = LAG_P999_NANOS.max(p99.unwrap_or(0) / 20);
    let ms = |nanos: Nanos| format!("{:.1} ms", nanos as f64 / 1e6);
    let is_late = lag.p999_ns > most || lag.max_ns > LAG_MAX_NANOS;
    is_late.then(|| {
        format!(
            "this generator was late itself, by {} at p99.9 and {} at most",
            ms(lag.p999_ns),
            ms(lag.max_ns)
        )
    })
}

fn classes(totals: &Totals) -> Vec<(Outcome, u64)> {
    let all = Outcome::ALL.into_iter().map(|class| (class, totals.counts.of(class)));
    all.filter(|(_, count)| *count > 0).collect()
}

/// Of a ramp there is no one rate that was asked for.
fn asked_rate(pace: Pace) -> Option<f64> {
    match pace {
        Pace::Constant { per_second } | Pace::Poisson { per_second } | Pace::Burst { per_second, .. } => {
            Some(per_second)
        }
        _ => None,
    }
}

fn clients(asked: &Asked) -> String {
    let connections = asked.population.connections;
    let kind = match asked.population.behaviour {
        Behaviour::Short => format!("a connection for each request, at most {connections}"),
        _ => format!("{connections} kept connections"),
    };
    let threads = asked.options.threads;
    format!("{kind}, {threads} {}", if threads == 1 { "thread" } else { "threads" })
}

fn pace(pace: Pace) -> String {
    let seconds = |nanos: u64| format!("{} s", nanos as f64 / 1e9);
    match pace {
        Pace::Constant { per_second } => format!("{per_second}/s evenly"),
        Pace::Poisson { per_second } => format!("{per_second}/s at random"),
        Pace::Ramp { from, to, over_ns } => format!("{from}/s to {to}/s in {}, at random", seconds(over_ns)),
        Pace::Step { from, to, steps, over_ns } => {
            format!("{from}/s to {to}/s in {steps} steps in {}, at random", seconds(over_ns))
        }
        Pace::Burst { per_second, size } => format!("{per_second}/s, {size} at a time, at random"),
        Pace::Think { nanos } => {
            format!("each thinking {} between an answer and the next request", seconds(nanos))
        }
        Pace::Closed => "a closed loop".to_owned(),
        Pace::Volley { .. } => "all at once".to_owned(),
    }
}

fn spread(durations: &Durations) -> Spread {
    let at = |per_mille| durations.percentile(per_mille);
    Spread {
        count: durations.count(),
        min: durations.min(),
        mean: durations.mean(),
        p50: at(500.0),
        p90: at(900.0),
        p99: at(990.0),
        p999: at(999.0),
        p9999: at(999.9),
        max: durations.max(),
    }
}

fn of_lag(lag: PhaseLag) -> Spread {
    Spread {
        count: lag.samples,
        p50: Some(lag.p50_ns),
        p99: Some(lag.p99_ns),
        p999: Some(lag.p999_ns),
        max: Some(lag.max_ns),
        ..Spread::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_late_by_the_measure_of_what_it_measures() {
        let lag = |p999_ns, max_ns| PhaseLag { phase: 0, samples: 9, p50_ns: 0, p99_ns: 0, p999_ns, max_ns };
        const MS: Nanos = 1_000_000;
        assert_eq!(late(&lag(MS, 20 * MS), None), None);
        let told = late(&lag(MS + 100_000, 2 * MS), Some(10 * MS));
        assert_eq!(
            told.as_deref(),
            Some("this generator was late itself, by 1.1 ms at p99.9 and 2.0 ms at most")
        );
        assert_eq!(late(&lag(2 * MS, 2 * MS), Some(100 * MS)), None);
        assert!(late(&lag(0, 21 * MS), Some(1000 * MS)).is_some());
    }
}
