//! The log of latencies says the same as the ledger it is made from, to a reader of the format.

use std::{collections::BTreeMap, fs};

use bytemuck::Zeroable;
use facts::{Nanos, Outcome, Record, plan::Population, record::ticks};
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use ledger::{HLOG_NAME, write_hlog};

const MS: Nanos = 1_000_000;

fn population(name: &str) -> Population {
    Population { name: name.into(), timeout_ms: 900, ..Population::default() }
}

/// 3 s of two populations in two phases, each attempt one millisecond longer than the one before.
fn records() -> Vec<Record> {
    let record = |n: u64| Record {
        id: n + 1,
        intended: 77 * MS + n * 10 * MS,
        done: ticks(0, (n + 1) * MS),
        population: (n % 2) as u8,
        phase_intended: u8::from(n >= 150),
        outcome: match n {
            10 => Outcome::Refused,
            11 => Outcome::Unsent,
            _ => Outcome::Ok,
        } as u8,
        ..Record::zeroed()
    };
    (0..300).map(record).collect()
}

/// By tag: how many, and the longest.
fn read(log: &[u8]) -> BTreeMap<String, (u64, Nanos)> {
    let mut found: BTreeMap<String, (u64, Nanos)> = BTreeMap::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.expect("the format") else { continue };
        let packed = base64(interval.encoded_histogram());
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut packed.as_slice()).expect("a histogram");
        let tag = interval.tag().expect("a tag").as_str().to_owned();
        let (count, longest) = found.entry(tag).or_default();
        *count += histogram.len();
        *longest = (*longest).max(histogram.max());
    }
    found
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let bits = digits.flat_map(|digit| {
        let value = DIGITS.iter().position(|known| *known == digit).expect("base64");
        (0..6).rev().map(move |bit| (value >> bit & 1) as u8)
    });
    let bits: Vec<u8> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

#[test]
fn sums_by_population_and_phase_are_those_of_the_ledger() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(HLOG_NAME);
    let phases = ["steady".to_owned(), "drain".to_owned()];
    write_hlog(&path, &[population("users"), population("a, b")], &phases, &records()).unwrap();
    let log = fs::read(&path).unwrap();
    let text = String::from_utf8(log.clone()).unwrap();
    assert!(text.starts_with("#[Histogram log format version 1.3]\n#[StartTime: "), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("Tag=users.steady,")).count(), 2);
    let found = read(&log);
    let counts: BTreeMap<&str, u64> = found.iter().map(|(tag, (count, _))| (tag.as_str(), *count)).collect();
    // One of `a, b` was never sent.
    let expected =
        [("users.steady", 75), ("users.drain", 75), ("a__b.steady", 74), ("a__b.drain", 75)].into();
    assert_eq!(counts, expected);
    // Refused at once, and as bad as no answer until the timeout.
    assert!(found["users.steady"].1.abs_diff(900 * MS) < MS, "{found:?}");
    assert!(found["a__b.drain"].1.abs_diff(300 * MS) < MS, "{found:?}");
}
