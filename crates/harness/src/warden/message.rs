//! What harness and warden say to each other: one JSON object per SEQPACKET message.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use facts::{Nanos, event::Ending, plan::DiskFault};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The longest message; below the default send buffer of a socket, so one message is one `send`.
const LONGEST_BYTES: usize = 128 * 1024;

/// A process to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spawn {
    /// Program and arguments; the program by absolute path.
    pub(crate) argv: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub(crate) environment: Vec<(String, String)>,
    /// Where it starts.
    pub(crate) directory: PathBuf,
    /// File that standard output and standard error are appended to.
    pub(crate) output: PathBuf,
}

/// What the harness asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// Start this; answered by `Started` or `NotStarted`.
    Spawn(Spawn),
    /// Copy a program; answered by `Copied` or `NotCopied`. Done here because a process with threads cannot write a
    /// program that is executed soon after: any fork of another thread holds the file open for writing until its
    /// own `execve`, and ours fails with ETXTBSY.
    Copy { from: PathBuf, to: PathBuf },
    /// From now on, what is started sees a small file system of its own at this directory; answered by `Done` or
    /// `NotDone`.
    Isolate { directory: PathBuf, bytes: u64 },
    /// Let that file system fail, or no more; answered by `Done` or `NotDone`.
    Disk { directory: PathBuf, fault: DiskFault },
    /// Kill everything; answered by `Swept`.
    Sweep,
}

/// What the warden tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// The process runs.
    Started { pid: u32 },
    /// It could not be started.
    NotStarted { why: String },
    /// The copy is there.
    Copied,
    /// It is not.
    NotCopied { why: String },
    /// It was done.
    Done,
    /// It was not.
    NotDone { why: String },
    /// A child of the warden (started or adopted) ended and was reaped.
    Ended { pid: u32, ending: Ending, at: Nanos },
    /// Nothing is left; these had to be killed.
    Swept { killed: Vec<Removed> },
}

/// A process that a sweep had to kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removed {
    /// Process id.
    pub(crate) pid: u32,
    /// Its command line when it was killed.
    pub(crate) title: String,
}

/// Sends one message.
pub(crate) fn tell(socket: impl AsFd, message: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > LONGEST_BYTES {
        return Err(io::Error::other(format!(
            "a message of {} bytes is longer than {LONGEST_BYTES}",
            bytes.len()
        )));
    }
    rustix::io::retry_on_intr(|| send(&socket, &bytes, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message; `None` when the other side closed.
pub(crate) fn hear<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<M>> {
    let mut buffer = vec![0u8; LONGEST_BYTES];
    let (length, _) = rustix::io::retry_on_intr(|| recv(&socket, buffer.as_mut_slice(), RecvFlags::empty()))?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&buffer[..length])?))
}

/// Two connected sockets that keep message boundaries; neither survives an `execve` by accident.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}
