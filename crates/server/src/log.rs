//! The error log: lines as nginx writes them, one `write` per line to a file opened for appending, so that the
//! lines of many processes never mix.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::{AsRawFd, RawFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use conf::{Destination, ErrorLog, Level};
use nix::unistd::dup2_stderr;

/// Where a process writes what it does. Clones write to the same files, also across a fork.
#[derive(Clone)]
pub(crate) struct Log {
    sinks: Arc<Mutex<Vec<Sink>>>,
}

struct Sink {
    level: Level,
    target: Target,
}

enum Target {
    Stderr,
    File { path: PathBuf, file: File },
}

impl Log {
    /// Opens every log of a configuration; relative paths are relative to the working directory.
    ///
    /// # Errors
    /// A file cannot be opened for appending; the message names it.
    pub(crate) fn open(logs: &[ErrorLog]) -> io::Result<Self> {
        let sinks: io::Result<Vec<Sink>> = logs.iter().map(Sink::open).collect();
        Ok(Log { sinks: Arc::new(Mutex::new(sinks?)) })
    }

    /// Opens every file anew under its name, which may have been moved away. A file that cannot be opened stays
    /// the old one, and the old ones say so.
    pub(crate) fn reopen(&self) {
        let failures: Vec<String> = self.sinks().iter_mut().filter_map(|sink| sink.reopen().err()).collect();
        failures.iter().for_each(|failure| self.emerg(failure));
    }

    /// Standard error goes where the first log file is now. Without a file it stays where it is.
    pub(crate) fn take_stderr(&self) -> io::Result<()> {
        match self.sinks().iter().find_map(Sink::file) {
            Some(file) => Ok(dup2_stderr(file)?),
            None => Ok(()),
        }
    }

    /// Writes to other logs from now on, for every clone in this process. If one cannot be opened, all stay as they
    /// are, and say so.
    pub(crate) fn redirect(&self, logs: &[ErrorLog]) {
        let sinks: io::Result<Vec<Sink>> = logs.iter().map(Sink::open).collect();
        match sinks {
            Ok(sinks) => *self.sinks() = sinks,
            Err(error) => self.emerg(&format!("the logs stay where they are: {error}")),
        }
    }

    /// Open descriptors of the log files, which must survive when all others are closed.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        self.sinks().iter().filter_map(Sink::file).map(File::as_raw_fd).collect()
    }

    /// Writes a line. A log that cannot be written is no reason to stop serving, so failures are ignored.
    pub(crate) fn line(&self, level: Level, message: &str) {
        let mut sinks = self.sinks();
        if !sinks.iter().any(|sink| level <= sink.level) {
            return;
        }
        let line = render(&jiff::Zoned::now(), level, std::process::id(), message);
        for sink in sinks.iter_mut().filter(|sink| level <= sink.level) {
            let _ = sink.write(line.as_bytes());
        }
    }

    pub(crate) fn emerg(&self, message: &str) {
        self.line(Level::Emerg, message);
    }

    pub(crate) fn alert(&self, message: &str) {
        self.line(Level::Alert, message);
    }

    pub(crate) fn crit(&self, message: &str) {
        self.line(Level::Crit, message);
    }

    pub(crate) fn error(&self, message: &str) {
        self.line(Level::Error, message);
    }

    pub(crate) fn warn(&self, message: &str) {
        self.line(Level::Warn, message);
    }

    pub(crate) fn notice(&self, message: &str) {
        self.line(Level::Notice, message);
    }

    pub(crate) fn info(&self, message: &str) {
        self.line(Level::Info, message);
    }

    fn sinks(&self) -> MutexGuard<'_, Vec<Sink>> {
        // A panic while writing a line leaves the list of files as good as it was.
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("descriptors", &self.descriptors()).finish()
    }
}

impl Sink {
    fn open(log: &ErrorLog) -> io::Result<Self> {
        let target = match &log.destination {
            Destination::Stderr => Target::Stderr,
            Destination::File(path) => {
                let path = PathBuf::from(path);
                Target::File { file: append(&path)?, path }
            }
        };
        Ok(Sink { level: log.level, target })
    }

    fn file(&self) -> Option<&File> {
        match &self.target {
            Target::Stderr => None,
            Target::File { file, .. } => Some(file),
        }
    }

    fn reopen(&mut self) -> Result<(), String> {
        if let Target::File { path, file } = &mut self.target {
            *file = append(path).map_err(|error| format!("reopening logs: {error}"))?;
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match &mut self.target {
            Target::Stderr => io::stderr().write_all(line),
            Target::File { file, .. } => file.write_all(line),
        }
    }
}

pub(crate) fn append(path: &Path) -> io::Result<File> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("open() \"{}\" failed ({error})", path.display()))
    };
    OpenOptions::new().append(true).create(true).open(path).map_err(named)
}

fn render(now: &jiff::Zoned, level: Level, pid: u32, message: &str) -> String {
    // Whatever a client put into a message stays on one line.
    let message: String = message.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("{} [{}] {pid}#{pid}: {message}\n", now.strftime("%Y/%m/%d %H:%M:%S"), level.name())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn log_to(path: &std::path::Path, level: Level) -> Log {
        let destination = Destination::File(path.to_str().expect("utf-8").to_owned());
        Log::open(&[ErrorLog { destination, level }]).expect("opens")
    }

    #[test]
    fn a_line_looks_like_nginx() {
        let now: jiff::Zoned = "2026-11-23T14:00:00+00:00[UTC]".parse().expect("a time");
        let line = render(&now, Level::Notice, 7, "start\nworker");
        assert_eq!(line, "2026/11/23 14:00:00 [notice] 7#7: start?worker\n");
    }

    #[test]
    fn only_what_is_severe_enough_is_written_and_a_moved_file_is_left_behind_on_reopen() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, moved) = (directory.path().join("e.log"), directory.path().join("e.log.1"));
        let log = log_to(&path, Level::Warn);
        log.notice("quiet");
        log.error("first");
        fs::rename(&path, &moved).expect("moves");
        log.warn("second");
        log.reopen();
        log.warn("third");
        let lines = |path| fs::read_to_string(path).expect("reads").lines().count();
        assert_eq!((lines(&moved), lines(&path)), (2, 1));
    }

    #[test]
    fn clones_are_redirected_together_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let (first, second) = (directory.path().join("1.log"), directory.path().join("2.log"));
        let log = log_to(&first, Level::Notice);
        let target = |path: &std::path::Path| ErrorLog {
            destination: Destination::File(path.to_str().expect("utf-8").to_owned()),
            level: Level::Notice,
        };
        log.redirect(&[target(&second), target(std::path::Path::new("/nonexistent/e.log"))]);
        assert!(fs::read_to_string(&first).expect("reads").contains("stay where they are"));
        log.clone().redirect(&[target(&second)]);
        log.notice("moved");
        assert!(fs::read_to_string(&second).expect("reads").ends_with(": moved\n"));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let destination = Destination::File("/nonexistent/e.log".into());
        let error =
            Log::open(&[ErrorLog { destination, level: Level::Error }]).expect_err("no such directory");
        assert!(error.to_string().contains("\"/nonexistent/e.log\""), "{error}");
    }
}
