//! Where the ledger lies while load runs: it is what every figure can be checked with, and goes away unless it is kept.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use super::asked::Asked;

/// A directory for the ledger.
pub(super) struct Place {
    directory: PathBuf,
    kept: Kept,
}

#[derive(PartialEq)]
enum Kept {
    Yes,
    No,
}

impl Place {
    /// A new directory: the one that was asked for, or one that is removed at the end.
    pub(super) fn open(asked: Option<&Path>) -> Result<Place, String> {
        let (directory, kept) = match asked {
            Some(directory) => (directory.to_owned(), Kept::Yes),
            None => (env::temp_dir().join(format!("changeover-load-{}", std::process::id())), Kept::No),
        };
        let made = fs::create_dir(&directory);
        made.map_err(|error: io::Error| format!("make the directory {}: {error}", directory.display()))?;
        Ok(Place { directory, kept })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The latencies in the ledger, second by second.
    pub(super) fn write_hlog(&self, file: &Path, asked: &Asked) -> Result<(), String> {
        let records = ledger::read_ledgers(&self.directory).map_err(|error| error.to_string())?;
        ledger::write_hlog(file, std::slice::from_ref(&asked.population), &["load".into()], &records)
            .map_err(|error| error.to_string())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.kept == Kept::No {
            fs::remove_dir_all(&self.directory).ok();
        }
    }
}
