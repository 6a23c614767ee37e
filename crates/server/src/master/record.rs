//! Writes down each turn before anything is done about it, if somebody asked for it: one file for each master, one line for each
//! turn, one write for each line, so that a killed master leaves whole lines.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write},
    process,
};

use protocol::master::{
    Effect, State, Wakeup,
    recorded::{Began, Entry, Turned},
};

/// What the names of the files begin with; the pid follows.
const VARIABLE: &str = "CHANGEOVER_TURNS";

/// The log of this master's turns.
pub(super) struct Record(File);

impl Record {
    /// Begins it; `None` if nobody asked for it.
    pub(super) fn begin(state: &State) -> io::Result<Option<Record>> {
        let Some(mut name) = env::var_os(VARIABLE) else { return Ok(None) };
        name.push(format!(".{}.ndjson", process::id()));
        let mut record = Record(OpenOptions::new().append(true).create(true).open(name)?);
        record.write(&Entry::Began(Began::with(state)))?;
        Ok(Some(record))
    }

    /// A turn that was decided.
    pub(super) fn turn(&mut self, woke: &Wakeup, effects: &[Effect]) -> io::Result<()> {
        self.write(&Entry::Turned(Turned::new(woke, effects)))
    }

    fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let line = format!("{}\n", serde_json::to_string(entry)?);
        self.0.write_all(line.as_bytes())
    }
}
