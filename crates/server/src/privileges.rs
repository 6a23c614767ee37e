//! Workers of a root master run as somebody else.

use std::{ffi::CString, fs::metadata, io, path::PathBuf};

use conf::Configuration;
use nix::unistd::{Gid, Group, User, chown, geteuid, initgroups, setgid, setuid};

/// nginx's default `user`.
const DEFAULT_USER: &str = "nobody";

/// Gives up root for good, for `user` or nobody. Does nothing in a process that is not root.
pub(crate) fn drop(configuration: &Configuration) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = worker_identity(configuration)?;
    setgid(group)?;
    initgroups(&CString::new(user.name)?, group)?;
    setuid(user.uid)?;
    Ok(())
}

/// Whether `drop` would find whom it needs.
pub(crate) fn check(configuration: &Configuration) -> io::Result<()> {
    if geteuid().is_root() { worker_identity(configuration).map(|_| ()) } else { Ok(()) }
}

/// Whether a process of this user can be a worker of a server with this configuration.
pub(crate) fn is_worker(configuration: &Configuration, user: u32) -> bool {
    let workers = || worker_identity(configuration).is_ok_and(|(worker, _)| worker.uid.as_raw() == user);
    user == geteuid().as_raw() || (geteuid().is_root() && workers())
}

/// Lets the workers reopen the logs that a root master created (as nginx's `ngx_reopen_files`).
pub(crate) fn hand_over_logs(configuration: &Configuration, logs: &[PathBuf]) -> io::Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, _) = worker_identity(configuration)?;
    for path in logs {
        if metadata(path).is_ok_and(|found| found.is_file()) {
            chown(path, Some(user.uid), None)?;
        }
    }
    Ok(())
}

fn worker_identity(configuration: &Configuration) -> io::Result<(User, Gid)> {
    let name = configuration.user.as_ref().map_or(DEFAULT_USER, |user| user.name.as_str());
    let user = User::from_name(name)?.ok_or_else(|| {
        io::Error::other(format!("there is no user \"{name}\"; name one with the directive `user`"))
    })?;
    let group =
        match configuration.user.as_ref().map(|user| user.group.as_str()).filter(|group| *group != name) {
            Some(group) => {
                Group::from_name(group)?
                    .ok_or_else(|| io::Error::other(format!("there is no group \"{group}\"")))?
                    .gid
            }
            None => user.gid,
        };
    Ok((user, group))
}
