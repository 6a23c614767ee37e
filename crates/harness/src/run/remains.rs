//! What a target leaves behind when it is gone: files and sockets that were not there before it was started.

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
};

use crate::{failpoints, installed::Installed, procfs};

/// Files and listening sockets of a target at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Remains {
    /// Paths below its directory, unix sockets apart from the rest.
    files: BTreeSet<PathBuf>,
    unix_sockets: BTreeSet<PathBuf>,
    /// Port and inode of what listens on its address, whatever the port.
    listeners: BTreeSet<(u16, u64)>,
}

impl Remains {
    /// What is there now.
    pub(super) fn of(target: &Installed) -> Remains {
        let mut found = Remains::default();
        found.collect(&target.directory, &target.directory);
        if let IpAddr::V4(ip) = target.address.ip() {
            found.listeners.extend(procfs::listeners(ip));
        }
        found
    }

    /// One sentence for everything that was not there before and is not meant to stay.
    pub(super) fn since(&self, before: &Remains, target: &Installed) -> Vec<String> {
        let name = &target.target.name;
        let unexpected = |file: &&PathBuf| !is_configured(&target.directory.join(file), target);
        let sockets = self.unix_sockets.difference(&before.unix_sockets).filter(unexpected);
        let sockets =
            sockets.map(|file| format!("{name}: the unix socket {} is left behind", file.display()));
        let files = self.files.difference(&before.files).filter(|file| !is_kept(file) && unexpected(file));
        let files = files.map(|file| format!("{name}: the file {} is left behind", file.display()));
        // The port it was started on is looked at by binding to it.
        let others = self.listeners.difference(&before.listeners).filter(|l| l.0 != target.address.port());
        let ip = target.address.ip();
        let listeners = others.map(|(port, _)| format!("{name}: somebody still listens on {ip}:{port}"));
        sockets.chain(files).chain(listeners).collect()
    }

    fn collect(&mut self, top: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let relative = path.strip_prefix(top).unwrap_or(&path).to_owned();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && is_kept_folder(&relative) => {}
                Ok(kind) if kind.is_dir() => self.collect(top, &path),
                Ok(kind) if kind.is_socket() => _ = self.unix_sockets.insert(relative),
                _ => _ = self.files.insert(relative),
            }
        }
    }
}

/// Programs of the run, and what nginx keeps bodies in.
fn is_kept_folder(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name == "bin" || name.ends_with("_temp")
}

/// Written by the harness itself or for a reader: the history of the run, logs.
fn is_kept(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_history = ["ledger-", "callers-", "sockets-", "journal-", "turns-", "origin-", failpoints::PREFIX]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["plan.json", ledger::EVENT_LOG_NAME, ledger::HLOG_NAME, "never.fifo"].contains(&name.as_ref());
    is_history || [".log", ".out", ".version", ".exec"].iter().any(|suffix| name.ends_with(suffix))
}

/// Named by the target's own folder: its log stays, its pid files are told of elsewhere, and some servers never clean up.
fn is_configured(path: &Path, target: &Installed) -> bool {
    let named = [&target.log, &target.pid_file, &target.oldbin].contains(&&path.to_owned());
    named || is_said_to_remain(path, &target.target.remains)
}

/// A file of that name, or one in a folder of that name.
fn is_said_to_remain(path: &Path, remains: &[String]) -> bool {
    path.components().any(|part| remains.iter().any(|name| part.as_os_str() == name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_says_remains_is_no_leak() {
        let remains = ["stats.sock".to_owned(), "__pycache__".to_owned()];
        assert!(is_said_to_remain(Path::new("/run/1/stats.sock"), &remains));
        assert!(is_said_to_remain(Path::new("/run/1/__pycache__/app.pyc"), &remains));
        assert!(!is_said_to_remain(Path::new("/run/1/other.sock"), &remains));
    }

    #[test]
    fn the_history_and_the_logs_of_a_run_stay() {
        for name in [
            "ledger-0.bin",
            "sockets-0.ndjson",
            "journal-a.bin",
            "turns-a.7.ndjson",
            "events.ndjson",
            "latency.hlog",
            "web.out",
            "web.exec",
            "error.log",
            "warden.log",
        ] {
            assert!(is_kept(Path::new(name)), "{name}");
        }
        for name in ["server.pid.tmp", "core", "adopt.sock", "state/lock"] {
            assert!(!is_kept(Path::new(name)), "{name}");
        }
        assert!(is_kept_folder(Path::new("client_body_temp")) && !is_kept_folder(Path::new("state")));
    }
}
