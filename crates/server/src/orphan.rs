//! Workers that lost the last master of their server, and the master that takes over from them. Each of them keeps serving
//! and listens on an abstract unix socket named by the pid file that names their masters; whoever is started for that pid
//! file finds them there, gets their listening sockets (bound already: no EADDRINUSE, no queue lost), and tells them to
//! leave once its own workers serve.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials,
    },
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::{
    listeners::{self, Listening},
    names,
    numbering::Numbering,
    segment::Segment,
    wire::{self, Frame, Hello},
};

/// An orphan answers at once, unless it is stopped or stuck.
const ANSWER_DEADLINE: Duration = Duration::from_millis(300);

/// What a worker keeps for the time when it has no master.
#[derive(Clone, Debug)]
pub(crate) struct Lineage {
    /// Where the next one finds it: see [`family`].
    pub(crate) family: String,
    /// Which number that one gets.
    pub(crate) numbering: Numbering,
    /// What it goes on with.
    pub(crate) segments: Vec<Arc<Segment>>,
}

/// What the orphans of a server left to its next master.
#[derive(Default)]
pub(crate) struct Estate {
    /// The generation after theirs, and after all that their masters started.
    pub(crate) generation: u32,
    /// What they accept on.
    pub(crate) listeners: Vec<Listening>,
    /// What they know of the peers of their upstreams.
    pub(crate) zones: Vec<OwnedFd>,
    /// Themselves: pid and pidfd.
    pub(crate) workers: Vec<(u32, OwnedFd)>,
}

/// The first part of the names on which orphans of the server with this pid file listen.
pub(crate) fn family(pid_file: &Path) -> String {
    names::family("orphan", pid_file)
}

/// Everything the orphans of this family have that are not among the `known` ones. `is_trusted` says for which user their
/// processes may run: anybody can take a name in the abstract namespace.
pub(crate) fn find(family: &str, known: &[u32], is_trusted: impl Fn(u32) -> bool) -> Estate {
    let mut estate = Estate::default();
    let is_known = |name: &String| known.iter().any(|pid| *name == format!("{family}{pid}"));
    for name in names::listening(family).into_iter().filter(|name| !is_known(name)) {
        // One that has just ended left nothing but its name.
        if let Ok(Left { generation, zones, sockets, worker }) = take_over(&name, &is_trusted) {
            if generation > estate.generation {
                (estate.generation, estate.zones) = (generation, zones);
            }
            estate.workers.push(worker);
            if estate.listeners.is_empty() {
                estate.listeners = listeners::adopt(sockets);
            }
        }
    }
    estate
}

/// What one orphan left.
struct Left {
    /// The one after its own.
    generation: u32,
    zones: Vec<OwnedFd>,
    sockets: Vec<OwnedFd>,
    /// Itself.
    worker: (u32, OwnedFd),
}

fn take_over(name: &str, is_trusted: impl Fn(u32) -> bool) -> io::Result<Left> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let channel = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(channel.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    let credentials = getsockopt(&channel, PeerCredentials)?;
    if !is_trusted(credentials.uid()) {
        return Err(io::Error::other("the process behind this name runs as a stranger"));
    }
    let pid = Pid::from_raw(credentials.pid()).ok_or_else(|| io::Error::other("a worker without a pid"))?;
    let worker = pidfd_open(pid, PidfdFlags::empty())?;
    let deadline = Instant::now() + ANSWER_DEADLINE;
    let Some(Frame::Hello(Hello { generation, zones, .. })) = receive(&channel, deadline)? else {
        return Err(io::Error::other("expected a hello from an orphan"));
    };
    let mut sockets = Vec::new();
    while let Some(Frame::Listeners { more, sockets: next }) = receive(&channel, deadline)? {
        sockets.extend(next);
        if !more {
            let worker = (credentials.pid().unsigned_abs(), worker);
            return Ok(Left { generation, zones, sockets, worker });
        }
    }
    Err(io::Error::other("expected listeners from an orphan"))
}

fn receive(channel: &OwnedFd, deadline: Instant) -> io::Result<Option<Frame>> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(channel.as_fd(), PollFlags::POLLIN)], timeout)? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => wire::receive(channel.as_fd()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_named_by_its_pid_file_and_a_stranger_is_not_believed() {
        let family = family(Path::new("/run/never/heard-of.pid"));
        assert_ne!(family, super::family(Path::new("/run/another.pid")));
        assert!(find(&family, &[], |_| true).workers.is_empty(), "nobody is orphaned");
        let listener = crate::control::open(&format!("{family}1")).expect("listens");
        assert!(take_over(&format!("{family}1"), |_| false).is_err());
        drop(listener);
    }
}
