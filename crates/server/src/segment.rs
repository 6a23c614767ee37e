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
pub(crate) const LAYOUT: u64 = 2;

/// "zone" and the file format of nobody else.
const MAGIC: u64 = 0x6368_616e_7a6f_6e65;

/// More places than a stamp can tell apart are not there.
pub(crate) const PLACES_MAX: usize = 1 << 15;

/// Longest list and most counters of anybody: what is larger was not written by us.
const LONGEST: usize = 1 << 20;

/// Bytes of the name, which every layout has in the same place.
const NAME_BYTES: usize = 512;

const AT_NAME: usize = 4;
const AT_CURRENT: usize = AT_NAME + NAME_BYTES / 8;
/// Three numbers: see [`Room`].
const AT_ROOM: usize = AT_CURRENT + 1;
const AT_OWNERS: usize = AT_CURRENT + 4;

/// How much there is room for. Pages are only taken once they are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Processes at a time.
    pub(crate) places: usize,
    /// Counters of each process.
    pub(crate) counters: usize,
    /// Numbers of the longest list.
    pub(crate) list: usize,
}

impl Room {
    fn at_counters(self) -> usize {
        AT_OWNERS + self.places
    }

    fn at_lists(self) -> usize {
        self.at_counters() + self.places * self.counters
    }

    /// A list and its length.
    fn list_words(self) -> usize {
        self.list + 1
    }

    fn words(self) -> usize {
        self.at_lists() + self.places * 2 * self.list_words()
    }

    fn is_sane(self) -> bool {
        (1..=PLACES_MAX).contains(&self.places) && self.counters.max(self.list) <= LONGEST
    }
}

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
    pub(crate) room: Room,
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
        (self.0 >> 1) as usize & (PLACES_MAX - 1)
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
    pub(crate) fn new(kind: Kind, name: &str, room: Room) -> io::Result<Segment> {
        let file = File::from(memfd_create("zone", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        ftruncate(&file, (room.words() * 8) as u64)?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
        let memory = SharedWords::map(&file, room.words())?;
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
        for (word, count) in words[AT_ROOM..].iter().zip([room.places, room.counters, room.list]) {
            word.store(count as u64, Ordering::Relaxed);
        }
        words[0].store(MAGIC, Ordering::Release);
        Ok(Segment { file, memory, room, kind, name })
    }

    /// The segment of another generation.
    pub(crate) fn adopt(fd: OwnedFd) -> Result<Segment, Unusable> {
        let file = File::from(fd);
        let seals = rustix::fs::fcntl_get_seals(&file).map_err(io::Error::from)?;
        let bytes = file.metadata()?.len();
        if !seals.contains(SealFlags::SHRINK) || bytes < (AT_OWNERS * 8) as u64 {
            return Err(Unusable::Strange(format!("{bytes} bytes, seals {seals:?}")));
        }
        let head = SharedWords::map(&file, AT_OWNERS)?;
        let [magic, layout, kind, length] = [0, 1, 2, 3].map(|at| head.words()[at].load(Ordering::Acquire));
        if magic != MAGIC {
            return Err(Unusable::Strange(format!("it begins with {magic:x}")));
        }
        let name = name(&head, length);
        if layout != LAYOUT {
            return Err(Unusable::Layout { name, found: layout });
        }
        let room = room(&head);
        if !room.is_sane() || bytes != (room.words() * 8) as u64 {
            return Err(Unusable::Strange(format!("{bytes} bytes for {room:?}")));
        }
        let kind = match kind {
            1 => Kind::Orders,
            2 => Kind::Standings,
            _ => return Err(Unusable::Strange(format!("it is of kind {kind}"))),
        };
        Ok(Segment { memory: SharedWords::map(&file, room.words())?, file, room, kind, name })
    }

    /// Its descriptor, for other generations.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// A place of our own: the one that was kept for us, or any. `None` if there are too many processes.
    pub(crate) fn join(&self) -> Option<Place> {
        self.join_for(process::id())
    }

    /// A place for a process, which it may have already. `None` if there are too many processes, or if it has ended.
    pub(crate) fn join_for(&self, pid: u32) -> Option<Place> {
        let own = token(pid)?;
        if let Some(place) = self.owners().iter().position(|owner| owner.load(Ordering::Acquire) == own) {
            return Some(Place(place));
        }
        // Everybody who has a place is looked for in /proc only if that is needed.
        let place = self.take(own).or_else(|| {
            self.sweep();
            self.take(own)
        })?;
        self.counters(place).iter().for_each(|counter| counter.store(0, Ordering::Release));
        Some(Place(place))
    }

    fn take(&self, own: u64) -> Option<usize> {
        let is_taken =
            |owner: &AtomicU64| owner.compare_exchange(0, own, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        self.owners().iter().position(is_taken)
    }

    /// Places that nobody has.
    pub(crate) fn vacancies(&self) -> usize {
        self.sweep();
        self.owners().iter().filter(|owner| owner.load(Ordering::Acquire) == 0).count()
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
            // It is taken first, so that nobody else joins there before it is empty; should we die, it is swept again.
            let is_ours =
                |own| owner.compare_exchange(known, own, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if known != 0 && !lives(known) && token(process::id()).is_some_and(is_ours) {
                self.leave(Place(place));
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
        if self.stamp() != stamp || list.len() > self.room.list {
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
        &self.memory.words()[AT_OWNERS..self.room.at_counters()]
    }

    fn counters(&self, place: usize) -> &[AtomicU64] {
        let Room { counters, .. } = self.room;
        &self.memory.words()[self.room.at_counters() + place * counters..][..counters]
    }

    fn list(&self, place: usize, side: usize) -> &[AtomicU64] {
        let words = self.room.list_words();
        // A stamp that nobody of us wrote names no place outside.
        let place = place.min(self.room.places - 1);
        &self.memory.words()[self.room.at_lists() + (place * 2 + side) * words..][..words]
    }
}

fn room(head: &SharedWords) -> Room {
    let [places, counters, list] = [0, 1, 2]
        .map(|at| usize::try_from(head.words()[AT_ROOM + at].load(Ordering::Acquire)).unwrap_or(usize::MAX));
    Room { places, counters, list }
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

/// Whether a process is there, and is more than an exit code.
pub(crate) fn is_alive(pid: u32) -> bool {
    token(pid).is_some()
}

fn lives(known: u64) -> bool {
    token((known >> 32) as u32) == Some(known)
}

#[cfg(test)]
mod tests;
