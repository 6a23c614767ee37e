//! Names by which processes of one server find each other without a parent in common: abstract unix sockets, named by what
//! they are for and by the pid file that names the masters.

use std::{
    fs,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt::PeerCredentials,
    },
    unistd::geteuid,
};

use crate::control;

/// Between two looks at a name that is given back, or about to be listened on, this moment: nothing tells of either.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Whose a name is that only one process can have.
pub(crate) enum Claim {
    /// Ours, until this is dropped.
    Ours(OwnedFd),
    /// That of this process of our user or root, and a line to it, which hangs up when it gives the name back.
    Theirs(u32, OwnedFd),
    /// That of somebody else, who is to keep nobody from anything.
    Strangers,
}

/// Takes a name, if nobody has it. The kernel takes it back from who ends, however he does.
pub(crate) fn claim(name: &str) -> Result<Claim, Errno> {
    loop {
        match control::open(name) {
            Ok(right) => return Ok(Claim::Ours(right)),
            Err(Errno::EADDRINUSE) => {}
            Err(errno) => return Err(errno),
        }
        match call(name) {
            Err(Errno::ECONNREFUSED | Errno::EAGAIN) => thread::sleep(LOOK_PAUSE),
            other => return other,
        }
    }
}

/// Calls whoever listens there.
pub(crate) fn call(name: &str) -> Result<Claim, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    let who = getsockopt(&socket, PeerCredentials)?;
    let is_trusted = who.uid() == 0 || who.uid() == geteuid().as_raw();
    Ok(if is_trusted { Claim::Theirs(who.pid().unsigned_abs(), socket) } else { Claim::Strangers })
}

/// The first part of all names for this purpose in the server with this pid file.
pub(crate) fn family(purpose: &str, pid_file: &Path) -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let server = fnv1a(pid_file.as_os_str().as_encoded_bytes());
    format!("changeoverd-{purpose}/{}/{server:016x}/", namespace.display())
}

/// The name of one process for this purpose.
pub(crate) fn of_process(purpose: &str, pid: u32) -> String {
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("changeoverd-{purpose}/{}/{pid}", namespace.display())
}

/// The names of a family that are listened on now (`unix_seq_show`: an abstract name is shown with an `@` in front, flags of
/// a listening socket have `__SO_ACCEPTCON`).
pub(crate) fn listening(family: &str) -> Vec<String> {
    const LISTENS: &str = "00010000";
    let table = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let name = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = words.get(7)?.strip_prefix('@')?;
        (words[3] == LISTENS && name.starts_with(family)).then(|| name.to_owned())
    };
    table.lines().filter_map(name).collect()
}

/// FNV-1a: the same in every version of the program, as those of the old one meet those of the new one.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listed_while_somebody_listens_on_it() {
        let family = family("test", Path::new("/run/never/heard-of.pid"));
        assert_ne!(family, super::family("test", Path::new("/run/another.pid")));
        let listener = crate::control::open(&format!("{family}1")).expect("listens");
        assert_eq!(listening(&family), [format!("{family}1")]);
        drop(listener);
        assert!(listening(&family).is_empty());
    }
}
