//! Small file systems in a mount namespace of the warden's own: what it starts sees them, nobody else does, and
//! when the last of these processes is gone they are gone, too. Nothing has to be unmounted.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use facts::plan::DiskFault;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// What fills a file system.
const FILLER: &str = ".filler";

/// Whether there is a namespace yet.
#[derive(Debug, Default)]
pub(super) enum Disks {
    /// What is mounted would be seen by everybody.
    #[default]
    Shared,
    Private,
}

impl Disks {
    /// Mounts one over a directory.
    pub(super) fn mount(&mut self, directory: &Path, bytes: u64) -> io::Result<()> {
        if matches!(self, Disks::Shared) {
            unshare(CloneFlags::CLONE_NEWNS)?;
            // Otherwise what is mounted here spreads to where the namespace came from.
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
            *self = Disks::Private;
        }
        let options = format!("size={bytes},mode=0777");
        Ok(mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))?)
    }
}

/// Lets the file system at this directory fail in this way only.
pub(super) fn fail(directory: &Path, fault: DiskFault) -> io::Result<()> {
    remount(directory, MsFlags::empty())?;
    empty(directory)?;
    match fault {
        DiskFault::None => Ok(()),
        DiskFault::Full => fill(&filler(directory)),
        DiskFault::Readonly => remount(directory, MsFlags::MS_RDONLY),
    }
}

fn remount(directory: &Path, flags: MsFlags) -> io::Result<()> {
    Ok(mount(None::<&str>, directory, None::<&str>, MsFlags::MS_REMOUNT | flags, None::<&str>)?)
}

fn empty(directory: &Path) -> io::Result<()> {
    match fs::remove_file(filler(directory)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn fill(filler: &Path) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(filler)?;
    loop {
        match file.write_all(&[0; 512]) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn filler(directory: &Path) -> PathBuf {
    directory.join(FILLER)
}
