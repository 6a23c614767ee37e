//! The path of a unix domain socket. The socket itself goes from generation to generation as a descriptor; its path is
//! made once, by whoever binds it, and removed once, by the last who leaves.

use std::{
    fs::{self, Permissions},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, connect, socket},
};

/// As nginx: who may reach the directory may connect.
const MODE: u32 = 0o666;

/// A path, and which file stood there when the socket was bound or came to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SocketPath {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketPath {
    /// What stands there now.
    pub(crate) fn of(path: &Path) -> io::Result<SocketPath> {
        let found = fs::symlink_metadata(path)?;
        Ok(SocketPath { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Binds a socket. A path that nobody listens on, left by a server that was killed, is no hindrance.
    pub(crate) fn bind(socket: &OwnedFd, path: &Path) -> io::Result<SocketPath> {
        let address = UnixAddr::new(path)?;
        match bind(socket.as_raw_fd(), &address) {
            Err(Errno::EADDRINUSE) if is_stale(path)? => {
                fs::remove_file(path)?;
                bind(socket.as_raw_fd(), &address)?;
            }
            bound => bound?,
        }
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        SocketPath::of(path)
    }

    /// Removes it, if it is still the same file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match SocketPath::of(&self.path) {
            Ok(found) if found == *self => fs::remove_file(&self.path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether a socket stands there that no process holds any more: only then is a connection refused. A full queue is no
/// refusal.
pub(crate) fn is_stale(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    Ok(connect(probe.as_raw_fd(), &UnixAddr::new(path)?) == Err(Errno::ECONNREFUSED))
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{Backlog, listen};

    use super::*;

    fn unbound() -> OwnedFd {
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket")
    }

    #[test]
    fn a_stale_path_is_taken_and_a_living_one_is_not() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("s");
        let first = unbound();
        SocketPath::bind(&first, &path).expect("binds");
        listen(&first, Backlog::MAXCONN).expect("listens");
        let busy = SocketPath::bind(&unbound(), &path).expect_err("somebody listens");
        assert_eq!(busy.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        SocketPath::bind(&unbound(), &path).expect("nobody listens any more");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("s");
        fs::write(&path, "precious").expect("writes");
        assert_eq!(SocketPath::bind(&unbound(), &path).expect_err("busy").kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).expect("reads"), "precious");
    }

    #[test]
    fn only_the_same_file_is_removed() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("s");
        let old = SocketPath::bind(&unbound(), &path).expect("binds");
        // Beside the first, so that it cannot get the same number.
        let other = home.path().join("other");
        SocketPath::bind(&unbound(), &other).expect("binds");
        fs::rename(&other, &path).expect("renames");
        old.remove().expect("nothing to do");
        assert!(path.exists(), "somebody else's");
        SocketPath::of(&path).expect("there").remove().expect("removes");
        assert!(!path.exists());
        old.remove().expect("gone is gone");
    }
}
