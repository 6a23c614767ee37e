//! Smooth weighted round robin: whatever the window, no origin is farther from its share than the method itself strays, for
//! each worker that chose. How far that is comes from going through a whole period of the same weights. A method that
//! draws lots would be outside after some hundred requests.

use facts::Verdict;

use super::Spread;

/// A period longer than this is not gone through.
const LONGEST_PERIOD: u64 = 1_000_000;

pub(super) fn verdict(spread: &Spread) -> Verdict {
    let executed = match spread.executed() {
        Ok(executed) => executed,
        Err(why) => return Verdict::unknown(why),
    };
    let setups = spread.setups();
    let Some(strays) = strays(&setups) else {
        return Verdict::unknown("these weights take too long to come round");
    };
    let all: u64 = executed.values().sum();
    let up = |setup: &balance::Setup| setup.availability == balance::Availability::Primary;
    let total: u32 = setups.iter().filter(|setup| up(setup)).map(|setup| setup.weight).sum();
    let (choosers, across) = (spread.choosers(), spread.across);
    let mut told = Vec::new();
    for (origin, count) in &executed {
        let origin = spread.origin(*origin);
        let setup = setups.iter().find(|setup| setup.name == origin);
        let weight = setup.filter(|setup| up(setup)).map_or(0, |setup| setup.weight);
        let stray = strays.iter().find(|(name, _)| name == origin).map_or(0.0, |(_, stray)| *stray);
        let due = all as f64 * f64::from(weight) / f64::from(total);
        let most = stray * choosers as f64 + across as f64;
        let line = format!("{origin} {count}, due {due:.1} ± {most:.1}");
        if (*count as f64 - due).abs() > most + 1e-6 {
            return Verdict::fail(format!(
                "{line} in turn by {choosers} workers, {across} requests at the edges"
            ));
        }
        told.push(line);
    }
    Verdict::pass(format!("in turn by {choosers} workers: {}", told.join(", ")))
}

/// How far the count of each member strays at most from its due in any window: the widest span of its lead over a period.
fn strays(setups: &[balance::Setup]) -> Option<Vec<(String, f64)>> {
    let weight = |setup: &balance::Setup| match setup.availability {
        balance::Availability::Primary => u64::from(setup.weight),
        _ => 0,
    };
    let total: u64 = setups.iter().map(weight).sum();
    if total == 0 || total > LONGEST_PERIOD {
        return None;
    }
    let mut pool = balance::Pool::new(balance::Method::RoundRobin, setups);
    let mut counts = vec![0_u64; setups.len()];
    let mut spans = vec![(0.0_f64, 0.0_f64); setups.len()];
    for turn in 1..=total {
        let mut attempts = pool.attempts(&[]);
        let picked = pool.pick(&mut attempts, 0, || 0)?;
        pool.finish(&mut attempts, balance::Ended::Succeeded, 0);
        counts[picked] += 1;
        for ((span, count), setup) in spans.iter_mut().zip(&counts).zip(setups) {
            let lead = *count as f64 - turn as f64 * weight(setup) as f64 / total as f64;
            *span = (span.0.min(lead), span.1.max(lead));
        }
    }
    Some(setups.iter().zip(spans).map(|(setup, (low, high))| (setup.name.clone(), high - low)).collect())
}
