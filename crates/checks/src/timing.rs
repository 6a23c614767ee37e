//! Whose the times of a run are: the server's, if the generator kept up and nobody stopped the harness meanwhile.

use facts::{
    Event, Moment, Nanos,
    expression::{Kind, Value},
    plan::Pace,
};

use crate::{
    Index,
    attempt::Attempt,
    index::{Interval, Scope},
    latency::duration,
    proof::Shown,
};

/// Above this a generator's own lateness (99.9 % of a phase) makes its latencies its own. Two busy cores of a
/// virtual machine show 1 to 8 ms.
const LAG_P999_NANOS: Nanos = 20_000_000;
/// As `LAG_P999_NANOS`, for the worst single one.
const LAG_MAX_NANOS: Nanos = 100_000_000;

/// Whose the times in a scope are.
pub(crate) enum Timing {
    /// The server's: the generator kept up.
    InTime,
    /// The server's, and the generator's or the harness's own; why. Each request was sent when it was meant to be or
    /// later, and its end was seen when it came or later: its time is no shorter than it was.
    Late(String),
}

impl Timing {
    /// A measured time.
    pub(crate) fn of(self, nanos: Nanos) -> Shown {
        match self {
            Timing::InTime => duration(nanos),
            Timing::Late(why) => Shown::Late { low: 0.0, high: nanos as f64, kind: Kind::Duration, why },
        }
    }
}

/// What times in a scope are worth; why nothing, if somebody's end was not seen, or nobody measured his own lateness.
pub(crate) fn timing(index: &Index, scope: Scope) -> Result<Timing, String> {
    let unseen = index.unseen(scope);
    if unseen.is_infinite() {
        return Err("the history of the run is not whole".into());
    }
    if unseen > 0.0 {
        return Err(format!("how {} attempts ended was not seen", Shown::between(unseen, unseen)));
    }
    not_closed(index, scope)?;
    let (first, last) = scope.phases.unwrap_or((0, index.plan.phases.len().saturating_sub(1) as u8));
    let reasons =
        [undisturbed(index, scope)?].into_iter().chain((first..=last).map(|phase| late(index, phase)));
    match reasons.flatten().next() {
        None => Ok(Timing::InTime),
        Some(why) if is_measured(index, (first, last)) && !has_thinkers(index, scope) => {
            Ok(Timing::Late(why))
        }
        Some(why) => Err(why),
    }
}

fn late(index: &Index, phase: u8) -> Option<String> {
    kept_up(index, phase).err()
}

/// Whether the generator measured its own lateness in all of these phases, as far as it sent anything in them.
fn is_measured(index: &Index, (first, last): (u8, u8)) -> bool {
    (first..=last)
        .all(|phase| lag(index, phase).is_some() || index.attempts(Scope::phase(phase)).next().is_none())
}

/// Who waits for an answer before the next request sends less while the harness is stopped, and hides what was slow then.
fn has_thinkers(index: &Index, scope: Scope) -> bool {
    let everybody = index.plan.populations.iter().enumerate();
    let mut asked = everybody.filter(|(number, _)| scope.population.is_none_or(|p| p == *number));
    asked.any(|(_, population)| matches!(population.pace, Pace::Think { .. } | Pace::Closed))
}

/// Whether somebody in the scope sends whatever the answers do: a closed loop waits as long as the server does, and
/// hides that it does.
fn not_closed(index: &Index, scope: Scope) -> Result<(), String> {
    let everybody = index.plan.populations.iter().enumerate();
    let mut asked = everybody.filter(|(number, _)| scope.population.is_none_or(|p| p == *number));
    match asked.clone().next() {
        Some((_, first)) if asked.all(|(_, population)| population.pace == Pace::Closed) => {
            Err(format!("`{}` is a closed loop: its times are no evidence", first.name))
        }
        _ => Ok(()),
    }
}

/// Why not, if the harness itself was stopped for long while somebody in the scope waited: a pause in the middle of an
/// answer looks like the server's and is no lateness of a start. One of which the log does not say when it was may have
/// been at any time.
fn undisturbed(index: &Index, scope: Scope) -> Result<Option<String>, String> {
    let measured = index.history.events.iter().filter_map(|line| match line.event {
        Event::SelfCheck { hiccup_max_ns, .. } => Some(hiccup_max_ns),
        _ => None,
    });
    let longest = measured.max().ok_or("the harness did not measure its own pauses")?;
    if longest <= LAG_MAX_NANOS {
        return Ok(None);
    }
    let told: Vec<(Moment, Nanos)> = pauses(index).collect();
    let paused = |nanos: Nanos, when: &str| {
        Some(format!("the harness itself was stopped for {} {when}", Value::Duration(nanos as f64)))
    };
    if told.iter().all(|(_, nanos)| *nanos < longest) {
        return Ok(paused(longest, "in this run"));
    }
    let Some(waiting) = waiting(index, scope) else { return Ok(paused(longest, "in this run")) };
    let meanwhile =
        told.into_iter().filter(|(at, _)| at.earliest <= waiting.end && at.latest >= waiting.begin);
    let worst = meanwhile.max_by_key(|(_, nanos)| *nanos);
    Ok(worst.and_then(|(at, nanos)| paused(nanos, &format!("in {}", index.phase_at(at.earliest)))))
}

/// The pauses of the harness that make times its own, as they happened.
fn pauses(index: &Index) -> impl Iterator<Item = (Moment, Nanos)> {
    index.history.events.iter().filter_map(|line| match line.event {
        Event::Hiccup { ns } if ns > LAG_MAX_NANOS => Some((line.at, ns)),
        _ => None,
    })
}

/// From the begin of a scope to the end of its phases, or of the last answer to a request of theirs.
fn waiting(index: &Index, scope: Scope) -> Option<Interval> {
    let stretch = index.interval(scope)?;
    let last = index.attempts(scope).map(Attempt::done_at).max();
    Some(Interval { end: stretch.end.max(last.unwrap_or(0)), ..stretch })
}

/// How late the generator was in a phase: 99.9 % of the time, and at worst.
fn lag(index: &Index, wanted: u8) -> Option<(Nanos, Nanos)> {
    index.history.events.iter().rev().find_map(|line| match line.event {
        Event::GeneratorLag { phase, p999_ns, max_ns, .. } if phase == wanted => Some((p999_ns, max_ns)),
        _ => None,
    })
}

/// Whether the generator kept up in a phase; why not, if not.
pub(crate) fn kept_up(index: &Index, phase: u8) -> Result<(), String> {
    let name = index.phase_name(phase);
    match lag(index, phase) {
        None if index.attempts(Scope::phase(phase)).next().is_none() => Ok(()),
        None => Err(format!("the generator did not measure its own lateness in {name}")),
        Some((p999, max)) if p999 > LAG_P999_NANOS || max > LAG_MAX_NANOS => Err(format!(
            "the generator itself was late in {name}: p99.9 {}, max {}",
            Value::Duration(p999 as f64),
            Value::Duration(max as f64)
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        expression::{Function, Operator, Value},
        plan::Pace,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    const MS: f64 = 1e6;

    fn p50(built: Built, operator: Operator, ms: f64, expected: &str) {
        built.holds(Function::Percentile(500), &in_phase(0), operator, Value::Duration(ms * MS), expected);
    }

    #[test]
    fn a_closed_loop_is_no_evidence_of_time() {
        let mut closed = Built::good();
        closed.plan.populations[0].pace = facts::plan::Pace::Closed;
        let open = closed.plan.populations.len() > 1;
        assert!(!open, "the good run has one population");
        closed.clone().holds(Function::Lost, &in_phase(0), Operator::Equal, Value::Number(0.0), PASS);
        for function in [Function::Percentile(500), Function::Max, Function::LongestGap] {
            let bound = Value::Duration(1000.0 * MS);
            closed.clone().holds(function, &in_phase(0), Operator::Less, bound, UNKNOWN);
        }
    }

    #[test]
    fn a_pause_of_the_harness_is_not_the_servers() {
        let paused = |ms: u64| {
            let mut built = Built::good();
            built.amend(|event| {
                if let Event::SelfCheck { hiccup_max_ns, .. } = event {
                    *hiccup_max_ns = ms * 1_000_000;
                }
            });
            built
        };
        let unmeasured = Built::good().without(|e| matches!(e, Event::SelfCheck { .. }));
        let times = [Function::Percentile(500), Function::Max];
        for (functions, built, when_true, when_false) in [
            (times, paused(99), PASS, FAIL),
            // It only lengthens times.
            (times, paused(800), PASS, UNKNOWN),
            (times, unmeasured.clone(), UNKNOWN, UNKNOWN),
            ([Function::LongestGap; 2], paused(99), PASS, FAIL),
            ([Function::LongestGap; 2], paused(800), UNKNOWN, UNKNOWN),
            ([Function::LongestGap; 2], unmeasured, UNKNOWN, UNKNOWN),
        ] {
            for function in functions {
                let arguments = in_phase(0);
                let bound = |ms: f64| Value::Duration(ms * MS);
                built.holds(function, &arguments, Operator::Less, bound(500.0), when_true);
                built.holds(function, &arguments, Operator::Less, bound(0.5), when_false);
            }
            built.holds(Function::Lost, &[], Operator::Equal, Value::Number(0.0), PASS);
        }
    }

    /// A run in which the harness was stopped for 800 ms at these instants.
    fn stopped(at_ms: &[u64]) -> Built {
        let mut built = Built::good();
        built.amend(|event| {
            if let Event::SelfCheck { hiccup_max_ns, .. } = event {
                *hiccup_max_ns = 800_000_000;
            }
        });
        let hiccup = || Event::Hiccup { ns: 800_000_000 };
        at_ms.iter().fold(built, |built, at| built.inserted_between(*at, at + 801, hiccup()))
    }

    /// The verdicts on times that no late generator would excuse, of the phases from 0, 1000 and 2000 ms.
    #[track_caller]
    fn by_phase(built: &Built, expected: [&str; 3]) {
        for (phase, expected) in (0..).zip(expected) {
            let bound = Value::Duration(0.5 * MS);
            built.holds(Function::Percentile(500), &in_phase(phase), Operator::Less, bound, expected);
            let bound = Value::Duration(500.0 * MS);
            let gap = if expected == FAIL { PASS } else { UNKNOWN };
            built.holds(Function::LongestGap, &in_phase(phase), Operator::Less, bound, gap);
            built.holds(Function::Lost, &in_phase(phase), Operator::Equal, Value::Number(0.0), PASS);
        }
    }

    #[test]
    fn a_pause_of_the_harness_spoils_the_times_of_its_own_phase_only() {
        by_phase(&stopped(&[1100]), [FAIL, UNKNOWN, FAIL]);
        by_phase(&stopped(&[2050]), [FAIL, FAIL, UNKNOWN]);
        by_phase(&stopped(&[100, 2050]), [UNKNOWN, FAIL, UNKNOWN]);
        // From one phase into the next.
        by_phase(&stopped(&[1500]), [FAIL, UNKNOWN, UNKNOWN]);
        // When it was is not told, or not of the longest.
        by_phase(&stopped(&[]), [UNKNOWN; 3]);
        let shorter = stopped(&[]).inserted_between(1100, 1400, Event::Hiccup { ns: 300_000_000 });
        by_phase(&shorter, [UNKNOWN; 3]);
    }

    #[test]
    fn a_pause_after_a_phase_spoils_its_times_if_somebody_still_waited() {
        // The last request of the first phase is answered at 1290 ms.
        let mut built = stopped(&[1100]);
        built.history.records[98].done = 3_000_000;
        by_phase(&built, [UNKNOWN, UNKNOWN, FAIL]);
    }

    #[test]
    fn what_was_not_sent_in_one_phase_leaves_the_others_their_verdicts() {
        let mut built = Built::good().outcome(150, Outcome::Unsent);
        built.amend(|event| {
            if let Event::LoadStopped { sent, unsent, .. } = event {
                (*sent, *unsent) = (288, 1);
            }
        });
        for (phase, expected) in [(0, PASS), (1, UNKNOWN), (2, PASS)] {
            built.holds(Function::Lost, &in_phase(phase), Operator::Equal, Value::Number(0.0), expected);
            let bound = Value::Duration(2.0 * MS);
            built.holds(Function::Percentile(500), &in_phase(phase), Operator::Less, bound, expected);
        }
    }

    #[test]
    fn whoever_waits_for_an_answer_sends_less_while_the_harness_is_stopped() {
        let mut late = Built::good().lag(0, 30_000_000, 40_000_000);
        p50(late.clone(), Operator::Less, 500.0, PASS);
        late.plan.populations[0].pace = Pace::Think { nanos: 1 };
        p50(late, Operator::Less, 500.0, UNKNOWN);
        p50(
            Built::good().without(|e| matches!(e, Event::GeneratorLag { .. })),
            Operator::Less,
            500.0,
            UNKNOWN,
        );
    }
}
