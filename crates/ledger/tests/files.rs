//! What is written is what is read back, whatever happens to the writer.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use facts::{Caller, Event, Moment, Outcome, Record};
use ledger::{
    Callers, Error, EventLog, Full, Journal, Writer, callers_name, clock, journal_name, ledger_name,
    read_history,
};
use tempfile::TempDir;

/// The directory the killed child writes to; set: this process is that child.
const CHILD_DIRECTORY: &str = "LEDGER_TEST_CHILD_DIRECTORY";

fn record(id: u64, outcome: Outcome) -> Record {
    let zero: Record = bytemuck::Zeroable::zeroed();
    Record { id, intended: id * 1000, outcome: outcome as u8, bytes_in: id as u32, ..zero }
}

fn ended(interrupted: bool) -> Event {
    Event::RunEnded { interrupted }
}

/// A run directory with a whole event log.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let log = EventLog::create(&directory.path().join(ledger::EVENT_LOG_NAME)).unwrap();
    log.write(Moment::exact(clock::now()), Event::LoadStarted).unwrap();
    log.write(Moment::exact(clock::now()), ended(false)).unwrap();
    directory
}

fn writer(directory: &TempDir, capacity: u64) -> Writer {
    Writer::create(&directory.path().join(ledger_name(0)), capacity).unwrap()
}

#[test]
fn who_opened_a_connection_comes_back_and_one_that_was_turned_away_leaves_the_run_unsealed() {
    let callers = |capacity: u64| {
        let directory = directory();
        let callers = Callers::create(&directory.path().join(callers_name(0)), capacity).unwrap();
        (1..=3).for_each(|n| callers.opened(&Caller { connection: n, client: 10 * n }));
        callers.seal().unwrap();
        read_history(directory.path()).unwrap()
    };
    let whole = callers(3);
    assert_eq!(whole.callers.last(), Some(&Caller { connection: 3, client: 30 }));
    assert!(whole.is_sealed());
    assert!(!callers(2).is_sealed());
}

#[test]
fn what_masters_wrote_down_of_their_turns_comes_back_as_it_is_and_by_whom() {
    let directory = directory();
    for (name, text) in [("web.21", "one\ntwo\n"), ("web.7", ""), ("two.words.9", "cu"), ("nobody", "no")] {
        fs::write(directory.path().join(format!("turns-{name}.ndjson")), text).unwrap();
    }
    let turns = read_history(directory.path()).unwrap().turns;
    let found: Vec<(&str, u32, &str)> =
        turns.iter().map(|log| (log.target.as_str(), log.pid, log.text.as_str())).collect();
    assert_eq!(found, [("two.words", 9, "cu"), ("web", 7, ""), ("web", 21, "one\ntwo\n")]);
}

#[test]
fn a_journal_whose_server_was_killed_at_its_birth_is_empty_and_a_ledger_is_not() {
    for bytes in [0, 64, 4096] {
        let directory = directory();
        fs::write(directory.path().join(journal_name("web.7")), vec![0; bytes]).unwrap();
        let history = read_history(directory.path()).unwrap();
        assert_eq!(history.journals, [("web".to_owned(), vec![])], "{bytes}");
        assert!(history.is_sealed());
        fs::write(directory.path().join(ledger_name(0)), vec![0; bytes]).unwrap();
        assert!(read_history(directory.path()).is_err(), "{bytes}");
    }
    let directory = directory();
    fs::write(directory.path().join(journal_name("web.7")), [vec![0; 8], vec![1; 56]].concat()).unwrap();
    assert!(read_history(directory.path()).is_err(), "not of our making");
}

#[test]
fn records_come_back_in_order_and_a_sealed_run_is_sealed() {
    let directory = directory();
    let writer = writer(&directory, 100);
    for id in 1..=5 {
        let slot = writer.begin(&record(id, Outcome::Unfinished)).unwrap();
        if id != 3 {
            writer.finish(slot, &record(id, Outcome::Ok));
        }
    }
    writer.seal().unwrap();
    let history = read_history(directory.path()).unwrap();
    let outcomes: Vec<Outcome> = history.records.iter().map(Record::outcome).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Ok, Outcome::Unfinished, Outcome::Ok, Outcome::Ok]);
    assert_eq!(history.records[4], record(5, Outcome::Ok));
    assert!(history.is_sealed());
    assert_eq!(
        fs::metadata(directory.path().join(ledger_name(0))).unwrap().len(),
        64 * 6,
        "unused space is freed"
    );
}

#[test]
fn a_ledger_that_was_never_sealed_makes_the_history_unsealed() {
    let directory = directory();
    let writer = writer(&directory, 10);
    writer.begin(&record(1, Outcome::Unfinished)).unwrap();
    drop(writer);
    let history = read_history(directory.path()).unwrap();
    assert_eq!(history.incomplete, ["ledger-0.bin was never sealed"]);
    assert!(!history.is_sealed());
}

#[test]
fn a_full_ledger_refuses_and_the_file_remembers() {
    let directory = directory();
    let writer = writer(&directory, 2);
    writer.begin(&record(1, Outcome::Ok)).unwrap();
    writer.begin(&record(2, Outcome::Ok)).unwrap();
    assert_eq!(writer.begin(&record(3, Outcome::Ok)), Err(Full { capacity: 2 }));
    writer.seal().unwrap();
    let history = read_history(directory.path()).unwrap();
    assert_eq!(history.records.len(), 2);
    assert_eq!(history.incomplete, ["ledger-0.bin was full: 1 records were turned away"]);
}

#[test]
fn threads_share_a_journal_and_repeats_are_counted() {
    let directory = directory();
    let journal = Journal::create(&directory.path().join("journal-a.bin"), 4000).unwrap();
    let write = &|first: u64| {
        for id in first..first + 1000 {
            let begun = journal.begin(id, id, 7).unwrap();
            journal.answered(begun, id + 1, 200);
        }
    };
    thread::scope(|scope| {
        for first in [1, 1001, 2001, 1] {
            scope.spawn(move || write(first));
        }
    });
    let history = read_history(directory.path()).unwrap();
    let (name, entries) = &history.journals[0];
    assert_eq!((name.as_str(), entries.len()), ("a", 4000));
    assert!(
        entries.iter().all(|e| e.started == e.id && e.answered == e.id + 1 && e.status == 200 && e.pid == 7)
    );
    assert_eq!(entries.iter().filter(|e| e.repeats == 1 && e.id <= 1000).count(), 1000);
    assert_eq!(entries.iter().filter(|e| e.repeats > 1 || e.repeats == 1 && e.id > 1000).count(), 0);
}

#[test]
fn an_unanswered_entry_says_so() {
    let directory = directory();
    let path = directory.path().join("journal-a.bin");
    let journal = Journal::create(&path, 4).unwrap();
    journal.begin(9, 5, 7).unwrap();
    let entries = ledger::read_journal(&path).unwrap();
    assert_eq!((entries[0].id, entries[0].started, entries[0].answered, entries[0].pid), (9, 5, 0, 7));
}

#[test]
fn event_numbers_are_gapless_over_threads_and_a_cut_last_line_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger::EVENT_LOG_NAME);
    let log = EventLog::create(&path).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                (0..50).for_each(|_| log.write(Moment::exact(1), Event::LoadStarted).unwrap())
            });
        }
    });
    log.write(Moment::exact(2), ended(false)).unwrap();
    assert!(read_history(directory.path()).unwrap().is_sealed());
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"number\":201,\"at\"").unwrap();
    let history = read_history(directory.path()).unwrap();
    assert_eq!((history.events.len(), history.unreadable_lines, history.is_sealed()), (201, 1, false));
}

#[test]
fn records_of_a_killed_process_stay_readable() {
    if let Some(directory) = std::env::var_os(CHILD_DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
    let directory = directory();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "records_of_a_killed_process_stay_readable", "--nocapture"])
        .env(CHILD_DIRECTORY, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let last = lines.map(Result::unwrap).find(|line| line.ends_with("written"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(last.is_some(), "the child ended before it had written");
    let history = read_history(directory.path()).unwrap();
    assert_eq!(history.records.len(), 1000);
    let finished = history.records.iter().filter(|r| r.outcome() == Outcome::Ok).count();
    assert_eq!(finished, 500, "the others read as unfinished");
    assert!(!history.is_sealed());
}

fn write_until_killed(directory: &Path) -> ! {
    let writer = Writer::create(&directory.join(ledger_name(0)), 2000).unwrap();
    for id in 1..=1000 {
        let slot = writer.begin(&record(id, Outcome::Unfinished)).unwrap();
        if id % 2 == 0 {
            writer.finish(slot, &record(id, Outcome::Ok));
        }
    }
    println!("\nwritten");
    loop {
        thread::park();
    }
}

/// `edit` a ledger file of two records, and say what reading the directory then complains about.
fn complaint(edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let directory = directory();
    let writer = writer(&directory, 2);
    writer.begin(&record(1, Outcome::Ok)).unwrap();
    writer.begin(&record(2, Outcome::Ok)).unwrap();
    writer.seal().unwrap();
    let path = directory.path().join(ledger_name(0));
    let mut bytes = fs::read(&path).unwrap();
    edit(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let error = read_history(directory.path()).unwrap_err();
    error.to_string().replace(&format!("{}/", directory.path().display()), "")
}

#[test]
fn what_is_not_ours_is_an_error_with_a_name() {
    assert_eq!(
        complaint(|b| b[0] = b'X'),
        "read ledger-0.bin: not a ledger file (it begins with \"XHOVLEDG\")"
    );
    assert_eq!(
        complaint(|b| b[8] = 9),
        "read ledger-0.bin: layout version 9, this program reads version 1; use the program that wrote it"
    );
    assert_eq!(complaint(|b| b[12] = 56), "read ledger-0.bin: records of 56 bytes, expected 64");
    assert_eq!(
        complaint(|b| b.truncate(150)),
        "read ledger-0.bin: 150 bytes, its header promises 192; it was cut"
    );
    assert_eq!(
        complaint(|b| b.truncate(10)),
        "read ledger-0.bin: 10 bytes, its header promises 64; it was cut"
    );
}

#[test]
fn more_space_than_the_disk_has_is_an_error_at_the_start() {
    let directory = directory();
    let path = directory.path().join(ledger_name(0));
    let error = Writer::create(&path, 1 << 50).err().map(|error| matches!(error, Error::Create { .. }));
    assert_eq!(error, Some(true));
    assert!(!path.exists(), "nothing is left behind");
}

/// What of this process's memory is pages of this file (proc_pid_smaps(5)), in KiB.
fn mapped_kib(path: &Path) -> u64 {
    let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
    let name = path.to_str().unwrap();
    let own = smaps.lines().skip_while(|line| !line.ends_with(name));
    let rss = own.clone().find_map(|line| line.strip_prefix("Rss:")).expect("the mapping");
    rss.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn the_memory_of_a_writer_does_not_grow_with_its_file_and_nothing_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(ledger_name(0));
    let count = 200_000;
    let writer = Writer::create(&path, count).unwrap();
    for id in 1..=count {
        let slot = writer.begin(&record(id, Outcome::Unfinished)).unwrap();
        writer.finish(slot, &record(id, Outcome::Ok));
    }
    let mapped = mapped_kib(&path);
    assert!(mapped < 4096, "{mapped} KiB are mapped of a file of {} KiB", count * 64 / 1024);
    writer.seal().unwrap();
    let records = ledger::read_ledger(&path).unwrap();
    assert!(records.into_iter().eq((1..=count).map(|id| record(id, Outcome::Ok))));
}
