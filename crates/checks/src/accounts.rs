//! The books of a run: seven identities, each with its numbers, straight from the records and journals. Ids are dense
//! (a thread's number, then a count), so that everything is looked up by position and millions of records take no time.

mod executed;
mod ids;

use facts::{Event, History, Outcome, Plan, Record, Verdict, record::TICK_NANOS};

use executed::Executed;
use ids::Ids;
pub(crate) use ids::THREAD_SHIFT;

/// One identity and whether it holds.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What must be equal to what.
    pub says: &'static str,
    /// Whether it is, with the numbers.
    pub verdict: Verdict,
}

/// The books that need nothing but records and journals, in the order of their numbers.
pub fn accounts(plan: &Plan, history: &History) -> Vec<Identity> {
    let line = |says, verdict| Identity { says, verdict };
    let ids = Ids::of(&history.records);
    let executed = Executed::of(&ids, plan, history);
    vec![
        line("planned = sent + unsent", planned(history)),
        line("sent = answered + each class of failure", outcomes(history)),
        line("ids are unique and have no gap", ids.verdict()),
        line("every complete answer was executed exactly once", executed.answered(plan, history)),
        line("every executed id is a client's", executed.known()),
        line("answers on a connection came in the order of its requests", order(history)),
    ]
}

/// What became of requests that got no complete answer, as far as journals tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// In no journal.
    pub never_seen: u64,
    /// Begun, and no answer was handed to the kernel.
    pub executed: u64,
    /// The kernel had the whole answer.
    pub answer_lost: u64,
    /// Begun more than once, answered or not.
    pub twice: u64,
}

/// The fates of a run.
pub fn fates(plan: &Plan, history: &History) -> Fates {
    let ids = Ids::of(&history.records);
    let executed = Executed::of(&ids, plan, history);
    let mut fates = Fates::default();
    for record in &history.records {
        let Some(marks) = ids.place(record.id).map(|place| executed.marks[place]) else { continue };
        let is_answered = matches!(record.outcome(), Outcome::Ok | Outcome::TailReset | Outcome::Unsent);
        match (marks.count(), marks.is_answered()) {
            (2.., _) => fates.twice += 1,
            _ if is_answered => {}
            (0, _) => fates.never_seen += 1,
            (_, false) => fates.executed += 1,
            (_, true) => fates.answer_lost += 1,
        }
    }
    fates
}

fn planned(history: &History) -> Verdict {
    let totals = history.events.iter().filter_map(|line| match line.event {
        Event::LoadStopped { planned, sent, unsent, .. } => Some((planned, sent, unsent)),
        _ => None,
    });
    match totals.reduce(|a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2)) {
        None => Verdict::unknown("the load never stopped by itself"),
        Some((planned, sent, unsent)) if planned == sent + unsent => {
            Verdict::pass(format!("{planned} = {sent} + {unsent}"))
        }
        Some((planned, sent, unsent)) => Verdict::unknown(format!("{planned} is not {sent} + {unsent}")),
    }
}

fn outcomes(history: &History) -> Verdict {
    let mut counts = [0_u64; 256];
    history.records.iter().for_each(|record| counts[usize::from(record.outcome)] += 1);
    let known = Outcome::ALL.into_iter().map(|outcome| (outcome, counts[outcome as usize]));
    let named: Vec<(Outcome, u64)> =
        known.filter(|(outcome, count)| *count > 0 && *outcome != Outcome::Unsent).collect();
    let text: Vec<String> =
        named.iter().map(|(outcome, count)| format!("{count} {}", outcome.name())).collect();
    let sum: u64 = named.iter().map(|(_, count)| count).sum();
    let sent: u64 = history
        .events
        .iter()
        .map(|line| match line.event {
            Event::LoadStopped { sent, .. } => sent,
            _ => 0,
        })
        .sum();
    let text = format!("{sent} = {}", text.join(" + "));
    if sum == sent && sum > 0 {
        Verdict::pass(text)
    } else {
        Verdict::unknown(format!("{text}, which is {sum}"))
    }
}

/// Answers to requests that share a connection come one behind the other.
fn order(history: &History) -> Verdict {
    let most = history.records.iter().map(|record| record.connection).max().unwrap_or(0) as usize;
    let mut wrong = disorder(history.records.iter(), most);
    if wrong > 0 {
        // Who shares a pool may begin before another and come to the connection after it: then the place on the
        // connection is the order. Sorting takes its time, so it is done only then.
        let mut records: Vec<&Record> = history.records.iter().collect();
        records.sort_by_key(|record| (record.connection, record.sequence));
        wrong = disorder(records.into_iter(), most);
    }
    let answered = history.records.len();
    match wrong {
        0 if answered > 0 => Verdict::pass(format!("{answered} on {most} connections")),
        0 => Verdict::unknown("there is no record"),
        _ => Verdict::unknown(format!("{wrong} came before the answer to an earlier request")),
    }
}

/// Answers that came before that to a request in front of theirs on the same connection.
fn disorder<'a>(records: impl Iterator<Item = &'a Record>, most: usize) -> u64 {
    let mut last: Vec<(u16, u64)> = vec![(0, 0); most + 1];
    let mut wrong = 0_u64;
    for record in records {
        let Some(done) = record.first_byte_at() else { continue };
        let (sequence, before) = &mut last[record.connection as usize];
        let is_behind = record.sequence >= *sequence && done + TICK_NANOS >= *before;
        wrong += u64::from(!is_behind && record.reused());
        (*sequence, *before) = (record.sequence, done);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use facts::journal::{Entry, PROBE_BIT};

    use super::*;
    use crate::built::Built;

    const NONE: [usize; 0] = [];

    /// Which identities of a run do not pass, by their numbers from 1.
    fn broken(built: &Built) -> Vec<usize> {
        let books = accounts(&built.plan, &built.history);
        let bad = books.iter().zip(1..).filter(|(line, _)| !matches!(line.verdict, Verdict::Pass { .. }));
        bad.map(|(_, number)| number).collect()
    }

    /// A good run whose server kept a journal of all of it.
    fn kept() -> Built {
        let mut built = Built::good();
        let entry =
            |r: &Record| Entry { id: r.id, started: 1, answered: 2, pid: 11, status: 200, repeats: 0 };
        let entries = built.history.records.iter().map(entry).collect();
        built.history.records.iter_mut().for_each(|record| record.origin = 0);
        built.history.journals.push(("web".into(), entries));
        built
    }

    fn journal(built: &mut Built) -> &mut Vec<Entry> {
        &mut built.history.journals.last_mut().expect("a journal").1
    }

    #[test]
    fn a_good_run_balances() {
        assert_eq!(broken(&kept()), NONE);
        assert_eq!(
            broken(&Built::default()),
            [1, 2, 3, 4, 6],
            "an empty history passes nothing but an empty journal"
        );
    }

    #[test]
    fn each_identity_can_be_broken_alone() {
        let mut miscounted = kept();
        miscounted.amend(|event| {
            if let Event::LoadStopped { planned, .. } = event {
                *planned += 1;
            }
        });
        assert_eq!(broken(&miscounted), [1]);
        let mut twice = kept();
        twice.history.records[4].id = twice.history.records[5].id;
        assert_eq!(broken(&twice), [3, 5], "one id was given twice, and one executed id is nobody's");
        let mut gap = kept();
        gap.history.records.remove(9);
        assert_eq!(broken(&gap), [2, 3, 5]);
        let mut again = kept();
        let entry = journal(&mut again)[7];
        journal(&mut again).push(entry);
        assert_eq!(broken(&again), [4]);
        let mut unwritten = kept();
        journal(&mut unwritten).remove(7);
        assert_eq!(broken(&unwritten), [4]);
        let mut stranger = kept();
        journal(&mut stranger)[7].id = 0xdead;
        assert_eq!(broken(&stranger), [4, 5]);
        let mut probe = kept();
        let entry = Entry { id: PROBE_BIT | 5, ..journal(&mut probe)[7] };
        journal(&mut probe).push(entry);
        assert_eq!(broken(&probe), NONE);
        let mut swapped = kept();
        for (record, sequence) in swapped.history.records.iter_mut().zip([1, 0]) {
            (record.connection, record.sequence) = (1, sequence);
        }
        swapped.history.records[1].sequence = 1;
        swapped.history.records[0].first_byte = 900_000;
        assert_eq!(broken(&swapped), [6]);
        let mut pooled = kept();
        for (record, sequence) in pooled.history.records.iter_mut().zip([2, 1]) {
            (record.connection, record.sequence) = (1, sequence);
        }
        pooled.history.records[0].first_byte = 900_000;
        pooled.history.records[0].done = 900_001;
        assert_eq!(broken(&pooled), NONE, "begun first, and second on the connection");
    }

    #[test]
    fn a_journal_that_turned_entries_away_proves_nothing() {
        let mut full = kept();
        full.history.incomplete.push("journal-web.bin was full".into());
        assert_eq!(broken(&full), [4]);
    }

    #[test]
    fn the_fates_of_the_lost_are_told_apart() {
        let lost = |record: &Record| (1..=4).contains(&record.id);
        let mut built = kept().outcomes(lost, Outcome::TimeoutFirstByte);
        journal(&mut built)[1].answered = 0;
        let entry = journal(&mut built)[3];
        journal(&mut built).push(entry);
        journal(&mut built).remove(0);
        let expected = Fates { never_seen: 1, executed: 1, answer_lost: 1, twice: 1 };
        assert_eq!(fates(&built.plan, &built.history), expected);
    }

    #[test]
    fn millions_of_records_take_no_time() {
        const COUNT: u64 = 2_000_000;
        let record = |n: u64| Record {
            id: (n % 2) << THREAD_SHIFT | (n / 2 + 1),
            intended: n * 1000,
            first_byte: 100,
            done: 200,
            connection: (n % 64) as u32 + 1,
            sequence: (n / 64) as u16,
            outcome: Outcome::Ok as u8,
            attempt: 1,
            ..bytemuck::Zeroable::zeroed()
        };
        let records: Vec<Record> = (0..COUNT).map(record).collect();
        let entry = |r: &Record| Entry { id: r.id, started: 1, answered: 2, pid: 1, status: 200, repeats: 0 };
        let journals = vec![("web".to_owned(), records.iter().map(entry).collect())];
        let history = History { records, journals, ..History::default() };
        let begun = Instant::now();
        let books = accounts(&Plan::default(), &history);
        let rate = 2.0 * COUNT as f64 / begun.elapsed().as_secs_f64();
        println!("{:.1} M rows a second", rate / 1e6);
        // Generous, because it is also run without optimisation on a busy machine.
        assert!(rate > 2e5, "{rate} rows a second");
        assert!(matches!(books[2].verdict, Verdict::Pass { .. }), "{books:?}");
    }
}
