//! A server's own record of what it executed.

use std::{path::Path, sync::Arc};

use facts::{
    Nanos,
    journal::{Entry, taken},
};

use crate::{Error, Full, Slot, header::Kind, table::Table};

/// Writes one entry per executed request. Clones, threads and forked children share the file.
#[derive(Clone, Debug)]
pub struct Journal {
    table: Arc<Table<Entry>>,
}

/// An entry whose answer is still to come.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    slot: Slot,
    pid: u32,
}

impl Journal {
    /// A new file with room for `capacity` entries, its space reserved. The file must not exist.
    pub fn create(path: &Path, capacity: u64) -> Result<Journal, Error> {
        Ok(Journal { table: Arc::new(Table::create(path, Kind::Journal, capacity)?) })
    }

    /// Before anything is executed for this request. `Full` is remembered in the file: a journal that turned an
    /// entry away proves nothing about what is missing in it.
    pub fn begin(&self, id: u64, started: Nanos, pid: u32) -> Result<Begun, Full> {
        debug_assert!(id != 0, "an id is never 0");
        let slot = self.table.claim()?;
        self.table.store(slot, &Entry { id, started, answered: 0, pid, status: 0, repeats: 0 });
        Ok(Begun { slot, pid })
    }

    /// When this process, and no other any more, has the connection of the client at this port, which another process had.
    pub fn took_over(&self, port: u16, at: Nanos, pid: u32) -> Result<(), Full> {
        self.begin(taken(port), at, pid).map(drop)
    }

    /// After the answer was handed to the kernel.
    pub fn answered(&self, begun: Begun, at: Nanos, status: u16) {
        let end = Entry { id: 0, started: 0, answered: at, pid: begun.pid, status, repeats: 0 };
        let [_, _, answered, process] = bytemuck::cast::<Entry, [u64; 4]>(end);
        self.table.store_word(begun.slot, 3, process);
        self.table.store_word(begun.slot, 2, answered);
    }
}
