//! Whether what was written down can have happened. A record that contradicts itself, the plan or the event log was
//! not written by a sound generator, and shows nothing about the server.

use facts::{Blame, Event, Nanos, Record, Verdict, record::NEVER};

use crate::{Index, accounts::THREAD_SHIFT, index::Interval};

/// The history is of this plan.
pub(crate) fn run(index: &Index) -> Verdict {
    let plan = index.plan;
    let started = index.history.events.iter().find_map(|line| match &line.event {
        Event::RunStarted { case, seed, .. } => Some((case, *seed)),
        _ => None,
    });
    match started {
        None => Verdict::unknown("the event log does not say which case this is"),
        Some((case, seed)) if *case != plan.case.id || seed != plan.seed => Verdict::unknown(format!(
            "the history is of {case} with seed {seed}, the plan of {} with seed {}",
            plan.case.id, plan.seed
        )),
        Some(_) => Verdict::pass("the history is of this plan"),
    }
}

/// Every record is one that a sound generator may have written.
pub(crate) fn records(index: &Index) -> Verdict {
    let run = run_time(index);
    let planned = index.planned().unwrap_or(u64::MAX);
    let odd =
        index.attempts.iter().find_map(|a| Some((a.record.id, oddity(index, &a.record, run, planned)?)));
    match odd {
        Some((id, why)) => Verdict::unknown(format!("record {id:016x} cannot be true: {why}")),
        None => Verdict::pass("every record is possible"),
    }
}

fn oddity(index: &Index, record: &Record, run: Interval, planned: u64) -> Option<&'static str> {
    let phases = index.plan.phases.len();
    let is_phase = |phase: u8| usize::from(phase) < phases;
    let within = |at: Nanos| (run.begin..=run.end).contains(&at);
    if record.outcome().blame() == Blame::Nobody && !is_complete(record) {
        return Some("a complete answer without its status, its bytes or its times");
    }
    if !is_phase(record.phase_intended) || !is_phase(record.phase_done) {
        return Some("it is of a phase that the plan does not have");
    }
    if usize::from(record.population) >= index.plan.populations.len() {
        return Some("it is of a population that the plan does not have");
    }
    if usize::from(record.origin) > index.plan.origins.len() {
        return Some("it names an origin that the plan does not have");
    }
    // A thread's number stands before its count.
    if record.id & ((1 << THREAD_SHIFT) - 1) > planned {
        return Some("its id is greater than the number of requests that were planned");
    }
    if !within(record.intended) || !record.done_at().is_none_or(within) {
        return Some("it lies before the begin of the run or after its end");
    }
    None
}

/// What an answer has that the generator calls complete.
fn is_complete(record: &Record) -> bool {
    let answered = record.first_byte != NEVER && record.done != NEVER && record.first_byte <= record.done;
    // 101: a handshake, and every message on the connection that it upgraded.
    answered && record.bytes_in > 0 && matches!(record.status, 101 | 200..=299)
}

/// From the first line of the event log to its end, if it has one.
fn run_time(index: &Index) -> Interval {
    let events = &index.history.events;
    let ended = events.iter().rev().find(|line| matches!(line.event, Event::RunEnded { .. }));
    let begin = events.first().map_or(0, |line| line.at.earliest);
    Interval { begin, end: ended.map_or(Nanos::MAX, |line| line.at.latest) }
}

#[cfg(test)]
mod tests {
    use facts::{Event, Record, record::NEVER};

    use crate::built::{Built, PASS, UNKNOWN, check};

    /// The books with one record changed.
    fn with(change: impl Fn(&mut Record)) -> Built {
        let mut built = Built::good();
        change(&mut built.history.records[8]);
        built
    }

    #[test]
    fn a_record_that_contradicts_itself_voids_the_run() {
        check("identities", with(|_| {}), PASS);
        check("identities", with(|r| r.done = NEVER), UNKNOWN);
        check("identities", with(|r| r.first_byte = NEVER), UNKNOWN);
        check("identities", with(|r| r.bytes_in = 0), UNKNOWN);
        check("identities", with(|r| r.status = 0), UNKNOWN);
        check("identities", with(|r| r.status = 404), UNKNOWN);
    }

    #[test]
    fn a_record_that_contradicts_the_plan_or_the_log_voids_the_run() {
        check("identities", with(|r| r.phase_intended = 3), UNKNOWN);
        check("identities", with(|r| r.phase_done = 3), UNKNOWN);
        check("identities", with(|r| r.population = 1), UNKNOWN);
        check("identities", with(|r| r.origin = 3), UNKNOWN);
        check("identities", with(|r| r.id = 290), UNKNOWN);
        check("identities", with(|r| r.intended = 3_000_000_001), UNKNOWN);
        check("identities", with(|r| r.done = 40_000_000), UNKNOWN);
        let mut late = Built::good();
        late.history.events[0].at.earliest = 20_000_000;
        check("identities", late, UNKNOWN);
    }

    #[test]
    fn a_history_of_another_case_is_not_judged_by_this_plan() {
        let mut other = Built::good();
        other.plan.seed = 2;
        check("identities", other, UNKNOWN);
        let mut other = Built::good();
        other.plan.case.id = "d".into();
        check("identities", other, UNKNOWN);
        check("identities", Built::good().without(|e| matches!(e, Event::RunStarted { .. })), UNKNOWN);
    }
}
