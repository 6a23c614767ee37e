//! Pid files, watched by inotify: what they held, at every change somebody could have read.
//!
//! An event says that a file changed, not what it held then; the file is read at once, so what is recorded was
//! there at some instant between the look before and now. A file that was removed and is back is recorded as both.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use facts::event::PidFile;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::Error;

/// One pid file of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// Index into `Plan::targets`.
    pub(crate) target: usize,
    pub(crate) path: PathBuf,
    /// Whether it is the one of the old master.
    pub(crate) is_oldbin: bool,
    /// What it held when it was last looked at.
    pub(crate) holds: PidFile,
}

impl Watched {
    /// A file to watch, as it is now.
    pub(crate) fn new(target: usize, path: PathBuf, is_oldbin: bool) -> Watched {
        Watched { target, holds: read(&path), path, is_oldbin }
    }
}

/// A watched file held this at some instant since the last call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Index into [`PidFiles::files`].
    pub(crate) file: usize,
    pub(crate) holds: PidFile,
}

/// Watches the pid files of a run.
#[derive(Debug)]
pub(crate) struct PidFiles {
    inotify: Inotify,
    /// Every watched file, as it was last seen.
    pub(crate) files: Vec<Watched>,
}

impl PidFiles {
    /// Watches these files; their directories must exist.
    pub(crate) fn watch(files: Vec<Watched>) -> Result<PidFiles, Error> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(Error::system("watch pid files by inotify"))?;
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM;
        for Watched { path, .. } in &files {
            let directory = path.parent().unwrap_or(Path::new("/"));
            inotify
                .add_watch(directory, flags)
                .map_err(|errno| Error::file("watch", directory)(errno.into()))?;
        }
        Ok(PidFiles { inotify, files })
    }

    /// Readable when something in the directories changed.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// What the files held since the last call, in order; two equal looks in a row are one.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        while let Ok(events) = self.inotify.read_events() {
            for event in events {
                let Some(name) = &event.name else { continue };
                let Some(file) = self.files.iter().position(|f| f.path.file_name() == Some(name)) else {
                    continue;
                };
                let is_gone = event.mask.intersects(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM);
                let holds = if is_gone { PidFile::Absent } else { read(&self.files[file].path) };
                changes.extend(self.note(file, holds));
            }
        }
        // What a late event made us believe is put right by what is there now.
        for file in 0..self.files.len() {
            let holds = read(&self.files[file].path);
            changes.extend(self.note(file, holds));
        }
        changes
    }

    /// The pids that are named now, by target.
    pub(crate) fn named(&self) -> Vec<(usize, u32)> {
        let pid = |watched: &Watched| match watched.holds {
            PidFile::Names(pid) => Some((watched.target, pid)),
            _ => None,
        };
        self.files.iter().filter_map(pid).collect()
    }

    fn note(&mut self, file: usize, holds: PidFile) -> Option<Change> {
        let before = std::mem::replace(&mut self.files[file].holds, holds);
        (before != holds).then_some(Change { file, holds })
    }
}

/// What the file holds now.
pub(crate) fn read(path: &Path) -> PidFile {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => PidFile::Absent,
        Err(_) => PidFile::Garbage,
    }
}

fn parse(text: &str) -> PidFile {
    match text.trim_end() {
        "" => PidFile::Empty,
        // No sign, no zero: what `kill` would do with those is not what the file's reader means.
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse() {
            Ok(pid) if pid > 0 => PidFile::Names(pid),
            _ => PidFile::Garbage,
        },
        _ => PidFile::Garbage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_decimal_pid_names_anybody() {
        let cases = [
            ("123\n", PidFile::Names(123)),
            ("", PidFile::Empty),
            ("\n", PidFile::Empty),
            ("12x", PidFile::Garbage),
            ("-1", PidFile::Garbage),
            ("0", PidFile::Garbage),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    /// Runs `change` in a directory whose `web.pid` is watched; what was seen of it.
    fn seen(change: impl FnOnce(&Path)) -> Vec<PidFile> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("web.pid");
        fs::write(&path, "7\n").expect("write");
        let mut files = PidFiles::watch(vec![Watched::new(0, path, false)]).expect("watch");
        change(directory.path());
        files.changes().into_iter().map(|change| change.holds).collect()
    }

    #[test]
    fn a_rename_that_was_undone_at_once_is_still_an_absence() {
        let undone = seen(|run| {
            fs::rename(run.join("web.pid"), run.join("web.pid.oldbin")).expect("rename");
            fs::rename(run.join("web.pid.oldbin"), run.join("web.pid")).expect("rename");
        });
        assert_eq!(undone, [PidFile::Absent, PidFile::Names(7)]);
    }

    #[test]
    fn a_replacement_by_rename_is_never_an_absence() {
        let replaced = seen(|run| {
            fs::write(run.join("web.pid.tmp"), "8\n").expect("write");
            fs::rename(run.join("web.pid.tmp"), run.join("web.pid")).expect("rename");
        });
        assert_eq!(replaced, [PidFile::Names(8)]);
    }

    #[test]
    fn nothing_changed_is_no_change() {
        assert_eq!(seen(|run| fs::write(run.join("other.pid"), "9").expect("write")), []);
    }
}
