//! A set of request ids. They are dense (a thread's number, then a count), so a bit each is enough for millions of them;
//! an id that is none of ours costs more, and nothing else.

use std::collections::HashSet;

/// Where ids of a thread begin.
const THREAD_SHIFT: u32 = 48;
/// More threads than any generator has.
const THREADS: usize = 4096;
/// A count so far beyond what is expected is no count of ours.
const SPARE: u64 = 1 << 16;
const BITS: u64 = u64::BITS as u64;

/// Request ids, each once.
#[derive(Clone, Debug, Default)]
pub struct IdSet {
    /// By thread, then by count.
    words: Vec<Vec<u64>>,
    limit: u64,
    others: HashSet<u64>,
}

impl IdSet {
    /// An empty set that is to hold about so many.
    pub fn for_about(count: usize) -> IdSet {
        IdSet { limit: 2 * count as u64 + SPARE, ..IdSet::default() }
    }

    /// Takes an id; false when it was there.
    pub fn insert(&mut self, id: u64) -> bool {
        let Some((thread, word, bit)) = self.place(id) else { return self.others.insert(id) };
        if self.words.len() <= thread {
            self.words.resize_with(thread + 1, Vec::new);
        }
        let words = &mut self.words[thread];
        if words.len() <= word {
            // Twice as much each time: ids come in order.
            words.resize((word + 1).next_power_of_two(), 0);
        }
        let is_new = words[word] & bit == 0;
        words[word] |= bit;
        is_new
    }

    /// True when the id is there.
    pub fn contains(&self, id: u64) -> bool {
        match self.place(id) {
            Some((thread, word, bit)) => {
                self.words.get(thread).and_then(|words| words.get(word)).is_some_and(|word| word & bit != 0)
            }
            None => self.others.contains(&id),
        }
    }

    fn place(&self, id: u64) -> Option<(usize, usize, u64)> {
        let (thread, count) = ((id >> THREAD_SHIFT) as usize, id & ((1 << THREAD_SHIFT) - 1));
        (thread < THREADS && count < self.limit).then_some((
            thread,
            (count / BITS) as usize,
            1 << (count % BITS),
        ))
    }
}

impl Extend<u64> for IdSet {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| _ = self.insert(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_there_once_whatever_it_looks_like() {
        let ids = [0, 1, 63, 64, 65, 100_000, 1 << 48 | 7, 3 << 48, u64::MAX, 1 << 63 | 5, 0xdead << 48];
        let mut set = IdSet::for_about(3);
        for id in ids {
            assert!(!set.contains(id), "{id:x}");
            assert!(set.insert(id) && !set.insert(id) && set.contains(id), "{id:x}");
        }
        assert!(![2, 62, 66, 1 << 48 | 8, 5].iter().any(|id| set.contains(*id)));
    }

    #[test]
    fn a_strange_id_takes_no_room() {
        let mut set = IdSet::for_about(9);
        set.extend([1 << 47, (1 << 60) - 1]);
        assert!(set.words.is_empty() && set.contains(1 << 47));
    }
}
