//! Directories of runs: short, because the paths of unix sockets in them must stay below 108 bytes.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::arguments::Place;

/// Longer than this, the path of a socket inside a run may not fit into `sun_path`.
const LONGEST_BYTES: usize = 60;

/// The link to the newest run.
const LATEST: &str = "latest";

/// The folder that holds the run directories of this process.
pub(crate) struct Runs {
    folder: PathBuf,
    made: AtomicU32,
    /// The last one that somebody will want to look at.
    kept: Mutex<Option<PathBuf>>,
}

impl Runs {
    /// Creates the folder if it is not there.
    pub(crate) fn open(place: &Place) -> io::Result<Runs> {
        let own = nix::unistd::getuid();
        let folder = match &place.runs {
            Some(folder) => std::path::absolute(folder).map_err(about(folder))?,
            None => temporary(&format!("changeover-{own}")),
        };
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(about(&folder))?;
        // In a shared temporary folder somebody else may have made it first.
        if place.runs.is_none() && fs::metadata(&folder).map_err(about(&folder))?.uid() != own.as_raw() {
            return Err(io::Error::other(format!(
                "{} belongs to another user; use --runs",
                folder.display()
            )));
        }
        if !is_short(&folder) {
            return Err(io::Error::other(format!("{} is too long a path; use --runs", folder.display())));
        }
        Ok(Runs { folder, made: AtomicU32::new(0), kept: Mutex::default() })
    }

    /// A new, empty directory; `latest` points at it.
    pub(crate) fn next(&self) -> io::Result<PathBuf> {
        let directory = loop {
            let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
            let directory = self.folder.join(format!("{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                // A kept run of an earlier process with our pid.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => break other.map_err(about(&directory)).map(|()| directory)?,
            }
        };
        self.point_at(&directory);
        Ok(directory)
    }

    /// Another run may do the same just now: a rename leaves no moment without the link.
    fn point_at(&self, directory: &Path) {
        let mut draft = directory.as_os_str().to_owned();
        draft.push(".latest");
        if symlink(directory, &draft).is_ok() {
            fs::rename(&draft, self.folder.join(LATEST)).ok();
        }
    }

    /// A run that ended and is kept: `latest` points at it until another one begins.
    pub(crate) fn keep(&self, directory: &Path) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(directory.to_owned());
        self.point_at(directory);
    }

    /// Removes the directory of a run nobody needs to look at.
    pub(crate) fn discard(&self, directory: &Path) {
        fs::remove_dir_all(directory).ok();
        let latest = self.folder.join(LATEST);
        if fs::read_link(&latest).is_ok_and(|link| link == directory) {
            match &*self.kept.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(kept) => self.point_at(kept),
                None => drop(fs::remove_file(&latest)),
            }
        }
    }
}

fn about(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn is_short(folder: &Path) -> bool {
    folder.as_os_str().len() <= LONGEST_BYTES
}

/// `TMPDIR` may be anywhere; where it is too deep for sockets, the system's own folder has to do.
fn temporary(name: &str) -> PathBuf {
    let chosen = std::env::temp_dir().join(name);
    if is_short(&chosen) { chosen } else { Path::new("/tmp").join(name) }
}
