//! The pid file: whole or not there at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
};

use crate::error::Error;

/// A pid file that is removed when it is dropped.
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    pub(crate) fn write(path: &Path) -> Result<PidFile, Error> {
        let failed = |source: io::Error| Error::PidFile { path: path.to_owned(), source };
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", process::id()));
        fs::write(&beside, format!("{}\n", process::id())).map_err(failed)?;
        // Renamed into place: nobody ever reads half a pid.
        fs::rename(&beside, path).map_err(failed)?;
        Ok(PidFile { path: path.to_owned() })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody else removed it: the same end.
        let _ = fs::remove_file(&self.path);
    }
}
