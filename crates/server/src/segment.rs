//! Memory that the workers and masters of all generations share, and that nobody's death can spoil: a list of numbers which is only
//! ever replaced as a whole. There is no lock that a killed or stopped process could hold. Whoever changes the list writes the new
//! one where nobody else writes, and makes it the one that holds by a single compare-and-swap, which fails if another was faster.
//!
//! Beside the list each process has counters that only it writes, and that count no more once it has ended.
//!
//! Does not know: what the numbers mean.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use crate::os::SharedWords;

/// Whatever changes the places of numbers or their meaning changes this. A master that knows another one starts with nothing.
pub(crate) const LAYOUT: u64 = 1;

/// "zone" and the file format of nobody else.
const MAGIC: u64 = 0x6368_616e_7a6f_6e65;

/// Processes at a time: the workers of three generations.
const PLACES: usize = 256;

/// Counters of each process.
pub(crate) const COUNTERS: usize = 512;

/// Longest list.
pub(crate) const LIST: usize = COUNTERS * 10;

/// Bytes of the name, which every layout has in the same place.
const NAME_BYTES: usize = 512;

const AT_NAME: usize = 4;
const AT_CURRENT: usize = AT_NAME + NAME_BYTES / 8;
const AT_OWNERS: usize = AT_CURRENT + 4;
const AT_COUNTERS: usize = AT_OWNERS + PLACES;
const AT_LISTS: usize = AT_COUNTERS + PLACES * COUNTERS;
/// A list and its length.
const LIST_WORDS: usize = LIST + 1;
/// Pages are only taken once they are written to.
const WORDS: usize = AT_LISTS + PLACES * 2 * LIST_WORDS;

/// What a segment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was said of peers at run time.
    Orders = 1,
    /// What was seen of peers.
    Standings = 2,
}

/// A segment of another generation that is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(
        "what is known of upstream \"{name}\" is not taken over: it is written in layout {found}, and this version knows {LAYOUT}"
    )]
    Layout { name: String, found: u64 },
    #[error("memory of another generation is not taken over: {0}")]
    Strange(String),
    #[error("memory of another generation is not taken over: {0}")]
    Unmapped(#[from] io::Error),
}

/// One list, and where it lives.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    memory: SharedWords,
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

/// Which list holds. Each list that ever held has a stamp of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// How many lists held before.
    pub(crate) fn number(self) -> u64 {
        self.0 >> 16
    }

    fn place(self) -> usize {
        (self.0 >> 1) as usize & (PLACES - 1)
    }

    fn side(self) -> usize {
        self.0 as usize & 1
    }

    fn next(self, place: usize, side: usize) -> Stamp {
        Stamp((self.number() + 1) << 16 | (place as u64) << 1 | side as u64)
    }
}

/// The place of a process among those that share a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(usize);

impl Segment {
    /// An empty list.
    pub(crate) fn new(kind: Kind, name: &str) -> io::Result<Segment> {
        let file = File::from(memfd_create("zone", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        ftruncate(&file, (WORDS * 8) as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
        let memory = SharedWords::map(&file, WORDS)?;
        let name: String = name.chars().take(NAME_BYTES / 4).collect();
        let words = memory.words();
        for (word, bytes) in words[AT_NAME..].iter().zip(name.as_bytes().chunks(8)) {
            let mut full = [0; 8];
            full[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(full), Ordering::Relaxed);
        }
        words[1].store(LAYOUT, Ordering::Relaxed);
        words[2].store(kind as u64, Ordering::Relaxed);
        words[3].store(name.len() as u64, Ordering::Relaxed);
        words[0].store(MAGIC, Ordering::Release);
        Ok(Segment { file, memory, kind, name })
    }

    /// The segment of another generation.
    pub(crate) fn adopt(fd: OwnedFd) -> Result<Segment, Unusable> {
        let file = File::from(fd);
        let seals = rustix::fs::fcntl_get_seals(&file).map_err(io::Error::from)?;
        let bytes = file.metadata()?.len();
        if !seals.contains(SealFlags::SHRINK) || bytes < (AT_CURRENT * 8) as u64 {
            return Err(Unusable::Strange(format!("{bytes} bytes, seals {seals:?}")));
        }
        let head = SharedWords::map(&file, AT_CURRENT)?;
        let [magic, layout, kind, length] = [0, 1, 2, 3].map(|at| head.words()[at].load(Ordering::Acquire));
        if magic != MAGIC {
            return Err(Unusable::Strange(format!("it begins with {magic:x}")));
        }
        let name = name(&head, length);
        if layout != LAYOUT || bytes != (WORDS * 8) as u64 {
            return Err(Unusable::Layout { name, found: layout });
        }
        let kind = match kind {
            1 => Kind::Orders,
            2 => Kind::Standings,
            _ => return Err(Unusable::Strange(format!("it is of kind {kind}"))),
        };
        Ok(Segment { memory: SharedWords::map(&file, WORDS)?, file, kind, name })
    }

    /// Its descriptor, for other generations.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A place of our own. `None` if there are too many processes.
    pub(crate) fn join(&self) -> Option<Place> {
        self.sweep();
        let own = token(process::id())?;
        let place = self
            .owners()
            .iter()
            .position(|owner| owner.compare_exchange(0, own, Ordering::AcqRel, Ordering::Relaxed).is_ok())?;
        self.counters(place).iter().for_each(|counter| counter.store(0, Ordering::Release));
        Some(Place(place))
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, place: Place) {
        self.counters(place.0).iter().for_each(|counter| counter.store(0, Ordering::Release));
        self.owners()[place.0].store(0, Ordering::Release);
    }

    /// Whether anybody has a place here.
    pub(crate) fn is_used(&self) -> bool {
        self.sweep();
        self.owners().iter().any(|owner| owner.load(Ordering::Acquire) != 0)
    }

    /// What processes that have ended counted counts no more.
    pub(crate) fn sweep(&self) {
        for (place, owner) in self.owners().iter().enumerate() {
            let known = owner.load(Ordering::Acquire);
            if known != 0 && !lives(known) {
                self.counters(place).iter().for_each(|counter| counter.store(0, Ordering::Release));
                // Somebody else may have been as quick.
                let _ = owner.compare_exchange(known, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
    }

    /// Which list holds now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp(self.current().load(Ordering::Acquire))
    }

    /// The list that holds.
    pub(crate) fn read(&self, list: &mut Vec<u64>) -> Stamp {
        loop {
            let stamp = self.stamp();
            let place = self.list(stamp.place(), stamp.side());
            let length = place[0].load(Ordering::Acquire) as usize;
            list.clear();
            // Another has it rewritten, if it is longer than any.
            list.extend(place[1..].iter().take(length).map(|word| word.load(Ordering::Acquire)));
            if self.stamp() == stamp {
                return stamp;
            }
        }
    }

    /// Puts a list in the place of the one with this stamp. Its own stamp; `None` if that one does not hold any more.
    pub(crate) fn replace(&self, own: Place, stamp: Stamp, list: &[u64]) -> Option<Stamp> {
        let side = if stamp.place() == own.0 { 1 - stamp.side() } else { 0 };
        if self.stamp() != stamp || list.len() > LIST {
            return None;
        }
        let place = self.list(own.0, side);
        place[0].store(list.len() as u64, Ordering::Release);
        place[1..].iter().zip(list).for_each(|(word, value)| word.store(*value, Ordering::Release));
        let next = stamp.next(own.0, side);
        let swapped = self.current().compare_exchange(stamp.0, next.0, Ordering::AcqRel, Ordering::Acquire);
        swapped.is_ok().then_some(next)
    }

    /// Sets a counter of ours.
    pub(crate) fn count(&self, own: Place, counter: usize, value: u32) {
        self.counters(own.0)[counter].store(u64::from(value), Ordering::Release);
    }

    /// What all others have counted there; with `None`, everybody.
    pub(crate) fn sum(&self, but: Option<Place>, counter: usize) -> u32 {
        let owners = self.owners().iter().enumerate();
        let others = owners.filter(|(place, owner)| {
            but.is_none_or(|own| own.0 != *place) && owner.load(Ordering::Acquire) != 0
        });
        let counted = others.map(|(place, _)| self.counters(place)[counter].load(Ordering::Acquire));
        u32::try_from(counted.sum::<u64>()).unwrap_or(u32::MAX)
    }

    fn current(&self) -> &AtomicU64 {
        &self.memory.words()[AT_CURRENT]
    }

    fn owners(&self) -> &[AtomicU64] {
        &self.memory.words()[AT_OWNERS..AT_COUNTERS]
    }

    fn counters(&self, place: usize) -> &[AtomicU64] {
        &self.memory.words()[AT_COUNTERS + place * COUNTERS..][..COUNTERS]
    }

    fn list(&self, place: usize, side: usize) -> &[AtomicU64] {
        &self.memory.words()[AT_LISTS + (place * 2 + side) * LIST_WORDS..][..LIST_WORDS]
    }
}

fn name(head: &SharedWords, length: u64) -> String {
    let words = head.words()[AT_NAME..].iter();
    let bytes: Vec<u8> = words.flat_map(|word| word.load(Ordering::Acquire).to_le_bytes()).collect();
    let length = usize::try_from(length).unwrap_or(0).min(bytes.len());
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// A process and when it started, so that another with its pid is not taken for it. `None` if it is not there.
fn token(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // proc_pid_stat(5): field 3 is the state, 22 the start. Whoever is not reaped yet does nothing any more.
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let started: u64 = fields.get(19)?.parse().ok()?;
    Some(u64::from(pid) << 32 | started & 0xffff_ffff)
}

fn lives(known: u64) -> bool {
    token((known >> 32) as u32) == Some(known)
}

#[cfg(test)]
mod tests {
    use std::{process::Command, thread};

    use nix::{
        sys::wait::{Id, WaitPidFlag, waitid},
        unistd::Pid,
    };

    use super::*;

    fn read(segment: &Segment) -> (Stamp, Vec<u64>) {
        let mut list = Vec::new();
        (segment.read(&mut list), list)
    }

    #[test]
    fn a_list_is_replaced_as_a_whole_and_only_by_whoever_knows_it() {
        let segment = Segment::new(Kind::Orders, "origins").expect("a segment");
        let (ours, theirs) = (segment.join().expect("a place"), segment.join().expect("another"));
        let (empty, list) = read(&segment);
        assert_eq!((empty.number(), list), (0, Vec::new()));
        let first = segment.replace(ours, empty, &[1, 2]).expect("nobody was faster");
        assert_eq!(segment.replace(theirs, empty, &[3]), None);
        assert_eq!(read(&segment), (first, vec![1, 2]));
        let second = segment.replace(ours, first, &[4]).expect("nobody was faster");
        assert_eq!(read(&segment), (second, vec![4]));
        assert_eq!(segment.replace(theirs, second, &vec![0; LIST + 1]), None, "too long");
    }

    #[test]
    fn nothing_of_many_changes_at_once_is_lost_or_torn() {
        const EACH: u64 = 3_000;
        let segment = Segment::new(Kind::Standings, "origins").expect("a segment");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (own, mut list) = (segment.join().expect("a place"), Vec::new());
                    for _ in 0..EACH {
                        loop {
                            let stamp = segment.read(&mut list);
                            assert!(list.iter().all(|word| *word == list[0]), "torn: {list:?}");
                            list.resize(40, 0);
                            list.iter_mut().for_each(|word| *word += 1);
                            if segment.replace(own, stamp, &list).is_some() {
                                break;
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(read(&segment).1, vec![4 * EACH; 40]);
    }

    #[test]
    fn another_generation_finds_what_was_written_and_another_layout_is_refused_by_name() {
        let segment = Segment::new(Kind::Standings, "origins").expect("a segment");
        let own = segment.join().expect("a place");
        segment.replace(own, segment.stamp(), &[7, 8, 9]).expect("nobody was faster");
        let fd = || segment.descriptor().try_clone_to_owned().expect("a descriptor");
        let other = Segment::adopt(fd()).expect("the same layout");
        assert_eq!((other.name.as_str(), other.kind), ("origins", Kind::Standings));
        assert_eq!(read(&other), read(&segment));
        segment.memory.words()[1].store(LAYOUT + 1, Ordering::Release);
        let refused = Segment::adopt(fd()).expect_err("another layout").to_string();
        assert!(refused.contains("upstream \"origins\"") && refused.contains("layout 2"), "{refused}");
        let strange = File::open("/dev/null").expect("opens");
        assert!(Segment::adopt(strange.into()).is_err());
    }

    #[test]
    fn what_a_dead_process_counted_counts_no_more() {
        let segment = Segment::new(Kind::Standings, "origins").expect("a segment");
        let (ours, theirs) = (segment.join().expect("a place"), segment.join().expect("another"));
        segment.count(ours, 3, 5);
        segment.count(theirs, 3, 2);
        assert_eq!((segment.sum(Some(ours), 3), segment.sum(None, 3)), (2, 7));
        let mut child = Command::new("cat").stdin(process::Stdio::piped()).spawn().expect("starts");
        let token = token(child.id()).expect("it lives");
        segment.owners()[theirs.0].store(token, Ordering::Release);
        segment.sweep();
        assert_eq!(segment.sum(Some(ours), 3), 2, "it lives");
        child.kill().expect("killed");
        let id = Id::Pid(Pid::from_raw(child.id().cast_signed()));
        waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("it ends");
        segment.sweep();
        assert_eq!(segment.sum(Some(ours), 3), 0, "dead, though nobody has reaped it");
        child.wait().expect("reaped");
        segment.leave(ours);
        assert_eq!(segment.sum(None, 3), 0);
    }
}
