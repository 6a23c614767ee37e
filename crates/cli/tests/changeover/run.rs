//! A run written by hand, as the harness would have left it.

use std::{fs, path::Path};

use facts::{
    Event, Moment, Outcome, Plan, Record,
    event::{PidFile, Role, Seen, View},
};
use ledger::{EVENT_LOG_NAME, EventLog, Writer, ledger_name};

use crate::shelf::Shelf;

pub(crate) const MS: u64 = 1_000_000;

/// What is wrong with a run, if anything.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Wrong {
    Nothing,
    /// Request 7 ended like this.
    Ended(Outcome),
    /// The event log has no end.
    CutOff,
}

/// Writes a run of a hundred requests, each answered after so long.
pub(crate) fn write(shelf: &Shelf, name: &str, wrong: Wrong, took: u64) {
    let directory = shelf.path().join(name);
    fs::create_dir_all(&directory).expect("create a folder");
    let plan = serde_json::to_string(&plan(shelf)).expect("a plan is JSON");
    fs::write(directory.join("plan.json"), plan).expect("write the plan");
    write_ledger(&directory, wrong, took);
    write_events(&directory, wrong);
    if wrong != Wrong::CutOff {
        ledger::write_manifest(&directory).expect("write the manifest");
    }
}

fn plan(shelf: &Shelf) -> Plan {
    let read = |path: &str| fs::read_to_string(shelf.path().join("scenarios").join(path));
    let loader = |path: &str| read(path).map_err(|error| error.to_string());
    let text = read("quiet.toml").expect("the scenario");
    scenario::load("scenarios/quiet.toml", &text, &loader).expect("a good scenario").remove(0)
}

fn write_ledger(directory: &Path, wrong: Wrong, took: u64) {
    let ledger = Writer::create(&directory.join(ledger_name(0)), 100).expect("a ledger");
    for id in 1..=100 {
        let outcome = match wrong {
            Wrong::Ended(outcome) if id == 7 => outcome,
            _ => Outcome::Ok,
        };
        ledger.begin(&record(id, outcome, took)).expect("room in the ledger");
    }
    ledger.seal().expect("seal the ledger");
}

fn record(id: u64, outcome: Outcome, took: u64) -> Record {
    Record {
        id,
        intended: id * 10 * MS,
        sent: 1,
        first_byte: 2,
        // In units of 100 ns.
        done: (took / 100) as u32,
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

fn write_events(directory: &Path, wrong: Wrong) {
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
