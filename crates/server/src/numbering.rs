//! The number of the next generation, where the workers of a master can still read it when that is gone: a master that is
//! started for their server must not take the number of a generation that there was.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::FileExt,
    },
    sync::Arc,
};

use rustix::fs::{MemfdFlags, memfd_create};

/// A number in a file without a name, which a fork shares.
#[derive(Clone, Debug)]
pub(crate) struct Numbering {
    file: Arc<File>,
}

impl Numbering {
    /// Begins with this number.
    pub(crate) fn new(next: u32) -> io::Result<Numbering> {
        let file = File::from(memfd_create("next-generation", MemfdFlags::CLOEXEC)?);
        let numbering = Numbering { file: Arc::new(file) };
        numbering.set(next)?;
        Ok(numbering)
    }

    /// From now on this is the next one.
    pub(crate) fn set(&self, next: u32) -> io::Result<()> {
        self.file.write_all_at(&next.to_ne_bytes(), 0)
    }

    /// The next one, as whoever led us knew it last.
    pub(crate) fn get(&self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    /// Its descriptor, which must stay open in a worker.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::Numbering;

    #[test]
    fn whoever_shares_it_reads_what_was_set_last() {
        let ours = Numbering::new(2).expect("a file");
        let theirs = ours.clone();
        assert_eq!(theirs.get().expect("a number"), 2);
        ours.set(3).expect("written");
        assert_eq!(theirs.get().expect("a number"), 3);
    }
}
