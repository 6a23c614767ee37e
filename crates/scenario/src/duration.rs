//! Numbers with a unit.

use crate::{
    codes,
    mistake::{At, Mistake},
    text::Text,
};

/// Units of a duration and their nanoseconds.
pub(crate) const UNITS: [(&str, f64); 6] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9)];

/// A day, in nanoseconds, is longer than any run; beyond it a number is a slip.
const LONGEST: f64 = 86_400e9;

/// Nanoseconds of `unit`.
pub(crate) fn unit(unit: &str) -> Option<f64> {
    UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos)
}

/// Nanoseconds of a text such as `250ms`.
pub(crate) fn nanos(text: &Text) -> Result<u64, Mistake> {
    part_nanos(text.as_str(), text.at())
}

/// Milliseconds of a text such as `2s`; less than one is a mistake.
pub(crate) fn millis(text: &Text) -> Result<u64, Mistake> {
    part_millis(text.as_str(), text.at())
}

/// As [`millis`], of a word that stands at `at`.
pub(crate) fn part_millis(written: &str, at: &At) -> Result<u64, Mistake> {
    match part_nanos(written, at)? / 1_000_000 {
        0 => Err(Mistake::new(codes::OUT_OF_RANGE, at, "shorter than a millisecond")),
        millis => Ok(millis),
    }
}

fn part_nanos(written: &str, at: &At) -> Result<u64, Mistake> {
    let refused =
        |message: String, help: &str| Err(Mistake::new(codes::BAD_DURATION, at, message).help(help));
    let (number, name) = parts(written);
    match measured(written) {
        Some(nanos) if nanos <= LONGEST => Ok(nanos as u64),
        Some(_) => refused(format!("`{written}` is longer than a day"), "no run takes that long"),
        None if !number.is_empty() && !name.trim().is_empty() => refused(
            format!("unknown unit `{}`", name.trim()),
            "known here: ns, us, µs, ms, s, m; such as `250ms`",
        ),
        None => refused(
            format!("`{written}` is not a duration"),
            "write a number with a unit: `50us`, `250ms`, `2s`, `1m`",
        ),
    }
}

/// Nanoseconds of a duration as scenarios and command lines write it: `50us`, `250ms`, `2s`, `1m`; `None` when it is none, or
/// longer than a day.
pub fn duration_nanos(written: &str) -> Option<u64> {
    measured(written).filter(|nanos| *nanos <= LONGEST).map(|nanos| nanos as u64)
}

fn measured(written: &str) -> Option<f64> {
    let (number, name) = parts(written);
    Some(number.parse::<f64>().ok()? * unit(name)?)
}

/// A number and its unit.
fn parts(written: &str) -> (&str, &str) {
    written.split_at(written.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(written.len()))
}
