//! When requests arrive at the server, against an even grid: the median of the differences is the way there, what is
//! left is the error of the pacing.

use std::time::Duration;

use super::{
    Verdict,
    machine::{Spent, Tools, number, pinned, run},
    median,
    stamps::Stamps,
};

const SECONDS: u32 = 4;
const CONNECTIONS: &str = "16";
/// Requests a second, and what is asked for: error at the median and at 99 %, in µs; empty milliseconds in %.
const ASKED: [(u32, f64, f64, Option<f64>); 2] =
    [(5_000, 20.0, 300.0, Some(1.0)), (20_000, 20.0, 300.0, None)];

/// Medians over the rounds, for each rate.
pub(super) fn pacing(tools: &Tools, rounds: u32) -> Verdict {
    let mut worst = Verdict::AsAsked;
    for (rate, p50, p99, empty) in ASKED {
        let before = Spent::now();
        let (mut all, mut ours) = (Vec::new(), 0.0);
        for _ in 0..rounds {
            match once(tools, rate) {
                Some((figures, cpu)) => {
                    all.push(figures);
                    ours += cpu;
                }
                None => return Verdict::Skipped,
            }
        }
        // The server used about as much as the client; what it used exactly went with it.
        let foreign = before.foreign_since(2.0 * ours);
        let of = |field: fn(&Figures) -> f64| median(&all.iter().map(field).collect::<Vec<f64>>());
        let (is50, is99, is_empty) = (of(|f| f.p50), of(|f| f.p99), of(|f| f.empty));
        let is_as_asked = is50 <= p50 && is99 <= p99 && empty.is_none_or(|most| is_empty <= most);
        let verdict = Verdict::of(is_as_asked, foreign);
        println!(
            "{rate:>6}/s: error p50 {is50:.0} us (asked {p50:.0}), p99 {is99:.0} us (asked {p99:.0}), empty ms {is_empty:.2} %{}; \
             lag p99 {:.0} us; others took {:.0} %: {}",
            empty.map_or(String::new(), |most| format!(" (asked {most:.0})")),
            of(|f| f.lag),
            foreign * 100.0,
            verdict.says()
        );
        worst = worst.max(verdict);
    }
    worst
}

struct Figures {
    p50: f64,
    p99: f64,
    empty: f64,
    lag: f64,
}

fn once(tools: &Tools, rate: u32) -> Option<(Figures, f64)> {
    let server = Stamps::start()?;
    let mut command = pinned(1, &tools.changeover);
    let (rate_text, seconds) = (rate.to_string(), format!("{SECONDS}s"));
    let url = format!("http://{}/", server.address);
    command.args(["load", "--rate", &rate_text, "--arrivals", "constant", "-c", CONNECTIONS]);
    command.args(["-d", &seconds, "--json", "-", &url]);
    let (used, json) = run(command, Duration::ZERO).ok()?;
    let stamps = server.end();
    let lag = number(&json, &["generator_lag_ns", "p99"])? / 1000.0;
    let (p50, p99, empty) = errors(&stamps, rate)?;
    Some((Figures { p50, p99, empty, lag }, used.cpu))
}

/// Errors in µs and empty milliseconds in %.
fn errors(stamps: &[u64], rate: u32) -> Option<(f64, f64, f64)> {
    let gap = 1e9 / f64::from(rate);
    let off: Vec<f64> = stamps.iter().enumerate().map(|(n, at)| *at as f64 - n as f64 * gap).collect();
    let way = median(&off);
    let mut errors: Vec<f64> = off.iter().map(|off| (off - way).abs() / 1000.0).collect();
    errors.sort_by(f64::total_cmp);
    let (first, last) = (*stamps.first()?, *stamps.last()?);
    let slots = ((last - first) / 1_000_000).max(1);
    let mut used: Vec<u64> =
        stamps.iter().map(|at| (at - first) / 1_000_000).filter(|slot| *slot < slots).collect();
    used.dedup();
    let empty = 100.0 * (slots - used.len() as u64) as f64 / slots as f64;
    Some((errors[errors.len() / 2], errors[errors.len() * 99 / 100], empty))
}

#[cfg(test)]
mod tests {
    use super::errors;

    #[test]
    fn an_even_grid_has_no_error_and_a_volley_has() {
        let even: Vec<u64> = (0..10_000).map(|n| 7_000_000 + n * 200_000).collect();
        let (p50, p99, empty) = errors(&even, 5000).expect("stamps");
        assert!(p50 < 0.01 && p99 < 0.01 && empty == 0.0, "{p50} {p99} {empty}");
        // 64 at a time: what most tools do.
        let volleys: Vec<u64> = (0..10_000_u64).map(|n| n / 64 * 64 * 200_000).collect();
        let (p50, _, empty) = errors(&volleys, 5000).expect("stamps");
        assert!(p50 > 1000.0 && empty > 80.0, "{p50} {empty}");
        assert!(errors(&[], 5000).is_none());
    }
}
