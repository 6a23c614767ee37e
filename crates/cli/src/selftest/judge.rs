//! Compares what the engine said of every attempt with what was done to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use facts::{History, Outcome, Plan, Record};

use super::cells::{Cell, Class};

/// What was really done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// A fault to these requests, to some perhaps more than once.
    Struck(Vec<u64>),
    /// The same to every attempt.
    All,
    /// So many were in a queue that was thrown away; the others found nobody listening.
    Dropped(u64),
    /// So many came to a server that never answers; the others were never sent.
    Reached(u64),
}

/// A cell, judged.
pub(crate) struct Row<'a> {
    pub(crate) cell: &'a Cell,
    /// Attempts that something was done to.
    pub(crate) struck: u64,
    /// What was said of them.
    pub(crate) said: BTreeMap<&'static str, u64>,
    /// What was said of the others.
    pub(crate) others: BTreeMap<&'static str, u64>,
    /// Attempts that were called something else than what they were.
    pub(crate) wrong: u64,
}

impl Row<'_> {
    /// A cell in which nothing happened shows nothing.
    pub(crate) fn is_right(&self) -> bool {
        let is_clean = self.cell.doing == super::cells::Doing::Nothing;
        let others: u64 = self.others.values().sum();
        self.wrong == 0 && if is_clean { others > 0 } else { self.struck > 0 }
    }
}

/// A row for each cell. Attempts are refined by the journals, as those of a run are.
pub(crate) fn rows<'a>(cells: &'a [Cell], truths: &[Truth], plan: &Plan, history: &History) -> Vec<Row<'a>> {
    let index = checks::Index::new(plan, history);
    let mut attempts: Vec<Vec<(Record, Outcome)>> = cells.iter().map(|_| Vec::new()).collect();
    for (record, outcome) in index.outcomes() {
        attempts[usize::from(record.population)].push((*record, outcome));
    }
    let judged = cells.iter().zip(truths).zip(attempts);
    judged.map(|((cell, truth), attempts)| row(cell, truth, &attempts)).collect()
}

fn row<'a>(cell: &'a Cell, truth: &Truth, attempts: &[(Record, Outcome)]) -> Row<'a> {
    let mut row = Row { cell, struck: 0, said: BTreeMap::new(), others: BTreeMap::new(), wrong: 0 };
    let struck = struck(cell, truth, attempts);
    for (record, outcome) in attempts {
        let expected = struck.get(&record.id).copied();
        let (counts, expected) = match expected {
            Some(expected) => (&mut row.said, expected),
            None => (&mut row.others, usual(truth)),
        };
        *counts.entry(outcome.name()).or_insert(0) += 1;
        row.wrong += u64::from(*outcome != expected);
    }
    row.struck = struck.len() as u64;
    // An execution that no client knows of is nobody's attempt, and must not go unnoticed.
    row.wrong += row.struck - row.said.values().sum::<u64>();
    let (lost, counted) = match (truth, cell.class) {
        // Who was in the queue is known to nobody but the kernel; how many were, is.
        (Truth::Dropped(count), _) => (Outcome::ResetInAcceptQueue, Some(*count)),
        (Truth::Reached(count), _) => (Outcome::TimeoutFirstByte, Some(*count)),
        (Truth::Struck(ids), Class::Counted { outcome, each, unseen }) => {
            let most = ids.len() as u64 * each;
            let found = called(attempts, outcome);
            // Those just before the end may not have been seen, those just after it may have.
            (outcome, Some(found.clamp(most.saturating_sub(unseen), most + unseen)))
        }
        _ => (Outcome::Ok, None),
    };
    if let Some(count) = counted {
        row.wrong += called(attempts, lost).abs_diff(count);
    }
    row
}

fn called(attempts: &[(Record, Outcome)], name: Outcome) -> u64 {
    attempts.iter().filter(|(_, outcome)| *outcome == name).count() as u64
}

/// The attempts that something was done to, each with what it must be called.
fn struck(cell: &Cell, truth: &Truth, attempts: &[(Record, Outcome)]) -> HashMap<u64, Outcome> {
    let expected = |record: &Record| (record.id, cell.expected(record.reused()));
    match (truth, cell.class) {
        (Truth::All, _) => attempts.iter().map(|(record, _)| expected(record)).collect(),
        (Truth::Struck(_), Class::Counted { outcome, .. }) => {
            let found = attempts.iter().filter(|(_, called)| *called == outcome);
            found.map(|(record, _)| (record.id, outcome)).collect()
        }
        (Truth::Struck(ids), Class::Next(outcome)) => {
            let place = |record: &Record| (record.connection, record.sequence);
            let hit = attempts.iter().filter(|(record, _)| ids.contains(&record.id));
            let after: HashSet<(u32, u16)> =
                hit.map(|(record, _)| (record.connection, record.sequence + 1)).collect();
            let next = attempts.iter().filter(|(record, _)| after.contains(&place(record)));
            next.map(|(record, _)| (record.id, outcome)).collect()
        }
        (Truth::Struck(ids), _) => {
            let known: HashMap<u64, &Record> =
                attempts.iter().map(|(record, _)| (record.id, record)).collect();
            ids.iter()
                .map(|id| known.get(id).map_or((*id, Outcome::Unsent), |record| expected(record)))
                .collect()
        }
        (Truth::Dropped(_), _) => {
            let lost = attempts.iter().filter(|(_, outcome)| *outcome == Outcome::ResetInAcceptQueue);
            lost.map(|(record, _)| expected(record)).collect()
        }
        (Truth::Reached(_), _) => {
            let unsent = attempts.iter().filter(|(_, outcome)| *outcome == Outcome::Unsent);
            unsent.map(|(record, _)| expected(record)).collect()
        }
    }
}

/// What an attempt is called to which nothing was done.
fn usual(truth: &Truth) -> Outcome {
    match truth {
        Truth::Dropped(_) => Outcome::Refused,
        Truth::Reached(_) => Outcome::TimeoutFirstByte,
        Truth::All | Truth::Struck(_) => Outcome::Ok,
    }
}

#[cfg(test)]
mod tests {
    use facts::{Outcome::*, fault::Fault};

    use super::*;
    use crate::selftest::cells::{Clients, Doing};

    /// Whether a row is right in which requests 2 and 4 of five, all on one connection, were struck by `fault` and the
    /// five were called this.
    #[track_caller]
    fn check(class: Class, struck: &[u64], called: [Outcome; 5], expected: bool) {
        let cell = Cell { name: "it", doing: Doing::Fault(Fault::Close), clients: Clients::Kept, class };
        let record = |id: u64| Record { id, sequence: id as u16 - 1, ..bytemuck::Zeroable::zeroed() };
        let attempts: Vec<(Record, Outcome)> = (1..=5).map(record).zip(called).collect();
        let truth = Truth::Struck(struck.to_vec());
        assert_eq!(row(&cell, &truth, &attempts).is_right(), expected, "{called:?}");
    }

    #[test]
    fn a_cell_is_right_only_if_every_attempt_is() {
        let class = Class::Unanswered { reused: RetriableClose };
        check(class, &[2, 4], [Ok, RetriableClose, Ok, RetriableClose, Ok], true);
        check(class, &[1, 4], [ResetInAcceptQueue, Ok, Ok, RetriableClose, Ok], true);
        // A loss that was not seen, one that was called by another name, and a false alarm.
        check(class, &[2, 4], [Ok, RetriableClose, Ok, Ok, Ok], false);
        check(class, &[2, 4], [Ok, RetriableClose, Ok, CutInBody, Ok], false);
        check(class, &[2, 4], [Ok, RetriableClose, RetriableClose, RetriableClose, Ok], false);
    }

    #[test]
    fn nothing_done_shows_nothing_and_an_unknown_victim_is_wrong() {
        let class = Class::Is(RetriableClose);
        check(class, &[], [Ok; 5], false);
        check(class, &[2, 99], [Ok, RetriableClose, Ok, Ok, Ok], false);
    }

    #[test]
    fn the_next_on_the_connection_pays_for_a_close_while_idle() {
        let class = Class::Next(RetriableClose);
        check(class, &[2], [Ok, Ok, RetriableClose, Ok, Ok], true);
        check(class, &[2], [Ok, RetriableClose, Ok, Ok, Ok], false);
    }

    #[test]
    fn a_queue_thrown_away_must_be_found_to_the_last() {
        let cell = Cell { clients: Clients::Patient, class: Class::Is(ResetInAcceptQueue), ..clean() };
        let attempts = |called: &[Outcome]| {
            let ids = (1..).map(|id| Record { id, ..bytemuck::Zeroable::zeroed() });
            ids.zip(called.iter().copied()).collect::<Vec<(Record, Outcome)>>()
        };
        let lost = [ResetInAcceptQueue, ResetInAcceptQueue, Refused];
        assert!(row(&cell, &Truth::Dropped(2), &attempts(&lost)).is_right());
        assert!(!row(&cell, &Truth::Dropped(3), &attempts(&lost)).is_right());
        assert!(!row(&cell, &Truth::Dropped(1), &attempts(&lost)).is_right());
        assert!(!row(&cell, &Truth::Dropped(1), &attempts(&[ResetInAcceptQueue, Ok])).is_right());
    }

    #[test]
    fn who_never_got_a_connection_was_not_sent_and_everybody_else_was() {
        let cell = Cell { clients: Clients::Queueing, class: Class::Is(Unsent), ..clean() };
        let attempts = |called: &[Outcome]| {
            let ids = (1..).map(|id| Record { id, ..bytemuck::Zeroable::zeroed() });
            ids.zip(called.iter().copied()).collect::<Vec<(Record, Outcome)>>()
        };
        let right = [TimeoutFirstByte, TimeoutFirstByte, Unsent, Unsent];
        assert!(row(&cell, &Truth::Reached(2), &attempts(&right)).is_right());
        assert!(
            !row(&cell, &Truth::Reached(3), &attempts(&right)).is_right(),
            "one was sent and called unsent"
        );
        assert!(!row(&cell, &Truth::Reached(1), &attempts(&right)).is_right(), "one was not sent");
        assert!(!row(&cell, &Truth::Reached(1), &attempts(&[TimeoutFirstByte, Ok])).is_right());
    }

    #[test]
    fn a_clean_cell_needs_answers() {
        let truth = Truth::Struck(vec![]);
        let one = |called| [(Record { id: 1, ..bytemuck::Zeroable::zeroed() }, called)];
        assert!(row(&clean(), &truth, &one(Ok)).is_right());
        assert!(!row(&clean(), &truth, &one(TimeoutBody)).is_right());
        assert!(!row(&clean(), &truth, &[]).is_right());
    }

    fn clean() -> Cell {
        Cell { name: "it", doing: Doing::Nothing, clients: Clients::Short, class: Class::Is(Ok) }
    }
}
