//! Methods that draw lots: how many each origin got is one draw from a binomial distribution, and so far from its mean only
//! once in a million runs.

use facts::{Verdict, plan::Member};

use super::Spread;

/// How often a sound director is called unsound.
const ERROR_RATE: f64 = 1e-6;

pub(super) fn verdict(spread: &Spread) -> Verdict {
    let executed = match spread.executed() {
        Ok(executed) => executed,
        Err(why) => return Verdict::unknown(why),
    };
    let weight = |member: &Member| match member {
        Member::Up { weight } => f64::from(*weight),
        _ => 0.0,
    };
    let members = spread.members();
    let total: f64 = members.iter().map(|(_, member)| weight(member)).sum();
    let all: u64 = executed.values().sum();
    let mut told = Vec::new();
    for (origin, count) in &executed {
        let member = members.iter().find(|(of, _)| of == origin);
        let share = member.map_or(0.0, |(_, member)| weight(member)) / total;
        let chance = two_sided(*count, all, share);
        let line = format!(
            "{} {count} of {all} at {:.1} % (p = {chance:.1e})",
            spread.origin(*origin),
            share * 100.0
        );
        if chance < ERROR_RATE / executed.len() as f64 {
            return Verdict::fail(format!("{line}: less likely than once in a million runs"));
        }
        told.push(line);
    }
    Verdict::pass(format!("by lot: {}", told.join(", ")))
}

/// How likely it is that of `all` draws as few or as many hit, whichever is rarer, times two.
fn two_sided(hits: u64, all: u64, share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        let due = if share <= 0.0 { 0 } else { all };
        return if hits == due { 1.0 } else { 0.0 };
    }
    let logarithms = logarithms_of_factorials(all);
    let of = |k: u64| {
        let (n, k, rest) = (all as usize, k as usize, (all - k) as usize);
        let ways = logarithms[n] - logarithms[k] - logarithms[rest];
        (ways + k as f64 * share.ln() + rest as f64 * (1.0 - share).ln()).exp()
    };
    let fewer: f64 = (0..=hits).map(of).sum();
    let more: f64 = (hits..=all).map(of).sum();
    (2.0 * fewer.min(more)).min(1.0)
}

fn logarithms_of_factorials(most: u64) -> Vec<f64> {
    let next = |sum: &mut f64, n: u64| {
        *sum += if n == 0 { 0.0 } else { (n as f64).ln() };
        Some(*sum)
    };
    (0..=most).scan(0.0, next).collect()
}

#[cfg(test)]
mod tests {
    use super::two_sided;

    #[test]
    fn tails_are_those_of_the_binomial_distribution() {
        let near = |hits, all, share, expected: f64| {
            let got = two_sided(hits, all, share);
            assert!((got / expected - 1.0).abs() < 1e-3, "{hits} of {all} at {share}: {got}");
        };
        near(0, 10, 0.5, 2.0 / 1024.0);
        near(1, 10, 0.5, 22.0 / 1024.0);
        near(5, 10, 0.5, 1.0);
        near(8, 10, 0.1, 7.472e-7);
        assert_eq!(two_sided(0, 100, 0.0), 1.0);
        assert_eq!(two_sided(1, 100, 0.0), 0.0);
        // 1 % and 2 % are told apart by 20 000 draws, and 1 % from itself by none.
        assert!(two_sided(400, 20_000, 0.01) < 1e-6);
        assert!(two_sided(210, 20_000, 0.01) > 0.1);
    }
}
