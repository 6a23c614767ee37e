//! The files that `access_log` names: opened while a worker is still root, reopened on USR1, one `write` a line.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use conf::Configuration;

use crate::log::{self, Log};

/// The access logs of a configuration, by their names in it.
#[derive(Debug, Default)]
pub(crate) struct AccessLogs(BTreeMap<String, Target>);

#[derive(Debug)]
struct Target {
    path: PathBuf,
    file: RefCell<File>,
}

impl AccessLogs {
    /// Opens all of them; relative paths start at `prefix`.
    ///
    /// # Errors
    /// A file cannot be opened for appending; the message names it.
    pub(crate) fn open(prefix: &Path, configuration: &Configuration) -> io::Result<AccessLogs> {
        let open = |name: &str| {
            let path = prefix.join(name);
            let file = RefCell::new(log::append(&path)?);
            Ok((name.to_owned(), Target { path, file }))
        };
        configuration.http.access_log_paths().into_iter().map(open).collect::<io::Result<_>>().map(AccessLogs)
    }

    /// Opens every file anew under its name, which may have been moved away. One that cannot be opened stays the old one.
    pub(crate) fn reopen(&self, log: &Log) {
        for Target { path, file } in self.0.values() {
            match log::append(path) {
                Ok(opened) => *file.borrow_mut() = opened,
                Err(error) => log.emerg(&format!("reopening logs: {error}")),
            }
        }
    }

    /// Writes a line. A log that cannot be written is no reason to stop serving, so failures are ignored.
    pub(crate) fn write(&self, name: &str, line: &str) {
        if let Some(target) = self.0.get(name) {
            let _ = target.file.borrow_mut().write_all(line.as_bytes());
        }
    }
}

/// Where the access logs of a configuration are.
pub(crate) fn paths(prefix: &Path, configuration: &Configuration) -> Vec<PathBuf> {
    configuration.http.access_log_paths().into_iter().map(|name| prefix.join(name)).collect()
}
