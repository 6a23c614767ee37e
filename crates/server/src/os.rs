//! The calls of a master that no safe wrapper offers: fork, execve of the new program, the process title, memory that processes
//! share. Everything here runs in a process with one thread; the worker starts its runtime only after `fork` returned in it.
#![expect(
    unsafe_code,
    reason = "fork, a raw exec environment, the argument area and shared memory have no safe wrapper"
)]

use std::{
    ffi::{CString, OsStr},
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    slice,
    sync::atomic::AtomicU64,
};

use memmap2::{MmapOptions, MmapRaw};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    unistd::{ForkResult, Pid, execve, fork},
};

/// What a fork gives to each side.
pub(crate) enum Forked {
    /// In the parent: the child.
    Parent(Pid),
    /// In the child.
    Child,
}

/// Forks a process that has one thread.
pub(crate) fn fork_single_threaded() -> io::Result<Forked> {
    // SAFETY: masters never start a thread (no runtime, no thread pool), so the child's memory is consistent and it may
    // call anything, not only async-signal-safe functions.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Replaces this process by `program`; returns only on failure. `kept` stay open across it.
pub(crate) fn execute(
    program: &OsStr,
    arguments: &[CString],
    environment: &[CString],
    kept: &[BorrowedFd],
) -> io::Error {
    for fd in kept {
        if let Err(errno) = fcntl(*fd, FcntlArg::F_SETFD(FdFlag::empty())) {
            return errno.into();
        }
    }
    match CString::new(program.as_bytes()) {
        Ok(program) => match execve(&program, arguments, environment) {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        },
        Err(error) => error.into(),
    }
}

/// The environment of this process, with these variables in the place of those of the same names.
pub(crate) fn environment(ours: &[(&str, String)]) -> Vec<CString> {
    let inherited = std::env::vars_os().filter(|(name, _)| ours.iter().all(|(variable, _)| name != variable));
    inherited
        .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
        .chain(ours.iter().map(|(name, value)| format!("{name}={value}").into_bytes()))
        .filter_map(|entry| CString::new(entry).ok())
        .collect()
}

/// Takes ownership of a descriptor whose number came by the environment. `None` if nothing is open there.
pub(crate) fn inherit(raw: RawFd) -> Option<OwnedFd> {
    // SAFETY: borrowed only for the duration of this fcntl, which fails harmlessly on a closed number.
    let probe = unsafe { BorrowedFd::borrow_raw(raw) };
    if raw < 3 || fcntl(probe, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).is_err() {
        return None;
    }
    // SAFETY: it is open, above stdio, and was named to us by whoever executed us; this is called once per number before
    // anything else is opened, so nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Closes everything above stdio but `kept`: a worker must not hold its master's channels, pidfds or listeners.
pub(crate) fn close_all_but(kept: &[RawFd]) {
    let mut kept: Vec<u32> =
        kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept.into_iter().chain([u32::MAX]) {
        if fd > first {
            // SAFETY: called right after fork in a child that never returns to the code owning these descriptors (it ends in
            // `exit`), so no destructor runs on a closed number.
            unsafe { libc::close_range(first, if fd == u32::MAX { fd } else { fd - 1 }, 0) };
        }
        first = fd.saturating_add(1);
    }
}

/// Moves the environment off the stack, so that a title may be longer than the command line was (as nginx's
/// `ngx_init_setproctitle`). Must be called once, first of all.
pub(crate) fn make_room_for_title() {
    for (name, value) in std::env::vars_os().collect::<Vec<_>>() {
        // SAFETY: this process has one thread, and nothing holds a pointer into the old environment.
        unsafe { std::env::set_var(name, value) };
    }
}

/// Shows `title` in place of the command line. Harmless if it cannot. The kernel reads on into the old environment when the
/// last byte of the argument area is not zero (`get_mm_cmdline`).
pub(crate) fn set_title(title: &str) {
    let Some((start, end)) = title_area() else { return };
    let room = end - start;
    let length = title.len().min(room.saturating_sub(1));
    // SAFETY: `start..end` is the argument area and the environment right behind it, as the kernel reports them for this
    // process: mapped, writable, and read by nobody any more, because the arguments were copied at the start of `main` and
    // the environment was moved by `make_room_for_title`. We write only inside it.
    unsafe {
        let area = start as *mut u8;
        area.write_bytes(0, room);
        area.copy_from_nonoverlapping(title.as_ptr(), length);
    }
}

/// Fields 48 to 51 of `/proc/self/stat` (proc_pid_stat(5): `arg_start`, `arg_end`, `env_start`, `env_end`).
fn title_area() -> Option<(usize, usize)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<usize>().ok());
    let (start, end) = (field(48)?, field(49)?);
    let contiguous =
        field(50).zip(field(51)).filter(|(env_start, _)| *env_start == end).map(|(_, env_end)| env_end);
    (start > 0 && end > start).then(|| (start, contiguous.unwrap_or(end)))
}

/// The number of a descriptor, for the environment of a successor.
pub(crate) fn number(fd: BorrowedFd) -> String {
    fd.as_raw_fd().to_string()
}

/// Numbers in a file without a name that processes map at once.
#[derive(Debug)]
pub(crate) struct SharedWords {
    map: MmapRaw,
    words: usize,
}

impl SharedWords {
    /// Maps so many numbers of a file that cannot shrink (`F_SEAL_SHRINK`) and has them.
    pub(crate) fn map(file: &File, words: usize) -> io::Result<SharedWords> {
        let map = MmapOptions::new().len(words * size_of::<AtomicU64>()).map_raw(file)?;
        Ok(SharedWords { map, words })
    }

    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is `words` numbers long, page-aligned, readable and writable, and lives as long as `self`. The file
        // is sealed against shrinking, so every page is there. Whoever else maps it only uses atomics on it, as we do; any bits
        // are a number.
        unsafe { slice::from_raw_parts(self.map.as_ptr().cast::<AtomicU64>(), self.words) }
    }
}
