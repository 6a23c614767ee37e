//! Whether anybody would have noticed. An upgrade that no request touched shows nothing about requests.

use facts::{Event, Moment, Nanos, Verdict};

use crate::{
    Index,
    ask::was_sent,
    attempt::Attempt,
    index::{Interval, Scope},
};

/// A request is under way around a signal when it was no farther from it than this.
const AROUND: Nanos = 50_000_000;
/// What a signal sets off is not over when it is sent.
const AFTERMATH: Nanos = 1_000_000_000;
/// Fewer requests between the first signal and the end of what the last one set off show nothing.
const LEAST: usize = 20;

/// Requests were under way around every signal that a target was sent under load, and enough of them altogether.
pub(crate) fn covered(index: &Index) -> Verdict {
    if index.loaded().is_none() {
        return Verdict::unknown("the load never started");
    }
    Verdict::worst((0..index.plan.targets.len()).map(|target| of_target(index, target)))
}

fn of_target(index: &Index, target: usize) -> Verdict {
    let name = &index.plan.targets[target].name;
    let signals = signals(index, name);
    let (Some((first, _)), Some((last, _))) = (signals.first(), signals.last()) else {
        return Verdict::pass(format!("no signal was sent to {name}: there is nothing to cover"));
    };
    let scope = Scope { target: Some(target), ..Scope::default() };
    let sent: Vec<&Attempt> = index.attempts(scope).filter(|a| was_sent(a)).collect();
    if let Some((at, signal)) = signals.iter().find(|(at, _)| !sent.iter().any(|a| is_around(a, *at))) {
        let phase = index.phase_at(at.latest);
        return Verdict::unknown(format!("no request to {name} was under way around {signal} in {phase}"));
    }
    let upheaval = Interval { begin: first.earliest, end: last.latest + AFTERMATH };
    let during = (upheaval.begin)..=(upheaval.end);
    match sent.iter().filter(|a| during.contains(&a.record.intended)).count() {
        few if few < LEAST => Verdict::unknown(format!(
            "only {few} requests to {name} were meant to start from its first signal until 1 s after its last; \
             {LEAST} are the least"
        )),
        many => Verdict::pass(format!("{many} requests around {} signals to {name}", signals.len())),
    }
}

/// The signals of the scenario. Those that end the target come after the load.
fn signals<'a>(index: &'a Index, name: &str) -> Vec<(Moment, &'a str)> {
    let under_load =
        index.history.events.iter().take_while(|line| !matches!(line.event, Event::LoadStopped { .. }));
    let signal = |line: &'a facts::Stamped| match &line.event {
        Event::SignalSent { target, signal, .. } if target == name => Some((line.at, signal.as_str())),
        _ => None,
    };
    under_load.filter_map(signal).collect()
}

fn is_around(attempt: &Attempt, signal: Moment) -> bool {
    let begin = signal.earliest.saturating_sub(AROUND);
    attempt.record.intended <= signal.latest + AROUND && attempt.done_at() >= begin
}

#[cfg(test)]
mod tests {
    use facts::{Event, Outcome};

    use crate::built::{Built, PASS, UNKNOWN, check};

    const MS: u64 = 1_000_000;

    fn keeping(which: impl Fn(u64) -> bool) -> Built {
        let mut built = Built::good();
        built.history.records.retain(|record| which(record.intended / MS));
        built
    }

    #[test]
    fn a_signal_that_no_request_was_near_is_not_covered() {
        check("covered", Built::good(), PASS);
        check("covered", Built::default(), UNKNOWN);
        // WINCH is sent at 1500 ms.
        check("covered", keeping(|at| !(1440..=1560).contains(&at)), UNKNOWN);
        check("covered", keeping(|at| !(1460..=1560).contains(&at)), PASS);
        let unsent = Built::good().outcomes(|r| (1440..1560).contains(&(r.intended / MS)), Outcome::Unsent);
        check("covered", unsent, UNKNOWN);
    }

    #[test]
    fn a_request_that_is_in_flight_for_long_is_near_every_signal() {
        let mut built = keeping(|at| !(1440..=1560).contains(&at));
        built.history.records[130].done = 5_000_000;
        check("covered", built, PASS);
    }

    #[test]
    fn a_handful_of_requests_shows_nothing() {
        check("covered", keeping(|at| at < 1000 || at % 100 == 0), UNKNOWN);
        check("covered", keeping(|at| at < 1000 || at % 50 == 0), PASS);
    }

    #[test]
    fn a_run_without_a_signal_has_nothing_to_cover() {
        let quiet = Built::good().without(|e| matches!(e, Event::SignalSent { .. }));
        check("covered", quiet, PASS);
    }
}
