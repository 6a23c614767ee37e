//! Evidence about connections: a line each, for the first failures of a run. They are alike after some thousand, and a
//! generator in an outage has better things to do.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
};

use facts::SocketState;

/// So many lines are written.
const MOST_LINES: u32 = 2_000;

/// Writes one line per failed attempt. The file is made with the first.
pub struct SocketLog {
    path: PathBuf,
    file: Option<File>,
    left: u32,
}

impl SocketLog {
    /// Nothing is written yet.
    pub fn new(path: PathBuf) -> SocketLog {
        SocketLog { path, file: None, left: MOST_LINES }
    }

    /// True when the next line would be written.
    pub fn has_room(&self) -> bool {
        self.left > 0
    }

    /// Writes a line. It is evidence, not a fact that a verdict needs: what cannot be written is left out.
    pub fn write(&mut self, state: &SocketState) {
        let Ok(mut line) = serde_json::to_vec(state) else { return };
        line.push(b'\n');
        if self.file.is_none() {
            self.file = OpenOptions::new().create_new(true).append(true).open(&self.path).ok();
        }
        let written = self.file.as_mut().is_some_and(|file| file.write_all(&line).is_ok());
        self.left = if written { self.left.saturating_sub(1) } else { 0 };
    }
}
