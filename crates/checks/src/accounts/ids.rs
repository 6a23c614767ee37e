//! The ids of a run: a thread's number, then a count.

use facts::{Record, Verdict};

/// Where ids of a thread begin.
pub(crate) const THREAD_SHIFT: u32 = 48;

/// Which ids there are, each at its place.
pub(super) struct Ids {
    /// For each thread: where its places begin. The last is where all end.
    begins: Vec<usize>,
    /// How often each was given as a first attempt.
    pub(super) given: Vec<u8>,
    /// Ids that have no place.
    strange: u64,
}

impl Ids {
    pub(super) fn of(records: &[Record]) -> Ids {
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

    /// Where an id has its place, if it has one.
    pub(super) fn place(&self, id: u64) -> Option<usize> {
        let (thread, count) = split(id);
        let (begin, end) = (*self.begins.get(thread)?, *self.begins.get(thread + 1)?);
        let place = begin + usize::try_from(count.checked_sub(1)?).ok()?;
        (place < end).then_some(place)
    }

    /// Whether each was given once.
    pub(super) fn verdict(&self) -> Verdict {
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
