//! A writer is killed at any moment: what it said to be over is whole, and the file says that it was not the end.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use facts::{Moment, Outcome, Record, journal::Entry};
use ledger::{EventLog, Journal, Writer, clock, ledger_name, read_history, read_journal};

/// The directory the killed child writes to; set: this process is that child.
const CHILD_DIRECTORY: &str = "LEDGER_KILLED_CHILD_DIRECTORY";
const JOURNAL: &str = "journal.bin";
const CAPACITY: u64 = 4_000_000;
const KILLS: u64 = 24;

/// Attempts in flight at a time, as in an engine with as many connections.
const IN_FLIGHT: u64 = 16;

/// Everything in it follows from the id.
fn record(id: u64, outcome: Outcome) -> Record {
    let zero: Record = bytemuck::Zeroable::zeroed();
    let begun = Record { id, intended: id * 1000, connection: id as u32, outcome: outcome as u8, ..zero };
    match outcome {
        Outcome::Unfinished => begun,
        _ => Record {
            sent: id as u32 ^ 1,
            first_byte: id as u32 ^ 2,
            done: id as u32 ^ 3,
            bytes_in: id as u32 ^ 4,
            server_pid: id as u32 ^ 5,
            status: 200,
            ..begun
        },
    }
}

fn answered(id: u64) -> u64 {
    id * 1000 + 7
}

fn write_until_killed(directory: &Path) -> ! {
    let writer = Writer::create(&directory.join(ledger_name(0)), CAPACITY).unwrap();
    let journal = Journal::create(&directory.join(JOURNAL), CAPACITY).unwrap();
    let mut open = std::collections::VecDeque::new();
    println!("\nwriting");
    for id in 1..CAPACITY {
        let slot = writer.begin(&record(id, Outcome::Unfinished)).unwrap();
        let begun = journal.begin(id, id * 1000, id as u32).unwrap();
        open.push_back((id, slot, begun));
        if open.len() as u64 == IN_FLIGHT {
            let (id, slot, begun) = open.pop_front().unwrap();
            journal.answered(begun, answered(id), 200);
            writer.finish(slot, &record(id, Outcome::Ok));
        }
    }
    loop {
        thread::park();
    }
}

#[test]
fn at_any_moment_what_is_over_is_whole_and_the_end_is_missed() {
    if let Some(directory) = std::env::var_os(CHILD_DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
    for kill in 0..KILLS {
        let directory = tempfile::tempdir().unwrap();
        let log = EventLog::create(&directory.path().join(ledger::EVENT_LOG_NAME)).unwrap();
        log.write(Moment::exact(clock::now()), facts::Event::LoadStarted).unwrap();
        // A prime step, so that the instants fall everywhere in a turn of the loop.
        kill_after(directory.path(), Duration::from_nanos(20_011 + kill * 97_003));
        judge(directory.path());
    }
}

fn kill_after(directory: &Path, delay: Duration) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "at_any_moment_what_is_over_is_whole_and_the_end_is_missed", "--nocapture"])
        .env(CHILD_DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "writing"), "the child ended before it wrote");
    // Not for anything to happen: this is the moment at which it is killed.
    thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn judge(directory: &Path) {
    let history = read_history(directory).unwrap();
    assert!(!history.is_sealed(), "a killed writer seals nothing");
    let entries = read_journal(&directory.join(JOURNAL)).unwrap();
    let unfinished = history.records.iter().filter(|one| one.outcome() == Outcome::Unfinished).count();
    assert!(unfinished as u64 <= IN_FLIGHT, "{unfinished} are unfinished");
    for (one, id) in history.records.iter().zip(1..) {
        assert_eq!((one.id, one.intended, one.connection), (id, id * 1000, id as u32));
        // Its end may have been half written: whoever is unfinished is not asked for more.
        let is_believed = one.outcome() != Outcome::Unfinished;
        assert!(!is_believed || *one == record(id, Outcome::Ok), "half a record is believed: {one:?}");
    }
    let open = |entry: &&Entry| entry.answered == 0;
    assert!(entries.iter().filter(open).count() as u64 <= IN_FLIGHT);
    for (entry, id) in entries.iter().zip(1..) {
        assert_eq!((entry.id, entry.started, entry.pid), (id, id * 1000, id as u32));
        assert!(entry.answered == 0 || (entry.answered, entry.status) == (answered(id), 200), "{entry:?}");
    }
    assert!(entries.len().abs_diff(history.records.len()) <= 1, "an execution without its attempt");
}
