//! Who opened which connection of one generator thread.

use std::path::Path;

use facts::Caller;

use crate::{Error, header::Kind, table::Table};

/// Writes one entry per connection.
pub struct Callers {
    table: Table<Caller>,
}

impl Callers {
    /// A new file with room for `capacity` connections, its space reserved. The file must not exist.
    pub fn create(path: &Path, capacity: u64) -> Result<Callers, Error> {
        Ok(Callers { table: Table::create(path, Kind::Callers, capacity)? })
    }

    /// Before the connection is used. A file that is full remembers that it turned somebody away, and its run cannot
    /// pass.
    pub fn opened(&self, caller: &Caller) {
        debug_assert!(caller.connection != 0, "a connection is numbered from 1");
        if let Ok(slot) = self.table.claim_alone() {
            self.table.store(slot, caller);
        }
    }

    /// Says that nothing is missing. Without it the run cannot pass.
    pub fn seal(self) -> Result<(), Error> {
        self.table.seal()
    }
}
