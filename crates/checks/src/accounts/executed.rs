//! What journals say of each id.

use facts::{
    Blame, History, Plan, Record, Verdict,
    journal::{Entry, PROBE_BIT},
};

use super::ids::Ids;

/// How often an id was begun (up to three), and whether an answer was handed to the kernel.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks(u8);

impl Marks {
    const ANSWERED: u8 = 4;

    pub(super) fn count(self) -> u8 {
        self.0 & 3
    }

    pub(super) fn is_answered(self) -> bool {
        self.0 & Marks::ANSWERED != 0
    }

    fn note(&mut self, entry: &Entry) {
        let answered = if entry.answered > 0 { Marks::ANSWERED } else { self.0 & Marks::ANSWERED };
        self.0 = (self.count() + 1).min(3) | answered;
    }
}

/// What journals say of each place. A proxy and the back end behind it execute one request once each: they are told
/// apart, and the worse of the two is what counts.
pub(super) struct Executed {
    pub(super) marks: Vec<Marks>,
    unknown: Vec<u64>,
    probes: u64,
    entries: u64,
}

impl Executed {
    pub(super) fn of(ids: &Ids, plan: &Plan, history: &History) -> Executed {
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

    /// Whether every complete answer was executed once.
    pub(super) fn answered(&self, plan: &Plan, history: &History) -> Verdict {
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

    /// Whether everything executed was sent by a client.
    pub(super) fn known(&self) -> Verdict {
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
