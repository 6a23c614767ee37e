//! An attempt with what other facts say about it: which process had its connection, and what its outcome becomes
//! in the light of the journals and of the kills the harness did itself. The client alone cannot tell a request
//! that was executed from one that never arrived; the journal can.

use std::collections::{BTreeMap, HashSet};

use facts::{
    Blame, Event, History, IdSet, Moment, Nanos, Outcome, Plan, Record, Role, journal::PROBE_BIT,
    plan::FailpointAct, record::flag,
};
use serde::Serialize;

use crate::{Holder, lives::Processes, takings::Takings};

/// A killed process's sockets are reset by the kernel as it dies; on a busy machine the client may read that late.
const DEATH_IS_SEEN_WITHIN: Nanos = 250_000_000;
/// A connection that was established later than this after a kill was never in the hands of the killed process.
const DEATH_TAKES: Nanos = 20_000_000;

/// What the journals say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Execution {
    /// Nobody who could have executed it keeps a journal, or it was a message, which has no entry.
    Unknown,
    /// A journal has it.
    Executed,
    /// No journal has it, and others sent to the same server are there.
    NeverSeen,
}

/// One attempt in the light of all facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// What the client wrote down.
    pub(crate) record: Record,
    /// What it was.
    pub(crate) outcome: Outcome,
    /// Who answered it.
    pub(crate) answered_by: Option<Holder>,
    /// Who answered the request before it on the same connection, or took the connection over since.
    pub(crate) held_by: Option<Holder>,
    /// Whether it was executed.
    pub(crate) execution: Execution,
}

impl Attempt {
    /// Whose doing it was.
    pub(crate) fn blame(&self) -> Blame {
        self.outcome.blame()
    }

    /// True when it was closed under a request, and nobody knows whether a part of an answer had come before.
    pub(crate) fn is_untold(&self) -> bool {
        let is_open = self.blame() == Blame::Retriable && self.execution == Execution::Unknown;
        is_open && self.record.has(flag::HEAD_UNTOLD)
    }

    /// True when the client got all it asked for.
    pub(crate) fn is_answered(&self) -> bool {
        self.blame() == Blame::Nobody
    }

    /// When the client began it on the wire, as far as it got.
    pub(crate) fn began_at(&self) -> Nanos {
        self.record.sent_at().unwrap_or(self.record.intended)
    }

    /// When it was over; an attempt that never was is as old as its intention.
    pub(crate) fn done_at(&self) -> Nanos {
        self.record.done_at().unwrap_or(self.record.intended)
    }
}

/// Every attempt of a history in order of intention.
pub(crate) fn attempts(plan: &Plan, history: &History) -> Vec<Attempt> {
    let kills = kills(history);
    let executed = executed(history);
    let twice = executed_twice(plan, history);
    let processes = Processes::of(history);
    let takings = Takings::of(plan, history);
    let mut attempts = with_holders(history, &processes, &takings);
    let journalling = journalling(plan, history, &executed);
    for attempt in &mut attempts {
        let record = attempt.record;
        attempt.execution = match executed.contains(record.id) {
            true => Execution::Executed,
            false if record.has(flag::MESSAGE) || !journalling.contains(&record.population) => {
                Execution::Unknown
            }
            false => Execution::NeverSeen,
        };
        attempt.outcome = match attempt.outcome.blame() {
            _ if twice.contains(record.id) => Outcome::Duplicate,
            Blame::Lost | Blame::Retriable if kills.iter().any(|kill| kill.took(attempt)) => {
                Outcome::KilledWithProcess
            }
            Blame::Lost | Blame::Retriable if executed.contains(record.id) && record.bytes_in == 0 => {
                Outcome::ExecutedNoReply
            }
            Blame::Nobody if attempt.answered_by.is_some_and(|named| processes.cannot_be(&record, named)) => {
                Outcome::WrongGeneration
            }
            _ => continue,
        };
    }
    attempts.sort_by_key(|a| (a.record.intended, a.record.id));
    attempts
}

/// Populations whose requests journals have: another one to the same server would be there, too.
fn journalling(plan: &Plan, history: &History, executed: &IdSet) -> HashSet<u8> {
    let target = |population: u8| plan.populations.get(usize::from(population)).map(|p| p.target);
    let kept: HashSet<usize> = history
        .records
        .iter()
        .filter(|record| executed.contains(record.id))
        .filter_map(|record| target(record.population))
        .collect();
    (0..=u8::MAX).filter(|population| target(*population).is_some_and(|of| kept.contains(&of))).collect()
}

/// The attempts with who answered them and who had their connection, not yet refined.
fn with_holders(history: &History, processes: &Processes, takings: &Takings) -> Vec<Attempt> {
    let attempt = |record: &Record, before: Option<Held>| {
        let before = before.filter(|_| record.reused());
        let answered_by = processes.holder(record);
        // Who answers has it; only where nobody did it matters who took it.
        let taken =
            if answered_by.is_some() { None } else { takings.taker(record, before.map(|held| held.since)) };
        let taken = taken.map(|pid| processes.named(pid, record.done_at().unwrap_or(Nanos::MAX)));
        let held_by = taken.or(before.map(|held| held.by));
        let (outcome, execution) = (record.outcome(), Execution::Unknown);
        Attempt { record: *record, outcome, answered_by, held_by, execution }
    };
    let mut attempts: Vec<Attempt> = Vec::with_capacity(history.records.len());
    if let Some(connections) = connections_in_order(&history.records) {
        let mut last: Vec<Option<Held>> = vec![None; connections];
        for record in &history.records {
            let last = &mut last[record.connection as usize];
            attempts.push(attempt(record, *last));
            *last = held_after(&attempts);
        }
        return attempts;
    }
    let mut records: Vec<&Record> = history.records.iter().collect();
    records.sort_by_key(|r| (r.connection, r.sequence, r.intended));
    let mut last: Option<(u32, Held)> = None;
    for record in records {
        let before = last.filter(|(connection, _)| *connection == record.connection);
        attempts.push(attempt(record, before.map(|(_, held)| held)));
        last = held_after(&attempts).map(|held| (record.connection, held));
    }
    attempts
}

/// Who has a connection, as far as what was over by then shows.
#[derive(Clone, Copy)]
struct Held {
    by: Holder,
    since: Nanos,
}

/// Who has the connection of the last attempt behind it.
fn held_after(attempts: &[Attempt]) -> Option<Held> {
    let attempt = attempts.last()?;
    let by = attempt.answered_by.or(attempt.held_by)?;
    Some(Held { by, since: attempt.done_at() })
}

/// One more than the highest number of a connection, if the requests on each stand in their order, as an engine writes
/// them, and its numbers are such as an engine gives.
fn connections_in_order(records: &[Record]) -> Option<usize> {
    let connections = records.iter().map(|record| record.connection).max().unwrap_or(0) as usize + 1;
    if connections > 2 * records.len() + 64 {
        return None;
    }
    let mut last = vec![(0, 0); connections];
    let is_behind = |record: &Record| {
        let (last, this) = (&mut last[record.connection as usize], (record.sequence, record.intended));
        std::mem::replace(last, this) <= this
    };
    records.iter().all(is_behind).then_some(connections)
}

/// A worker that the scenario killed, by a signal or at a failpoint.
struct Kill {
    at: Moment,
    pid: u32,
}

fn kills(history: &History) -> Vec<Kill> {
    let kill = |line: &facts::Stamped| match &line.event {
        Event::SignalSent { pid, role: Role::Worker, signal, .. } if is_kill(signal) => {
            Some(Kill { at: line.at, pid: *pid })
        }
        Event::FailpointReached { pid, role: Role::Worker, act, .. } if ends(*act) => {
            Some(Kill { at: line.at, pid: *pid })
        }
        _ => None,
    };
    history.events.iter().filter_map(kill).collect()
}

/// A process that exits takes with it what it has in its hands, just as one that is killed.
fn ends(act: FailpointAct) -> bool {
    matches!(act, FailpointAct::Kill | FailpointAct::Exit)
}

fn is_kill(signal: &str) -> bool {
    matches!(signal, "KILL" | "SIGKILL")
}

impl Kill {
    /// True when the killed process had the connection, or may have had it and the connection ended with it.
    fn took(&self, attempt: &Attempt) -> bool {
        use Outcome::{CutInBody, CutInHeaders, ResetInAcceptQueue, RetriableClose, UnsafeClose};
        let closed = [ResetInAcceptQueue, RetriableClose, UnsafeClose, CutInHeaders, CutInBody];
        let over = attempt.record.done_at().is_some_and(|done| done + DEATH_TAKES >= self.at.earliest);
        if !over || !closed.contains(&attempt.outcome) {
            return false;
        }
        match attempt.answered_by.or(attempt.held_by) {
            Some(holder) if holder.pid > 0 => holder.pid == self.pid,
            _ => self.ended_with(&attempt.record),
        }
    }

    fn ended_with(&self, record: &Record) -> bool {
        let connected = record.intended + facts::record::nanos(record.connected);
        let existed = record.connected != facts::record::NEVER && connected <= self.at.latest + DEATH_TAKES;
        existed && record.done_at().is_some_and(|done| done <= self.at.latest + DEATH_IS_SEEN_WITHIN)
    }
}

/// Ids that more than one execution was begun for: twice by one server, or by two back ends. A proxy that keeps a
/// journal and the back end behind it execute one request once each.
fn executed_twice(plan: &Plan, history: &History) -> IdSet {
    let about = history.records.len();
    let mut seen: BTreeMap<Option<&str>, IdSet> = BTreeMap::new();
    let mut twice = IdSet::for_about(about);
    for (name, entries) in &history.journals {
        let is_origin = plan.origins.iter().any(|origin| origin.name == *name);
        let layer = (!is_origin).then_some(name.as_str());
        let seen = seen.entry(layer).or_insert_with(|| IdSet::for_about(about));
        twice.extend(entries.iter().filter(|e| e.id != 0 && !seen.insert(e.id)).map(|e| e.id));
    }
    twice
}

/// The ids of all requests that a journal has.
pub(crate) fn executed(history: &History) -> IdSet {
    let mut executed = IdSet::for_about(history.records.len());
    executed.extend(journalled(history));
    executed
}

/// Every id in every journal that a client sent; the harness's own probes are nobody's request.
pub(crate) fn journalled(history: &History) -> impl Iterator<Item = u64> + '_ {
    let ids = history.journals.iter().flat_map(|(_, entries)| entries).map(|entry| entry.id);
    ids.filter(|id| *id != 0 && id & PROBE_BIT == 0)
}

/// True when some journal has a request of a client.
pub(crate) fn has_journal(history: &History) -> bool {
    journalled(history).next().is_some()
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome, Role,
        journal::{Entry, taken},
        plan::FailpointAct,
    };

    use super::attempts;
    use crate::built::Built;

    /// What the attempt with an id becomes.
    fn refined(built: &Built, id: u64) -> Outcome {
        let all = attempts(&built.plan, &built.history);
        all.iter().find(|a| a.record.id == id).expect("the attempt is in the history").outcome
    }

    fn killed(pid: u32, role: Role) -> Event {
        Event::SignalSent { target: "web".into(), pid, generation: 1, role, signal: "KILL".into() }
    }

    #[test]
    fn no_answer_and_an_execution_is_executed_no_reply() {
        for outcome in [Outcome::TimeoutFirstByte, Outcome::RetriableClose, Outcome::ResetInAcceptQueue] {
            assert_eq!(refined(&Built::good().outcome(9, outcome), 9), outcome, "no execution");
            assert_eq!(
                refined(&Built::good().outcome(9, outcome).executed("web", 9), 9),
                Outcome::ExecutedNoReply
            );
        }
        assert_eq!(refined(&Built::good().executed("web", 9), 9), Outcome::Ok);
    }

    #[test]
    fn an_answer_in_the_name_of_a_process_that_was_gone_is_of_the_wrong_generation() {
        // Process 11 ends at 1600 ms; request 159 is meant to start before that, and request 161 after it.
        let named = |pid, id| Built::good().answered_by_pid(pid, move |r| r.id == id);
        let claiming_nothing = |built: Built| built.claiming(|_| 0);
        assert_eq!(refined(&claiming_nothing(named(11, 159)), 159), Outcome::Ok, "it may have been in time");
        assert_eq!(refined(&claiming_nothing(named(11, 161)), 161), Outcome::WrongGeneration);
        assert_eq!(refined(&claiming_nothing(named(99, 161)), 161), Outcome::Ok, "nobody knows who that is");
        let mut late = claiming_nothing(named(11, 159));
        late.history.records[158].connected = 120_000;
        assert_eq!(refined(&late, 159), Outcome::WrongGeneration, "it had no connection before 1602 ms");
        let mut message = claiming_nothing(named(11, 161));
        message.history.records[160].flags |= facts::record::flag::MESSAGE;
        assert_eq!(refined(&message, 161), Outcome::Ok, "the handshake named it");
        let again = Event::ProcessAppeared {
            target: "web".into(),
            pid: 11,
            parent: 20,
            generation: 2,
            role: Role::Worker,
            title: String::new(),
        };
        let reused = claiming_nothing(named(11, 161)).inserted(1605, again);
        assert_eq!(refined(&reused, 161), Outcome::Ok, "another process has the pid");
    }

    #[test]
    fn an_answer_in_the_name_of_another_generation_than_its_process_is_of_the_wrong_one() {
        let wrong = |built: &Built| {
            let all = attempts(&built.plan, &built.history);
            all.iter().filter(|a| a.outcome == Outcome::WrongGeneration).count()
        };
        let own = |r: &facts::Record| if r.server_pid == 11 { 1 } else { 2 };
        assert_eq!(wrong(&Built::good().claiming(own)), 0);
        let renumbered = |r: &facts::Record| if r.server_pid == 11 { 7 } else { 3 };
        assert_eq!(wrong(&Built::good().claiming(renumbered)), 0, "it may number them as it likes");
        let lies_late = Built::good().claiming(|r| if r.id == 250 { 1 } else { own(r) });
        assert_eq!((wrong(&lies_late), refined(&lies_late, 250)), (1, Outcome::WrongGeneration));
        let not_yet_born = Built::good().claiming(|r| if r.id == 50 { 2 } else { own(r) });
        assert_eq!((wrong(&not_yet_born), refined(&not_yet_born, 50)), (1, Outcome::WrongGeneration));
        assert_eq!(wrong(&Built::good().claiming(|_| 2)), 0, "whose number that is nobody knows");
        let lost = lies_late.outcome(250, Outcome::CutInBody);
        assert_eq!(refined(&lost, 250), Outcome::CutInBody, "it was no complete answer");
        // A server that names no process is taken by its word: nobody of generation 1 lives after 2000 ms.
        let late =
            |id| Built::good().answered_by_pid(0, |_| true).claiming(move |r| if r.id == id { 1 } else { 2 });
        assert_eq!((wrong(&late(199)), wrong(&late(201))), (0, 1));
    }

    #[test]
    fn what_was_never_seen_is_told_from_what_nobody_could_have_seen() {
        use super::Execution::{Executed, NeverSeen, Unknown};
        let execution = |built: &Built| {
            let all = attempts(&built.plan, &built.history);
            all.iter().find(|a| a.record.id == 9).expect("it is in the history").execution
        };
        let lost = || Built::good().outcome(9, Outcome::ResetInAcceptQueue);
        assert_eq!(execution(&lost()), Unknown, "no journal has anything");
        assert_eq!(execution(&lost().executed("web", 8)), NeverSeen);
        assert_eq!(execution(&lost().executed("web", 9)), Executed);
        let mut message = lost().executed("web", 8);
        message.history.records[8].flags |= facts::record::flag::MESSAGE;
        assert_eq!(execution(&message), Unknown, "messages are in no journal");
    }

    #[test]
    fn what_a_killed_worker_had_in_hand_is_excused_and_nothing_else_is() {
        let reset = |id| Built::good().outcome(id, Outcome::ResetInAcceptQueue);
        // Attempt 50 is over at 501 ms.
        assert_eq!(
            refined(&reset(50).inserted(500, killed(11, Role::Worker)), 50),
            Outcome::KilledWithProcess
        );
        assert_eq!(
            refined(&reset(50).inserted(500, killed(10, Role::Master)), 50),
            Outcome::ResetInAcceptQueue
        );
        assert_eq!(
            refined(&reset(60).inserted(500, killed(11, Role::Worker)), 60),
            Outcome::ResetInAcceptQueue
        );
        assert_eq!(
            refined(&reset(40).inserted(500, killed(11, Role::Worker)), 40),
            Outcome::ResetInAcceptQueue
        );
        let failed = |act| Event::FailpointReached {
            target: "web".into(),
            pid: 10,
            generation: 1,
            role: Role::Worker,
            point: "exit.before".into(),
            act,
        };
        for (act, becomes) in [
            (FailpointAct::Kill, Outcome::KilledWithProcess),
            (FailpointAct::Exit, Outcome::KilledWithProcess),
            (FailpointAct::Stop, Outcome::ResetInAcceptQueue),
            (FailpointAct::Note, Outcome::ResetInAcceptQueue),
        ] {
            assert_eq!(refined(&reset(50).inserted(500, failed(act)), 50), becomes, "{act:?}");
        }
        let refused = Built::good().outcome(50, Outcome::Refused).inserted(500, killed(11, Role::Worker));
        assert_eq!(refined(&refused, 50), Outcome::Refused, "a listener is not in the hands of a worker");
    }

    #[test]
    fn a_connection_that_another_process_held_is_not_excused() {
        let mut built =
            Built::good().outcome(50, Outcome::RetriableClose).inserted(500, killed(11, Role::Worker));
        let before = built.history.records[47];
        let next = &mut built.history.records[49];
        (next.connection, next.sequence) = (before.connection, 1);
        assert_eq!(refined(&built, 50), Outcome::KilledWithProcess, "worker 11 answered before on it");
        built.history.records[47].server_pid = 12;
        assert_eq!(refined(&built, 50), Outcome::RetriableClose);
    }

    #[test]
    fn a_connection_that_went_to_another_process_was_in_the_hands_of_that_one() {
        let mut built =
            Built::good().outcome(50, Outcome::RetriableClose).inserted(500, killed(21, Role::Worker));
        let before = built.history.records[47];
        let next = &mut built.history.records[49];
        (next.connection, next.sequence, next.local_port) = (before.connection, 1, 5000);
        assert_eq!(refined(&built, 50), Outcome::RetriableClose, "worker 11 had it");
        let took = |built: &Built, pid, port, at_ms: u64| {
            let mut built = built.clone();
            let entry = Entry {
                id: taken(port),
                started: at_ms * 1_000_000,
                answered: 0,
                pid,
                status: 0,
                repeats: 0,
            };
            built.history.journals.push(("web".into(), vec![entry]));
            refined(&built, 50)
        };
        assert_eq!(took(&built, 21, 5000, 490), Outcome::KilledWithProcess);
        assert_eq!(took(&built, 21, 5001, 490), Outcome::RetriableClose, "another connection");
        assert_eq!(took(&built, 22, 5000, 490), Outcome::RetriableClose, "it went to somebody else");
        assert_eq!(took(&built, 21, 5000, 470), Outcome::RetriableClose, "worker 11 answered after that");
        assert_eq!(took(&built, 21, 5000, 510), Outcome::RetriableClose, "it was over by then");
    }
}
