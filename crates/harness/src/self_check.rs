//! Whether this machine let the harness work: the worst pause of a thread that only sleeps, CPU taken by strangers,
//! CPU stolen by a hypervisor. What it finds voids time expectations, never loss.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use facts::{Event, Moment, Nanos};
use ledger::{EventLog, clock::now};

use crate::procfs;

/// What the thread asks for; whatever it gets beyond is a hiccup.
const NAP: Duration = Duration::from_millis(1);

/// A hiccup that is told when it happens: what is late at the same time is not the target's doing.
const TOLD_FROM: Nanos = 20_000_000;

/// A check that runs.
pub(crate) struct SelfCheck {
    thread: Option<JoinHandle<Nanos>>,
    stop: Arc<AtomicBool>,
    warden: u32,
    begun: Nanos,
    before: Ticks,
}

impl SelfCheck {
    /// Starts measuring, and tells the log; what descends from the warden is ours, as is this process.
    pub(crate) fn start(warden: u32, log: EventLog) -> io::Result<SelfCheck> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread =
            thread::Builder::new().name("hiccup".into()).spawn(move || longest_hiccup(&stopped, &log))?;
        Ok(SelfCheck { thread: Some(thread), stop, warden, begun: now(), before: Ticks::now(warden) })
    }

    /// What was found, from the start until now.
    pub(crate) fn finish(mut self) -> (Moment, Event) {
        let after = Ticks::now(self.warden);
        let hiccup_max_ns = self.join().unwrap_or(Nanos::MAX);
        let (foreign_cpu, steal) = self.before.until(&after);
        (
            Moment { earliest: self.begun, latest: now() },
            Event::SelfCheck { hiccup_max_ns, foreign_cpu, steal },
        )
    }

    fn join(&mut self) -> Option<Nanos> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl Drop for SelfCheck {
    fn drop(&mut self) {
        self.join();
    }
}

fn longest_hiccup(stop: &AtomicBool, log: &EventLog) -> Nanos {
    let mut longest = 0;
    while !stop.load(Ordering::Relaxed) {
        let earliest = now();
        thread::sleep(NAP);
        let at = Moment { earliest, latest: now() };
        longest = longest.max(tell(at, log));
    }
    longest
}

/// How much longer the nap was than asked for.
fn tell(nap: Moment, log: &EventLog) -> Nanos {
    let ns = (nap.latest - nap.earliest).saturating_sub(NAP.as_nanos() as Nanos);
    if ns > TOLD_FROM {
        // A line that is missing shows in the numbers of the log.
        log.write(nap, Event::Hiccup { ns }).ok();
    }
    ns
}

/// CPU time so far, in clock ticks over all CPUs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ticks {
    total: u64,
    busy: u64,
    steal: u64,
    ours: u64,
}

impl Ticks {
    fn now(warden: u32) -> Ticks {
        let everybody = Ticks::parse(&fs::read_to_string("/proc/stat").unwrap_or_default());
        let us = procfs::descendants(warden).into_iter().chain([warden, std::process::id()]);
        let ours = us.filter_map(procfs::stat).map(|stat| stat.cpu_ticks).sum();
        Ticks { ours, ..everybody }
    }

    /// proc_stat(5): user nice system idle iowait irq softirq steal.
    fn parse(text: &str) -> Ticks {
        let line = text.lines().next().unwrap_or_default();
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|f| f.parse().ok()).collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or(0);
        let (total, steal) = (fields.iter().sum(), field(7));
        Ticks { total, busy: total - field(3) - field(4) - steal, steal, ours: 0 }
    }

    /// Shares of all CPU time between two instants: taken by strangers, and stolen.
    fn until(&self, after: &Ticks) -> (f64, f64) {
        let total = after.total.saturating_sub(self.total).max(1) as f64;
        let busy = after.busy.saturating_sub(self.busy);
        let ours = after.ours.saturating_sub(self.ours);
        let steal = after.steal.saturating_sub(self.steal);
        (busy.saturating_sub(ours) as f64 / total, steal as f64 / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_and_not_ours_is_foreign() {
        let before = Ticks { ours: 10, ..Ticks::parse("cpu  100 0 100 800 0 0 0 0 0 0\n") };
        let after = Ticks { ours: 30, ..Ticks::parse("cpu  150 0 150 880 10 0 0 10 0 0\n") };
        assert_eq!(before.until(&after), (80.0 / 200.0, 10.0 / 200.0));
    }

    #[test]
    fn a_check_ends_and_says_something() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = EventLog::create(&directory.path().join("log")).expect("a log");
        let check = SelfCheck::start(std::process::id(), log).expect("a thread");
        assert!(matches!(check.finish().1, Event::SelfCheck { foreign_cpu: 0.0..=1.0, .. }));
    }

    #[test]
    fn a_long_hiccup_is_told_when_it_happens() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let log = EventLog::create(&path).expect("a log");
        assert_eq!(tell(Moment { earliest: 5, latest: 20_000_005 }, &log), 19_000_000);
        assert_eq!(tell(Moment { earliest: 5, latest: 30_000_005 }, &log), 29_000_000);
        let text = fs::read_to_string(path).expect("the log");
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(r#""event":"hiccup","ns":29000000"#), "{text}");
    }
}
