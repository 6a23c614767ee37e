//! The event log: one JSON object a line, written as it happens.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use facts::{Event, Moment, Stamped};

use crate::Error;

/// Appends to the event log. Clones share it: numbers are gapless over all of them.
#[derive(Clone)]
pub struct EventLog {
    open: Arc<Mutex<Open>>,
}

struct Open {
    file: File,
    path: PathBuf,
    next: u64,
}

impl EventLog {
    /// A new, empty log. The file must not exist.
    pub fn create(path: &Path) -> Result<EventLog, Error> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|source| Error::Create { path: path.to_owned(), bytes: 0, source })?;
        Ok(EventLog { open: Arc::new(Mutex::new(Open { file, path: path.to_owned(), next: 0 })) })
    }

    /// Appends one line. It is in the page cache when this returns, so it survives a SIGKILL. After an error the
    /// log has a gap or a cut line, and the history it belongs to is not sealed.
    pub fn write(&self, at: Moment, event: Event) -> Result<(), Error> {
        // A thread that panicked while it held the lock left at worst a gap, which the reader sees.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.next;
        open.next += 1;
        append(&mut open.file, &Stamped { number, at, event })
            .map_err(|source| Error::Write { path: open.path.clone(), source })
    }
}

fn append(file: &mut File, line: &Stamped) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // One write(2): a killed writer cuts at most its last line.
    let written = file.write(&text)?;
    // A full disk takes a part of the line, and says only at the next write that it is full.
    if written == text.len() { Ok(()) } else { file.write_all(&text[written..]) }
}
