//! What `-t` tries beyond the syntax: everything a start does that can fail, without starting.

use std::{io, os::fd::AsRawFd};

use conf::{Address, Configuration};
use nix::{
    errno::Errno,
    sys::{
        resource::{Resource, setrlimit},
        socket::{SockaddrStorage, bind},
    },
};

use crate::{access_log::AccessLogs, home::Home, listeners, log::Log, pid_file, privileges};

/// Why a server with this configuration would not start, one line each; empty if nothing speaks against it. Log files that
/// are not there are created, as by nginx.
pub(crate) fn rehearse(home: &Home, configuration: &Configuration) -> Vec<String> {
    let pid_file = home.pid_file(configuration);
    let mut failures: Vec<String> = Vec::new();
    let mut note = |what: String, tried: io::Result<()>| {
        failures.extend(tried.err().map(|error| format!("{what}: {error}")));
    };
    note("workers cannot change their user".into(), privileges::check(configuration));
    note("failed to open the logs".into(), Log::open(&home.error_logs(configuration)).map(drop));
    note("failed to open the access logs".into(), AccessLogs::open(&home.prefix, configuration).map(drop));
    note(format!("failed to write the pid file {}", pid_file.display()), pid_file::try_write(&pid_file));
    for listen in configuration.http.listen_sockets() {
        note(format!("failed to bind {}", listen.address), try_bind(&listen.address));
    }
    if let Some(files) = configuration.worker_rlimit_nofile {
        let limited = setrlimit(Resource::RLIMIT_NOFILE, files, files).map_err(io::Error::from);
        note(format!("failed to set worker_rlimit_nofile {files}"), limited);
    }
    failures
}

/// Binds without listening, so that no client gets lost in it. An address in use is most likely used by the server that
/// runs with this configuration (nginx's `ngx_open_listening_sockets` forgives it too).
fn try_bind(address: &Address) -> io::Result<()> {
    let Address::Inet(inet) = address else { return try_directory(address) };
    let fd = listeners::open_socket(address)?;
    match bind(fd.as_raw_fd(), &SockaddrStorage::from(*inet)) {
        Ok(()) | Err(Errno::EADDRINUSE) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// A path would stay behind, so none is made: only where it would stand is looked at.
fn try_directory(address: &Address) -> io::Result<()> {
    match address {
        Address::Unix(path) => path.parent().map_or(Ok(()), |directory| directory.metadata().map(drop)),
        Address::Inet(_) => Ok(()),
    }
}
