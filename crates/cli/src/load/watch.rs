//! How far it is, while it runs.

use std::{
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use facts::Blame;
use indicatif::{ProgressBar, ProgressStyle};
use load::{Counts, Load};

use super::asked::{Asked, Telling};
use crate::printed::complain;

/// How soon an end or a Ctrl-C is noticed.
const TURN: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

/// Waits until everything was planned, the time is over, or somebody wants it to end; how long that took.
pub(super) fn until_over(load: &Load, asked: &Asked, interrupted: &AtomicBool) -> Duration {
    let begun = Instant::now();
    let mut teller = Teller::new(asked);
    loop {
        let lasted = begun.elapsed();
        let left = asked.duration.saturating_sub(lasted);
        if left.is_zero() || load.is_over() || interrupted.load(Ordering::SeqCst) {
            teller.clear();
            return lasted;
        }
        teller.tell(lasted, load);
        thread::sleep(TURN.min(left));
    }
}

/// What the length of the bar is.
#[derive(Clone, Copy)]
enum Measure {
    Requests,
    Time,
}

/// Tells somebody once a second.
struct Teller {
    telling: Telling,
    bar: Option<ProgressBar>,
    measure: Measure,
    told_at: Duration,
    told: Counts,
}

impl Teller {
    fn new(asked: &Asked) -> Teller {
        let looks = asked.telling == Telling::Terminal && std::io::stderr().is_terminal();
        let (measure, length) = match asked.options.most_starts {
            Some(most) => (Measure::Requests, most),
            None => (Measure::Time, asked.duration.as_millis() as u64),
        };
        let bar = looks.then(|| ProgressBar::new(length));
        if let Some(bar) = &bar {
            let style = ProgressStyle::with_template("{elapsed_precise} {bar:30} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        Teller { telling: asked.telling, bar, measure, told_at: Duration::ZERO, told: Counts::default() }
    }

    fn tell(&mut self, lasted: Duration, load: &Load) {
        let since = lasted.saturating_sub(self.told_at);
        if since < SECOND || (self.bar.is_none() && self.telling != Telling::Lines) {
            return;
        }
        let counts = load.counts();
        let line = line(lasted, since, &self.told, &counts);
        match &self.bar {
            Some(bar) => {
                bar.set_position(match self.measure {
                    Measure::Requests => counts.planned,
                    Measure::Time => lasted.as_millis() as u64,
                });
                bar.set_message(line);
            }
            None => complain(&line),
        }
        (self.told_at, self.told) = (lasted, counts);
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `  3.0 s  5 012/s  ok 15 022  lost 0  in flight 3`
fn line(lasted: Duration, since: Duration, before: &Counts, counts: &Counts) -> String {
    let rate = (counts.sent - before.sent) as f64 / since.as_secs_f64();
    let of = |name: &str, blame: Blame| match counts.blamed(blame) {
        0 => String::new(),
        count => format!("  {name} {count}"),
    };
    format!(
        "{:6.1} s  {rate:.0}/s  ok {}  lost {}{}{}  in flight {}",
        lasted.as_secs_f64(),
        counts.blamed(Blame::Nobody),
        counts.blamed(Blame::Lost),
        of("retriable", Blame::Retriable),
        of("corrupt", Blame::Corrupt),
        counts.sent.saturating_sub(counts.finished()),
    )
}
