//! Pid files, watched by inotify: what they held, at every change somebody could have read.
//!
//! An event says that a file changed, not what it held then; the file is read at once, so what is recorded was
//! there at some instant between the look before and now. A file that was removed and is back is recorded as both,
//! and so is one that was written over in place: nobody writes a pid over another without emptying the file first.
//!
//! The directory is watched for names that come and go, and only the files themselves for writes: a log beside them
//! would flood the queue of the kernel. If that overflows all the same, [`Seen::overlooked`] says so.

use std::{
    fs,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use facts::event::PidFile;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

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

/// What was seen since the last call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// In order; two equal looks in a row are one.
    pub(crate) changes: Vec<Change>,
    /// Files (as [`Change::file`]) that another one took the place of, and that were looked at only when they held again what
    /// they had held before.
    pub(crate) replaced: Vec<usize>,
    /// The kernel's queue was full: a file may have held anything in between.
    pub(crate) overlooked: bool,
}

/// The watch on a file itself, which ends with the file and not with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inode {
    Unwatched,
    /// Just created and not closed yet: what is written to it is its first contents.
    BeingWritten(WatchDescriptor),
    Written(WatchDescriptor),
}

impl Inode {
    fn descriptor(self) -> Option<WatchDescriptor> {
        match self {
            Inode::Unwatched => None,
            Inode::BeingWritten(descriptor) | Inode::Written(descriptor) => Some(descriptor),
        }
    }
}

/// Watches the pid files of a run.
#[derive(Debug)]
pub(crate) struct PidFiles {
    inotify: Inotify,
    /// The directory each file is in.
    directories: Vec<WatchDescriptor>,
    inodes: Vec<Inode>,
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
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM;
        let mut directories = Vec::new();
        for Watched { path, .. } in &files {
            let directory = path.parent().unwrap_or(Path::new("/"));
            let watch = inotify.add_watch(directory, flags);
            directories.push(watch.map_err(|errno| Error::file("watch", directory)(errno.into()))?);
        }
        let inodes = vec![Inode::Unwatched; files.len()];
        let mut files = PidFiles { inotify, directories, inodes, files };
        (0..files.files.len()).for_each(|file| files.watch_inode(file, Inode::Written));
        Ok(files)
    }

    /// Readable when something in the directories changed.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// What the files held since the last call.
    pub(crate) fn changes(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Ok(events) = self.inotify.read_events() {
            for event in events {
                seen.overlooked |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                match event.name {
                    None => self.take_write(&event, &mut seen.changes),
                    Some(_) => self.take_name(&event, &mut seen),
                }
            }
        }
        // What a late event made us believe is put right by what is there now.
        for file in 0..self.files.len() {
            let holds = read(&self.files[file].path);
            seen.changes.extend(self.note(file, holds));
        }
        seen
    }

    /// A name came, went, or was closed after a write.
    fn take_name(&mut self, event: &InotifyEvent, seen: &mut Seen) {
        let is_it = |file: &usize| {
            self.directories[*file] == event.wd && self.files[*file].path.file_name() == event.name.as_deref()
        };
        let Some(file) = (0..self.files.len()).find(is_it) else { return };
        let has = |flags| event.mask.intersects(flags);
        if has(AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM) {
            self.forget_inode(file);
            return seen.changes.extend(self.note(file, PidFile::Absent));
        }
        if has(AddWatchFlags::IN_CREATE) {
            self.watch_inode(file, Inode::BeingWritten);
        } else if has(AddWatchFlags::IN_MOVED_TO) {
            self.watch_inode(file, Inode::Written);
        } else if let Inode::BeingWritten(descriptor) = self.inodes[file] {
            self.inodes[file] = Inode::Written(descriptor);
        }
        let holds = read(&self.files[file].path);
        match self.note(file, holds) {
            Some(change) => seen.changes.push(change),
            None if has(AddWatchFlags::IN_MOVED_TO) => seen.replaced.push(file),
            None => {}
        }
    }

    /// A file itself was written to.
    fn take_write(&mut self, event: &InotifyEvent, changes: &mut Vec<Change>) {
        if !event.mask.contains(AddWatchFlags::IN_MODIFY) {
            return;
        }
        for file in 0..self.files.len() {
            if self.inodes[file].descriptor() != Some(event.wd) {
                continue;
            }
            if matches!(self.inodes[file], Inode::Written(_)) {
                changes.extend(self.note(file, PidFile::Empty));
            }
            let holds = read(&self.files[file].path);
            changes.extend(self.note(file, holds));
        }
    }

    /// Watched before it is read: what is written after the read is not missed.
    fn watch_inode(&mut self, file: usize, state: fn(WatchDescriptor) -> Inode) {
        self.forget_inode(file);
        let path = &self.files[file].path;
        let state = match fs::symlink_metadata(path) {
            // A second name of a file that was written before.
            Ok(status) if status.nlink() > 1 => Inode::Written,
            _ => state,
        };
        // Gone again: an event will say so.
        let watch = self.inotify.add_watch(path, AddWatchFlags::IN_MODIFY);
        self.inodes[file] = watch.map_or(Inode::Unwatched, state);
    }

    fn forget_inode(&mut self, file: usize) {
        let before = std::mem::replace(&mut self.inodes[file], Inode::Unwatched);
        let Some(descriptor) = before.descriptor() else { return };
        // Two names of one file have one watch.
        if self.inodes.iter().all(|inode| inode.descriptor() != Some(descriptor)) {
            self.inotify.rm_watch(descriptor).ok();
        }
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
        let seen = files.changes();
        assert!(!seen.overlooked);
        seen.changes.into_iter().map(|change| change.holds).collect()
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
    fn a_file_that_was_put_back_before_anybody_looked_is_told_of() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("web.pid");
        let replace = |pid: &str| {
            fs::write(directory.path().join("tmp"), pid).expect("write");
            fs::rename(directory.path().join("tmp"), &path).expect("rename");
        };
        replace("7\n");
        let mut files = PidFiles::watch(vec![Watched::new(0, path.clone(), false)]).expect("watch");
        replace("8\n");
        replace("7\n");
        let seen = files.changes();
        assert_eq!((seen.changes, seen.replaced), (vec![], vec![0, 0]));
        replace("8\n");
        assert_eq!(files.changes().replaced, [0; 0], "what it held was read");
    }

    #[test]
    fn nothing_changed_is_no_change() {
        assert_eq!(seen(|run| fs::write(run.join("other.pid"), "9").expect("write")), []);
    }

    #[test]
    fn a_file_that_was_written_over_in_place_was_empty_for_a_moment() {
        let rewritten = seen(|run| fs::write(run.join("web.pid"), "8\n").expect("write"));
        assert_eq!(rewritten, [PidFile::Empty, PidFile::Names(8)]);
        let same = seen(|run| fs::write(run.join("web.pid"), "7\n").expect("write"));
        assert_eq!(same, [PidFile::Empty, PidFile::Names(7)]);
        let after_a_rename = seen(|run| {
            fs::write(run.join("web.pid.tmp"), "8\n").expect("write");
            fs::rename(run.join("web.pid.tmp"), run.join("web.pid")).expect("rename");
        });
        assert_eq!(after_a_rename, [PidFile::Names(8)]);
    }

    #[test]
    fn a_log_beside_it_makes_no_noise_and_a_full_queue_is_told() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("web.pid");
        fs::write(&path, "7\n").expect("write");
        let mut files = PidFiles::watch(vec![Watched::new(0, path, false)]).expect("watch");
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("/proc");
        let limit: usize = limit.trim().parse().expect("a number");
        let mut log = fs::File::create(directory.path().join("error.log")).expect("create");
        for _ in 0..limit {
            std::io::Write::write_all(&mut log, b"a line\n").expect("write");
        }
        assert_eq!(files.changes(), Seen::default());
        let names = [directory.path().join("a"), directory.path().join("b")];
        fs::write(&names[0], "").expect("write");
        for turn in 0..limit {
            fs::rename(&names[turn % 2], &names[(turn + 1) % 2]).expect("rename");
        }
        assert!(files.changes().overlooked);
        assert_eq!(files.changes(), Seen::default());
    }
}
