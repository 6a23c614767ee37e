//! Latencies as an HdrHistogram log: one line a second for each population and phase, made from attempt records after a
//! run, so that it is as readable after a crash as they are. `HistogramLogProcessor` of the Java library and everything
//! that speaks its format (V2, compressed) reads it; values are nanoseconds.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use facts::{Blame, Nanos, Record, plan::Population};
use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializer,
        interval_log::{IntervalLogWriterBuilder, Tag},
    },
};

use crate::{Error, clock};

/// Name of the log of latencies in a run directory.
pub const HLOG_NAME: &str = "latency.hlog";

const SECOND: Nanos = 1_000_000_000;
/// Told apart: the unit of a record to a minute, in three digits.
const SHORTEST: Nanos = 100;
const LONGEST: Nanos = 60 * SECOND;
const DIGITS: u8 = 3;

/// Second, population, phase.
type Place = (u64, u8, u8);

/// Writes the latencies of attempts, from their intended start, tagged `population.phase`. An attempt that was not
/// answered took at least its timeout; one that the generator did not make says nothing and is left out.
pub fn write_hlog(
    path: &Path,
    populations: &[Population],
    phases: &[String],
    records: &[Record],
) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    write(&mut file, populations, phases, records).and_then(|()| file.flush()).map_err(failed)
}

fn write(
    out: &mut impl Write,
    populations: &[Population],
    phases: &[String],
    records: &[Record],
) -> io::Result<()> {
    let start = records.iter().map(|record| record.intended).min().unwrap_or_else(clock::now);
    let mut serializer = V2DeflateSerializer::new();
    let begun = wall_clock(start);
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.3]").with_start_time(begun).with_base_time(begun);
    builder.with_max_value_divisor(1e6);
    let mut log = builder.begin_log_with(out, &mut serializer)?;
    let mut histogram =
        Histogram::<u64>::new_with_bounds(SHORTEST, LONGEST, DIGITS).map_err(io::Error::other)?;
    for ((second, population, phase), latencies) in by_place(populations, records, start) {
        histogram.reset();
        latencies.into_iter().for_each(|nanos| histogram.saturating_record(nanos));
        let tag = tag(populations, phases, population, phase);
        let written = log.write_histogram(
            &histogram,
            Duration::from_secs(second),
            Duration::from_secs(1),
            Tag::new(&tag),
        );
        written.map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(())
}

fn by_place(populations: &[Population], records: &[Record], start: Nanos) -> BTreeMap<Place, Vec<Nanos>> {
    let mut places: BTreeMap<Place, Vec<Nanos>> = BTreeMap::new();
    for record in records {
        let timeout = populations.get(usize::from(record.population)).map_or(0, |p| u64::from(p.timeout_ms));
        let latency = match record.outcome().blame() {
            Blame::Generator => continue,
            Blame::Nobody | Blame::Corrupt => record.latency(),
            _ => record.latency().max(timeout * 1_000_000),
        };
        let second = (record.intended - start) / SECOND;
        places.entry((second, record.population, record.phase_intended)).or_default().push(latency);
    }
    places
}

/// No comma, space or line end may be in a tag.
fn tag(populations: &[Population], phases: &[String], population: u8, phase: u8) -> String {
    let population = populations.get(usize::from(population)).map_or("?", |p| p.name.as_str());
    let phase = phases.get(usize::from(phase)).map_or("?", String::as_str);
    format!("{population}.{phase}").replace([',', ' ', '\r', '\n'], "_")
}

/// When an instant of our clock was on everybody's.
fn wall_clock(at: Nanos) -> SystemTime {
    SystemTime::now() - Duration::from_nanos(clock::now().saturating_sub(at))
}
