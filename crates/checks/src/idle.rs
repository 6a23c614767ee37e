//! What became of connections that were idle while something happened to their server. A client that does not look
//! before it writes loses one request on each that was closed meanwhile; any loss beyond that is a stray.

use std::collections::{HashMap, HashSet};

use facts::{
    Blame, Nanos,
    plan::{Behaviour, Population},
    record::flag,
};

use crate::{
    Index, ask,
    attempt::Attempt,
    index::{Interval, Scope},
    proof::Shown,
    spelling,
};

/// `idle(phase)`: connections open and idle through the whole phase.
pub(crate) fn idle(index: &Index, scope: Scope) -> Shown {
    tally(index, scope, |_| true)
}

/// `idle_lost(phase)`: those of them whose next attempt got no answer.
pub(crate) fn idle_lost(index: &Index, scope: Scope) -> Shown {
    match idle(index, scope) {
        // Of none of them, none can be lost: that shows nothing.
        Shown::Number { high: 0.0, .. } => {
            Shown::unknown(format!("no connection was idle all through {}", spelling::scope(index, scope)))
        }
        _ => tally(index, scope, is_unanswered),
    }
}

/// `idle_closes_seen`: only clients that keep connections, and look before they write, can see one.
pub(crate) fn idle_closes_seen(index: &Index, scope: Scope) -> Shown {
    let populations = index.plan.populations.iter().enumerate();
    let mut asked = populations.filter(|(number, _)| scope.population.is_none_or(|one| one == *number));
    let sees = |clients: &Population| {
        !matches!(clients.behaviour, Behaviour::Short | Behaviour::Reqwest) && clients.looks
    };
    if !asked.any(|(_, clients)| sees(clients)) {
        return Shown::unknown("nobody who keeps a connection looks at it before writing (`looks`)");
    }
    ask::tally(index, scope, |attempt| attempt.record.has(flag::IDLE_CLOSE_SEEN))
}

/// `stray_lost(phase)`: attempts lost or retriable from the phase on, but for those on connections that were already
/// open when it began. Such a connection can lose one at most: its loss is its end.
pub(crate) fn stray_lost(index: &Index, scope: Scope) -> Shown {
    let Some(stretch) = index.interval(scope) else { return did_not_happen(index, scope) };
    let from = scope.phases.map_or(0, |(first, _)| first);
    let later = Scope { phases: Some((from, u8::MAX)), ..scope };
    if index.attempts(later).next().is_none() {
        return Shown::unknown(format!("no attempt from {} on", spelling::scope(index, scope)));
    }
    let excepted = open_at(index, scope, stretch.begin);
    let strays =
        index.attempts(later).filter(|a| is_unanswered(a) && !excepted.contains(&a.record.connection));
    let strays = strays.count() as f64;
    Shown::between(strays, strays + index.unseen(later))
}

fn tally(index: &Index, scope: Scope, is_such: impl Fn(&Attempt) -> bool) -> Shown {
    let Some(stretch) = index.interval(scope) else { return did_not_happen(index, scope) };
    let anywhen = Scope { phases: None, ..scope };
    if index.attempts(anywhen).next().is_none() {
        return Shown::unknown("no attempt at all");
    }
    let count = nexts(index, anywhen, stretch).into_iter().filter(|next| is_such(next)).count() as f64;
    Shown::between(count, count + index.unseen(anywhen))
}

fn did_not_happen(index: &Index, scope: Scope) -> Shown {
    Shown::unknown(format!("{} did not happen", spelling::scope(index, scope)))
}

fn is_unanswered(attempt: &Attempt) -> bool {
    matches!(attempt.blame(), Blame::Lost | Blame::Retriable)
}

/// The next attempt on each connection that was open and idle through a stretch of time.
fn nexts<'a>(index: &'a Index, scope: Scope, stretch: Interval) -> Vec<&'a Attempt> {
    let was_idle = |(before, next): &(&Attempt, &Attempt)| {
        let stayed_open = before.is_answered() && !before.record.has(flag::CLOSE_ANNOUNCED);
        stayed_open && before.done_at() <= stretch.begin && next.began_at() >= stretch.end
    };
    neighbours(index, scope).filter(was_idle).map(|(_, next)| next).collect()
}

/// Connections that had carried an answer before an instant and were not announced to end.
fn open_at(index: &Index, scope: Scope, instant: Nanos) -> HashSet<u32> {
    let anywhen = Scope { phases: None, ..scope };
    let served = |a: &&Attempt| a.record.connection > 0 && a.began_at() <= instant && a.is_answered();
    index.attempts(anywhen).filter(served).map(|a| a.record.connection).collect()
}

/// Every two attempts that follow each other on one connection.
fn neighbours<'a>(index: &'a Index, scope: Scope) -> impl Iterator<Item = (&'a Attempt, &'a Attempt)> {
    let mut connections: HashMap<u32, Vec<&Attempt>> = HashMap::new();
    for attempt in index.attempts(scope).filter(|a| a.record.connection > 0) {
        connections.entry(attempt.record.connection).or_default().push(attempt);
    }
    connections.into_values().flat_map(|mut on_one| {
        on_one.sort_by_key(|a| a.record.sequence);
        (1..on_one.len()).map(|i| (on_one[i - 1], on_one[i])).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use facts::{
        Outcome,
        expression::{Function, Operator, Value},
        plan::Behaviour,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    /// Attempts 90 and 210 share a connection that is idle through phase 1 (1000 to 2000 ms), 95 and 150 one that is
    /// used in it.
    fn with_idle(next: Outcome) -> Built {
        let mut built = Built::good();
        for (before, after) in [(90, 210), (95, 150)] {
            let connection = built.history.records[before - 1].connection;
            let record = &mut built.history.records[after - 1];
            (record.connection, record.sequence) = (connection, 1);
        }
        built.outcome(210, next)
    }

    fn is(built: &Built, function: Function, count: f64, expected: &str) {
        built.holds(function, &in_phase(1), Operator::Equal, Value::Number(count), expected);
    }

    #[test]
    fn a_connection_is_idle_through_a_phase_or_not() {
        is(&with_idle(Outcome::Ok), Function::Idle, 1.0, PASS);
        is(&Built::good(), Function::Idle, 0.0, PASS);
        is(&Built::good(), Function::Idle, 1.0, FAIL);
        is(&Built::default(), Function::Idle, 0.0, UNKNOWN);
    }

    #[test]
    fn its_next_request_is_lost_or_not_and_is_no_stray() {
        is(&with_idle(Outcome::Ok), Function::IdleLost, 0.0, PASS);
        is(&Built::good(), Function::IdleLost, 0.0, UNKNOWN);
        let closed = with_idle(Outcome::RetriableClose);
        is(&closed, Function::IdleLost, 1.0, PASS);
        is(&closed, Function::StrayLost, 0.0, PASS);
    }

    #[test]
    fn only_who_looks_can_see_a_close() {
        is(&Built::good(), Function::IdleClosesSeen, 0.0, UNKNOWN);
        let mut looking = Built::good();
        looking.plan.populations[0].looks = true;
        is(&looking, Function::IdleClosesSeen, 0.0, UNKNOWN);
        looking.plan.populations[0].behaviour = Behaviour::Keepalive;
        is(&looking, Function::IdleClosesSeen, 0.0, PASS);
        is(&looking, Function::IdleClosesSeen, 1.0, FAIL);
    }

    /// Answered once more while the phase began, then closed: still a connection that was open.
    #[test]
    fn a_connection_that_was_open_may_lose_a_later_request_too() {
        let mut built = with_idle(Outcome::Ok).outcome(220, Outcome::RetriableClose);
        let connection = built.history.records[94].connection;
        let record = &mut built.history.records[219];
        (record.connection, record.sequence) = (connection, 2);
        is(&built, Function::StrayLost, 0.0, PASS);
    }

    #[test]
    fn any_other_loss_from_the_phase_on_is_a_stray() {
        is(&with_idle(Outcome::Ok).outcome(220, Outcome::Refused), Function::StrayLost, 1.0, PASS);
        is(&with_idle(Outcome::Ok).outcome(50, Outcome::Refused), Function::StrayLost, 0.0, PASS);
        is(&with_idle(Outcome::Ok).outcome(220, Outcome::Unsent), Function::StrayLost, 0.0, UNKNOWN);
        is(&Built::default(), Function::StrayLost, 0.0, UNKNOWN);
    }
}
