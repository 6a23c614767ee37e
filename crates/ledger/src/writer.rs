//! The ledger of one generator thread.

use std::path::Path;

use facts::Record;

use crate::{Error, Full, Slot, header::Kind, table::Table};

/// Writes one record per attempt: once when it begins (`Outcome::Unfinished`), once more when it is over.
pub struct Writer {
    /// `None`: nothing is written.
    table: Option<Table<Record>>,
}

impl Writer {
    /// A new file with room for `capacity` records, its space reserved. The file must not exist.
    pub fn create(path: &Path, capacity: u64) -> Result<Writer, Error> {
        Ok(Writer { table: Some(Table::create(path, Kind::Ledger, capacity)?) })
    }

    /// One that forgets everything: what writing costs is measured against it.
    pub fn nowhere() -> Writer {
        Writer { table: None }
    }

    /// Takes a slot and writes what is known when the attempt begins. `Full`: nothing was written, and the attempt
    /// must be reported as unsent.
    pub fn begin(&self, record: &Record) -> Result<Slot, Full> {
        debug_assert!(record.is_used(), "an id is never 0");
        let Some(table) = &self.table else { return Ok(Slot::NOWHERE) };
        let slot = table.claim_alone()?;
        table.store(slot, record);
        Ok(slot)
    }

    /// Overwrites the slot with the whole truth.
    pub fn finish(&self, slot: Slot, record: &Record) {
        if let Some(table) = &self.table {
            table.store(slot, record);
        }
    }

    /// Says that nothing is missing. A ledger that was never sealed makes its run unable to pass.
    pub fn seal(self) -> Result<(), Error> {
        self.table.map_or(Ok(()), Table::seal)
    }
}
