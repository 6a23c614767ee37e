//! Origins that do something wrong, as processes of their own. They end when this process does, however it does.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use facts::fault::{Fault, Planted};

use super::judge::Truth;
use crate::programs::find;

/// To each one of so many.
const EVERY: u64 = 10;
/// Far more than any cell sends.
const JOURNAL_ENTRIES: u64 = 8_192;

/// An origin with a fault, or without one.
pub(crate) struct Misbehaving {
    process: Child,
    /// It ends when this is closed.
    _attended: Option<ChildStdin>,
    log: PathBuf,
    fault: Option<Fault>,
    /// What it had done by the time its clients listened no longer, if it goes on by itself.
    seen: Option<Vec<u64>>,
}

impl Misbehaving {
    /// Starts it; where it listens is asked later, so that all of them start at once.
    pub(crate) fn start(number: usize, fault: Option<Fault>, directory: &Path) -> io::Result<Misbehaving> {
        let program = find("origin").ok_or_else(|| {
            io::Error::other("the program `origin` is not there; build it: cargo build --release -p origin")
        })?;
        let log = directory.join(format!("faults-{number}.log"));
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--attended", "--echo", "--name", &number.to_string()]);
        command.arg("--fault-log").arg(&log);
        command.arg("--journal").arg(directory.join(format!("journal-{number}.bin")));
        command.arg("--journal-capacity").arg(JOURNAL_ENTRIES.to_string());
        if let Some(fault) = fault {
            command.arg("--fault").arg(Planted { fault, every: EVERY }.to_string());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let attended = process.stdin.take();
        Ok(Misbehaving { process, _attended: attended, log, fault, seen: None })
    }

    /// Where it listens, as soon as it does.
    pub(crate) fn address(&mut self) -> io::Result<SocketAddr> {
        let out =
            self.process.stdout.take().ok_or_else(|| io::Error::other("asked twice where it listens"))?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        line.trim()
            .parse()
            .map_err(|_| io::Error::other("an origin ended before it listened, and has said why"))
    }

    /// Events go on when nobody counts them any more.
    pub(crate) fn last_seen(&mut self) -> io::Result<()> {
        if self.fault == Some(Fault::SkipEvent) {
            self.seen = Some(self.struck()?);
        }
        Ok(())
    }

    /// Ends it. To which requests it did something wrong.
    pub(crate) fn truth(mut self) -> io::Result<Truth> {
        self.end();
        Ok(Truth::Struck(match self.seen.take() {
            Some(seen) => seen,
            None => self.struck()?,
        }))
    }

    fn struck(&self) -> io::Result<Vec<u64>> {
        let text = fs::read_to_string(&self.log)?;
        let ids = text.lines().map(|line| {
            let id = line.split_whitespace().next().unwrap_or_default();
            u64::from_str_radix(id, 16).map_err(io::Error::other)
        });
        ids.collect()
    }

    fn end(&mut self) {
        // It may have ended by itself; then the table shows what that did.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        self.end();
    }
}
