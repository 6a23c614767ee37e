//! What can go wrong with the files of a run.

use std::{io, path::PathBuf};

/// A file of a run could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be created or its space could not be reserved (a full disk is found here, not later).
    #[error("create {path} with {bytes} bytes: {source}; free space or choose another directory")]
    Create { path: PathBuf, bytes: u64, source: io::Error },
    /// A line or a seal could not be written.
    #[error("write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// The file or directory could not be read.
    #[error("read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// The file does not begin with the magic of its kind.
    #[error("read {path}: not a {expected} file (it begins with {found:?})")]
    Magic { path: PathBuf, expected: &'static str, found: String },
    /// Written by another version of this program.
    #[error(
        "read {path}: layout version {found}, this program reads version {expected}; use the program that wrote it"
    )]
    Version { path: PathBuf, expected: u32, found: u32 },
    /// The header contradicts this program's record size.
    #[error("read {path}: records of {found} bytes, expected {expected}")]
    RecordSize { path: PathBuf, expected: u32, found: u32 },
    /// The file ends before what its header promises.
    #[error("read {path}: {found} bytes, its header promises {expected}; it was cut")]
    Short { path: PathBuf, expected: u64, found: u64 },
}

/// Every slot of the file is taken. Nothing was written: the caller must say so, never drop the fact silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {capacity} records are used; reserve more when the file is created")]
pub struct Full {
    /// How many records the file holds.
    pub capacity: u64,
}
