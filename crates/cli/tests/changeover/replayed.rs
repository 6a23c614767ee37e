//! Hand-written runs, judged again: the exit codes of verdicts.

use std::fs;

use facts::{
    Event, Moment, Outcome, Plan, Record,
    event::{PidFile, Role, Seen, View},
};
use ledger::{EVENT_LOG_NAME, EventLog, Writer, ledger_name};

use crate::shelf::{QUIET, Said, Shelf, changeover};

const MS: u64 = 1_000_000;

/// What is wrong with a run, if anything.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    /// Request 7 ended like this.
    Ended(Outcome),
    /// The event log has no end.
    CutOff,
}

/// Writes a run of a hundred requests, and replays it.
fn replay(wrong: Wrong, edit: impl Fn(&str) -> String) -> Said {
    let shelf = Shelf::new(&edit(QUIET), "no-such-server", "['${program}']");
    let directory = shelf.path().join("run");
    fs::create_dir(&directory).expect("create a folder");
    let plan = serde_json::to_string(&plan(&shelf)).expect("a plan is JSON");
    fs::write(directory.join("plan.json"), plan).expect("write the plan");
    write_ledger(&directory, wrong);
    write_events(&directory, wrong);
    changeover(shelf.path(), &["replay", "run"])
}

fn plan(shelf: &Shelf) -> Plan {
    let read = |path: &str| fs::read_to_string(shelf.path().join("scenarios").join(path));
    let loader = |path: &str| read(path).map_err(|error| error.to_string());
    let text = read("quiet.toml").expect("the scenario");
    scenario::load("scenarios/quiet.toml", &text, &loader).expect("a good scenario").remove(0)
}

fn write_ledger(directory: &std::path::Path, wrong: Wrong) {
    let ledger = Writer::create(&directory.join(ledger_name(0)), 100).expect("a ledger");
    for id in 1..=100 {
        let outcome = match wrong {
            Wrong::Ended(outcome) if id == 7 => outcome,
            _ => Outcome::Ok,
        };
        ledger.begin(&record(id, outcome)).expect("room in the ledger");
    }
    ledger.seal().expect("seal the ledger");
}

fn record(id: u64, outcome: Outcome) -> Record {
    Record {
        id,
        intended: id * 10 * MS,
        sent: 1,
        first_byte: 2,
        done: 10_000,
        bytes_out: 60,
        bytes_in: 100,
        status: 200,
        connection: id as u32,
        server_pid: 11,
        generation: 1,
        outcome: outcome as u8,
        attempt: 1,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn write_events(directory: &std::path::Path, wrong: Wrong) {
    let web = || "web".to_owned();
    let master =
        Seen { pid: 10, parent: 1, generation: 1, role: Role::Master, orphan: false, fds: 1, rss_kib: 1 };
    let view =
        View { processes: vec![master], pid_file: PidFile::Names(10), old: 1, newest: 1, ..View::default() };
    let mut events = vec![
        (0, Event::RunStarted { case: "quiet".into(), seed: 1, version: "0".into() }),
        (5, Event::TargetReady { target: web(), view: View::default() }),
        (10, Event::PhaseBegan { phase: 0, name: "steady".into() }),
        (10, Event::LoadStarted),
        (10, Event::StepBegan { step: 0, doing: "sleep".into() }),
        (1010, Event::StepDone { step: 0 }),
        (1020, Event::LoadStopped { planned: 100, sent: 100, unsent: 0 }),
        (1020, Event::GeneratorLag { phase: 0, samples: 100, p999_ns: MS, max_ns: MS }),
        (1030, Event::Settled { target: web(), view }),
        (1040, Event::RunEnded { interrupted: false }),
    ];
    if wrong == Wrong::CutOff {
        events.pop();
    }
    let log = EventLog::create(&directory.join(EVENT_LOG_NAME)).expect("an event log");
    for (at_ms, event) in events {
        log.write(Moment::exact(at_ms * MS), event).expect("write an event");
    }
}

#[track_caller]
fn check(wrong: Wrong, edit: impl Fn(&str) -> String, code: i32, word: &str) -> Said {
    let said = replay(wrong, edit);
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    assert!(said.out.trim_start().starts_with(word), "{word} in {}", said.out);
    said
}

#[test]
fn a_good_run_is_0_and_one_that_lost_a_request_is_1_with_its_life_story() {
    check(Wrong::Nothing, str::to_owned, 0, "PASS");
    let said = check(Wrong::Ended(Outcome::Refused), str::to_owned, 1, "FAIL");
    for part in
        ["lost 1/100", "scenarios/quiet.toml:15:", "`lost == 0` is not true", "#0000000000000007 +0.070s"]
    {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
}

#[test]
fn a_run_that_was_not_seen_whole_is_3() {
    check(Wrong::CutOff, str::to_owned, 3, "UNKNOWN");
    check(Wrong::Ended(Outcome::StillOpen), str::to_owned, 3, "UNKNOWN");
}

#[test]
fn a_known_failure_must_fail() {
    let known = |text: &str| format!("{text}\n[known_failure]\nghost = \"it is a ghost\"\n");
    check(Wrong::Ended(Outcome::Refused), known, 0, "XFAIL");
    check(Wrong::Nothing, known, 1, "XPASS");
}

#[test]
fn a_planted_loss_must_be_found() {
    let planted = |text: &str| text.replacen("schema = 1", "schema = 1\nmust = \"fail\"", 1);
    check(Wrong::Ended(Outcome::Refused), planted, 0, "CAUGHT");
    check(Wrong::Nothing, planted, 1, "MISSED");
}

#[test]
fn what_is_no_run_is_refused() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let said = changeover(empty.path(), &["replay", "nowhere"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
}
