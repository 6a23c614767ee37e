//! A preallocated file of fixed records, mapped shared and written as atomic words: no syscall and no allocation
//! when a record is written, several threads (and forked processes) may write at once, and what was stored
//! survives a SIGKILL because it is in the page cache.

use std::{
    fs::{File, OpenOptions},
    io,
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bytemuck::{AnyBitPattern, NoUninit, Zeroable};
use memmap2::{MmapRaw, UncheckedAdvice};
use rustix::fs::{FallocateFlags, fallocate};

use crate::{
    Error, Full,
    header::{CLAIMED_WORD, HEADER_BYTES, Header, Kind, SEALED, SEALED_WORD, VERSION},
};

const WORD_BYTES: usize = 8;
/// So much of a file is let go of at a time. A megabyte takes some 20 µs; nobody notices that in a request.
const STRETCH_BYTES: usize = 1 << 20;

/// A place in the file that belongs to whoever claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u64);

impl Slot {
    /// In no file.
    pub(crate) const NOWHERE: Slot = Slot(u64::MAX);
}

/// The mapping. `T` begins with a `u64` id that is never 0 in a used record, and is a multiple of 8 bytes long.
#[derive(Debug)]
pub(crate) struct Table<T> {
    map: MmapRaw,
    file: File,
    path: PathBuf,
    capacity: u64,
    record: PhantomData<T>,
}

impl<T: NoUninit + AnyBitPattern> Table<T> {
    const RECORD_BYTES: usize = {
        assert!(size_of::<T>().is_multiple_of(WORD_BYTES));
        size_of::<T>()
    };

    pub(crate) fn create(path: &Path, kind: Kind, capacity: u64) -> Result<Table<T>, Error> {
        let bytes = HEADER_BYTES as u64 + capacity * Self::RECORD_BYTES as u64;
        let (file, map) =
            reserve(path, bytes).map_err(|source| Error::Create { path: path.to_owned(), bytes, source })?;
        let table = Table { map, file, path: path.to_owned(), capacity, record: PhantomData };
        let header = Header {
            magic: kind.magic(),
            version: VERSION,
            record_bytes: Self::RECORD_BYTES as u32,
            capacity,
            ..Header::zeroed()
        };
        table.store_words(0, bytemuck::cast_ref::<Header, [u64; HEADER_BYTES / WORD_BYTES]>(&header));
        Ok(table)
    }

    /// A slot that nobody else has. The count of claims lives in the file, so a reader knows where to stop and
    /// how many were turned away.
    pub(crate) fn claim(&self) -> Result<Slot, Full> {
        let slot = self.word(CLAIMED_WORD).fetch_add(1, Ordering::Relaxed);
        if slot < self.capacity { Ok(Slot(slot)) } else { Err(Full { capacity: self.capacity }) }
    }

    /// Slots asked for so far, those turned away included.
    pub(crate) fn claimed(&self) -> u64 {
        self.word(CLAIMED_WORD).load(Ordering::Relaxed)
    }

    /// As [`Table::claim`], for a table with one writer: without a locked instruction, and so that the memory of this
    /// process does not grow with the file. What was written long ago stays in the page cache.
    pub(crate) fn claim_alone(&self) -> Result<Slot, Full> {
        let claimed = self.word(CLAIMED_WORD);
        let slot = claimed.load(Ordering::Relaxed);
        claimed.store(slot + 1, Ordering::Relaxed);
        let at = HEADER_BYTES + slot as usize * Self::RECORD_BYTES;
        if at % STRETCH_BYTES < Self::RECORD_BYTES && slot < self.capacity {
            self.let_go_before(at / STRETCH_BYTES);
        }
        if slot < self.capacity { Ok(Slot(slot)) } else { Err(Full { capacity: self.capacity }) }
    }

    /// Unmaps the stretch before the one that was filled last: nearly every attempt in it is over. Touched again, it is
    /// mapped again.
    #[expect(unsafe_code, reason = "for private mappings this would throw data away")]
    fn let_go_before(&self, stretch: usize) {
        let Some(long_ago) = stretch.checked_sub(2) else { return };
        let (advice, begin) = (UncheckedAdvice::DontNeed, long_ago * STRETCH_BYTES);
        // SAFETY: the mapping is shared and of a file (`reserve`), so that MADV_DONTNEED drops page table entries and
        // no data (madvise(2)); the range lies before a slot inside the mapping.
        let done = unsafe { self.map.unchecked_advise_range(advice, begin, STRETCH_BYTES) };
        // The kernel may keep what it likes to keep.
        drop(done);
    }

    pub(crate) fn store(&self, slot: Slot, record: &T) {
        let mut words = [0_u64; 8];
        let words = &mut words[..Self::RECORD_BYTES / WORD_BYTES];
        bytemuck::cast_slice_mut::<u64, u8>(words).copy_from_slice(bytemuck::bytes_of(record));
        let first = self.first_word(slot);
        // The last word says how it ended, so it comes after what it speaks of; and the id comes after all, so that a record
        // that a SIGKILL cut in half at its birth still reads as an empty slot.
        if let [_, middle @ .., last] = &*words {
            self.store_words(first + 1, middle);
            self.word(first + 1 + middle.len()).store(*last, Ordering::Release);
        }
        self.word(first).store(words[0], Ordering::Release);
    }

    pub(crate) fn store_word(&self, slot: Slot, word: usize, value: u64) {
        debug_assert!(word < Self::RECORD_BYTES / WORD_BYTES);
        self.word(self.first_word(slot) + word).store(value, Ordering::Release);
    }

    /// Marks the file as complete and gives back the space that was not needed.
    pub(crate) fn seal(self) -> Result<(), Error> {
        let used = self.claimed().min(self.capacity);
        self.word(SEALED_WORD).store(SEALED, Ordering::Release);
        let Table { map, file, path, .. } = self;
        // Unmapped first: nobody may touch a page beyond the end of its file.
        drop(map);
        let bytes = HEADER_BYTES as u64 + used * Self::RECORD_BYTES as u64;
        file.set_len(bytes).map_err(|source| Error::Write { path, source })
    }

    fn first_word(&self, slot: Slot) -> usize {
        debug_assert!(slot.0 < self.capacity);
        (HEADER_BYTES + slot.0 as usize * Self::RECORD_BYTES) / WORD_BYTES
    }

    fn store_words(&self, first: usize, words: &[u64]) {
        for (index, word) in words.iter().enumerate() {
            self.word(first + index).store(*word, Ordering::Relaxed);
        }
    }

    #[expect(unsafe_code, reason = "a shared mapping can only be reached through pointers")]
    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index * WORD_BYTES < self.map.len(), "a slot is always inside its file");
        // SAFETY: inside the mapping (just asserted; its length is a multiple of 8), aligned (mappings begin on a
        // page), alive as long as `self`, and every access in this process goes through atomics.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast::<u64>().add(index)) }
    }
}

fn reserve(path: &Path, bytes: u64) -> io::Result<(File, MmapRaw)> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    // Without the space reserved a full disk would be a SIGBUS in the middle of a run.
    let reserved = fallocate(&file, FallocateFlags::empty(), 0, bytes);
    reserved.map_err(io::Error::from).and_then(|()| MmapRaw::map_raw(&file)).map_or_else(
        |error| {
            // The error that matters is the first one.
            let _ = std::fs::remove_file(path);
            Err(error)
        },
        |map| Ok((file, map)),
    )
}
