//! The books of a run: seven identities, each with its numbers, straight from the records and journals. Ids are dense
//! (a thread's number, then a count), so that everything is looked up by position and millions of records take no time.

use facts::{
    Blame, Event, History, Outcome, Plan, Record, Verdict,
    journal::{Entry, PROBE_BIT},
    record::TICK_NANOS,
};

/// One identity and whether it holds.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What must be equal to what.
    pub says: &'static str,
    /// Whether it is, with the numbers.
    pub verdict: Verdict,
}

/// Where ids of a thread begin.
pub(crate) const THREAD_SHIFT: u32 = 48;

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

/// Which ids there are, each at its place.
struct Ids {
    /// For each thread: where its places begin. The last is where all end.
    begins: Vec<usize>,
    /// How often each was given as a first attempt.
    given: Vec<u8>,
    /// Ids that have no place.
    strange: u64,
}

impl Ids {
    fn of(records: &[Record]) -> Ids {
        let mut most: Vec<u64> = Vec::new();
        for record in records {
            let (thread, count) = split(record.id);
            if thread >= most.len() {
                most.resize(thread + 1, 0);
            }
            most[thread] = most[thread].max(count);
        }
        let mut begins = vec![0];
        // A count far beyond the records is no count of ours: it gets no place.
        let limit = 2 * records.len() as u64 + 64;
        begins.extend(most.iter().scan(0, |end, most| {
            *end += (*most).min(limit) as usize;
            Some(*end)
        }));
        let places = *begins.last().unwrap_or(&0);
        let mut ids = Ids { begins, given: vec![0; places], strange: 0 };
        for record in records {
            match ids.place(record.id) {
                Some(place) if record.attempt <= 1 => ids.given[place] = ids.given[place].saturating_add(1),
                Some(_) => {}
                None => ids.strange += 1,
            }
        }
        ids
    }

    fn place(&self, id: u64) -> Option<usize> {
        let (thread, count) = split(id);
        let (begin, end) = (*self.begins.get(thread)?, *self.begins.get(thread + 1)?);
        let place = begin + usize::try_from(count.checked_sub(1)?).ok()?;
        (place < end).then_some(place)
    }

    fn verdict(&self) -> Verdict {
        let twice = self.given.iter().filter(|times| **times > 1).count();
        let gaps = self.given.iter().filter(|times| **times == 0).count();
        let all = self.given.len();
        if all > 0 && twice == 0 && gaps == 0 && self.strange == 0 {
            return Verdict::pass(format!("{all} ids"));
        }
        Verdict::unknown(format!(
            "of {all} ids {twice} were given twice, {gaps} are missing, {} are strange",
            self.strange
        ))
    }
}

fn split(id: u64) -> (usize, u64) {
    ((id >> THREAD_SHIFT) as usize, id & ((1 << THREAD_SHIFT) - 1))
}

/// How often an id was begun (up to three), and whether an answer was handed to the kernel.
#[derive(Clone, Copy, Default)]
struct Marks(u8);

impl Marks {
    const ANSWERED: u8 = 4;

    fn count(self) -> u8 {
        self.0 & 3
    }

    fn is_answered(self) -> bool {
        self.0 & Marks::ANSWERED != 0
    }

    fn note(&mut self, entry: &Entry) {
        let answered = if entry.answered > 0 { Marks::ANSWERED } else { self.0 & Marks::ANSWERED };
        self.0 = (self.count() + 1).min(3) | answered;
    }
}

/// What journals say of each place. A proxy and the back end behind it execute one request once each: they are told
/// apart, and the worse of the two is what counts.
struct Executed {
    marks: Vec<Marks>,
    unknown: Vec<u64>,
    probes: u64,
    entries: u64,
}

impl Executed {
    fn of(ids: &Ids, plan: &Plan, history: &History) -> Executed {
        let mut executed = Executed { marks: Vec::new(), unknown: Vec::new(), probes: 0, entries: 0 };
        let is_origin = |name: &str| plan.origins.iter().any(|origin| origin.name == name);
        let (back, front): (Vec<_>, Vec<_>) = history.journals.iter().partition(|(name, _)| is_origin(name));
        let front = executed.layer(ids, &front);
        let back = executed.layer(ids, &back);
        let worse = |(a, b): (Marks, Marks)| if b.count() > a.count() { b } else { a };
        executed.marks = front.into_iter().zip(back).map(worse).collect();
        executed
    }

    fn layer(&mut self, ids: &Ids, journals: &[&(String, Vec<Entry>)]) -> Vec<Marks> {
        let mut marks = vec![Marks::default(); ids.given.len()];
        for entry in journals.iter().flat_map(|(_, entries)| entries) {
            if entry.id & PROBE_BIT != 0 {
                self.probes += u64::from(entry.taken_port().is_none());
                continue;
            }
            self.entries += 1;
            match ids.place(entry.id) {
                Some(place) if ids.given[place] > 0 => marks[place].note(entry),
                _ => self.unknown.push(entry.id),
            }
        }
        marks
    }

    fn answered(&self, plan: &Plan, history: &History) -> Verdict {
        if history.journals.is_empty() {
            return Verdict::unknown("no server kept a journal");
        }
        let ids = Ids::of(&history.records);
        let keeps = |record: &Record| {
            let population = plan.populations.get(usize::from(record.population));
            let target = population.and_then(|population| plan.targets.get(population.target));
            let own = target.is_some_and(|t| history.journals.iter().any(|(name, _)| *name == t.name));
            own || record.origin > 0
        };
        let keeping: Vec<bool> = (0..plan.populations.len())
            .map(|p| keeps(&Record { population: p as u8, ..bytemuck::Zeroable::zeroed() }))
            .collect();
        let (mut once, mut never, mut twice) = (0_u64, 0_u64, 0_u64);
        for record in history.records.iter().filter(|record| record.outcome().blame() == Blame::Nobody) {
            let kept =
                keeping.get(usize::from(record.population)).copied().unwrap_or(false) || record.origin > 0;
            let is_message = record.has(facts::record::flag::MESSAGE);
            let Some(place) = ids.place(record.id).filter(|_| kept && !is_message) else { continue };
            match self.marks[place].count() {
                0 => never += 1,
                1 => once += 1,
                _ => twice += 1,
            }
        }
        let text = format!("{once} once, {twice} more than once, {never} in no journal");
        match (once, twice, never) {
            (_, 1.., _) => Verdict::fail(text),
            (1.., 0, 0) if history.incomplete.is_empty() => Verdict::pass(text),
            _ => Verdict::unknown(text),
        }
    }

    fn known(&self) -> Verdict {
        match self.unknown.first() {
            Some(first) => Verdict::fail(format!(
                "{} of {} executions were sent by no client, the first is {first:016x}",
                self.unknown.len(),
                self.entries
            )),
            None => Verdict::pass(format!("{} executions, and {} of probes", self.entries, self.probes)),
        }
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
