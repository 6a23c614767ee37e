//! The few calls that need more than a safe wrapper offers. Nothing else in this crate is unsafe.
#![expect(
    unsafe_code,
    reason = "no safe crate offers sched_setscheduler, TCP_INFO, late ports, nor epoll_pwait2 with a fallback for kernels before 5.11"
)]

use std::{
    io,
    num::NonZeroU64,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    ptr,
};

use facts::{Nanos, SocketState, event::Scheduling};
use rustix::{
    event::epoll::{self, CreateFlags, EventData, EventFlags},
    io::Errno,
};

/// Most events taken at once.
const EVENTS: usize = 256;

/// Timers of this thread fire within a microsecond instead of 50: measured to cut the pacing error by two thirds
/// on a busy machine.
pub(crate) fn make_timers_precise() {
    // Only precision is lost where a sandbox forbids it, and the lag is measured.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1_000));
}

/// The lowest real-time priority that is above the default of other real-time programs, of which 1 is usual.
const PRIORITY: libc::c_int = 10;

/// Has this thread run before every ordinary one, if we may (root, `CAP_SYS_NICE`).
pub(crate) fn run_first() -> Scheduling {
    let priority = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: 0 names the calling thread, and `priority` outlives the call.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
    if done == 0 { Scheduling::First } else { Scheduling::Ordinary }
}

/// Lets the kernel choose the port of a bound socket when it connects: until then many sockets may have the same one, and
/// a bind takes no port from the others.
pub(crate) fn choose_port_late(fd: &OwnedFd) -> Result<(), Errno> {
    let on: libc::c_int = 1;
    // SAFETY: `on` outlives the call, and its size is told.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            ptr::from_ref(&on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// What the kernel knows of a TCP connection, for the attempt `id` on it; `None` for any other socket.
pub(crate) fn socket_state(fd: impl AsFd, id: u64) -> Option<SocketState> {
    // More than any kernel's `struct tcp_info` so far; what an older one does not fill stays 0.
    let mut info = [0_u8; 512];
    let mut length = info.len() as libc::socklen_t;
    // SAFETY: `info` has `length` bytes, and both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    // Offsets in `include/uapi/linux/tcp.h`, which only grows at its end.
    let word = |at: usize| info[at..].first_chunk().map_or(0, |word| u32::from_ne_bytes(*word));
    (result == 0).then(|| SocketState {
        id,
        state: info[0],
        retransmits: info[2],
        unacked: word(24),
        total_retransmits: word(100),
        notsent_bytes: word(144),
        rtt_us: word(68),
    })
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// What happened to one descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    /// No more bytes will follow those that are already there.
    pub(crate) hung_up: bool,
}

/// An epoll instance with edges and timeouts in nanoseconds.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
    precision: Precision,
}

enum Precision {
    Nanos,
    /// The kernel has no `epoll_pwait2`.
    Millis,
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Epoll> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        Ok(Epoll { fd, events, precision: Precision::Nanos })
    }

    /// Reports edges of a connection under `token` until it is closed.
    pub(crate) fn add_connection(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.fd, fd, EventData::new_u64(token), edges)?)
    }

    /// Reports under `token` when `fd` becomes readable; unlike a connection it is always writable.
    pub(crate) fn add_bell(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let edges = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.fd, fd, EventData::new_u64(token), edges)?)
    }

    /// Waits until something happened or `timeout` is over; how many events [`Epoll::event`] then knows.
    pub(crate) fn wait(&mut self, timeout: Option<Nanos>) -> io::Result<usize> {
        let count = match self.precision {
            Precision::Nanos => self.wait_nanos(timeout),
            Precision::Millis => self.wait_millis(timeout),
        };
        if let Ok(count) = usize::try_from(count) {
            return Ok(count);
        }
        match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::EINTR) => Ok(0),
            error if error.raw_os_error() == Some(libc::ENOSYS) => {
                self.precision = Precision::Millis;
                Ok(0)
            }
            error => Err(error),
        }
    }

    pub(crate) fn event(&self, index: usize) -> Readiness {
        let libc::epoll_event { events, u64: token } = self.events[index];
        let hung_up = events & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0;
        Readiness { token, readable: hung_up || events & libc::EPOLLIN as u32 != 0, hung_up }
    }

    fn wait_nanos(&mut self, timeout: Option<Nanos>) -> libc::c_long {
        let timeout = timeout.map(|nanos| libc::timespec {
            tv_sec: (nanos / 1_000_000_000) as libc::time_t,
            tv_nsec: (nanos % 1_000_000_000) as libc::c_long,
        });
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: `events` holds EVENTS elements and outlives the call, `timeout` is null or points to a local that
        // does; no signal mask is passed.
        unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                self.events.as_mut_ptr(),
                EVENTS as libc::c_int,
                timeout,
                ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        }
    }

    fn wait_millis(&mut self, timeout: Option<Nanos>) -> libc::c_long {
        // Rounded up: rounded down, the loop would spin through the last millisecond.
        let timeout = timeout.map_or(-1, |nanos| nanos.div_ceil(1_000_000).min(i32::MAX as u64) as i32);
        let (fd, events) = (self.fd.as_raw_fd(), self.events.as_mut_ptr());
        // SAFETY: `events` holds EVENTS elements and outlives the call.
        let count = unsafe { libc::epoll_wait(fd, events, EVENTS as libc::c_int, timeout) };
        count.into()
    }
}
