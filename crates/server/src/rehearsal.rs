//! What `-t` tries beyond the syntax: everything a start does that can fail, without starting.

use std::{io, net::SocketAddr, os::fd::AsRawFd};

use conf::Configuration;
use nix::{
    errno::Errno,
    sys::{
        resource::{Resource, setrlimit},
        socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt},
    },
};

use crate::{home::Home, log::Log, pid_file, privileges};

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
    note(format!("failed to write the pid file {}", pid_file.display()), pid_file::try_write(&pid_file));
    for listen in configuration.http.listen_sockets() {
        note(format!("failed to bind {}", listen.address), try_bind(listen.address));
    }
    if let Some(files) = configuration.worker_rlimit_nofile {
        let limited = setrlimit(Resource::RLIMIT_NOFILE, files, files).map_err(io::Error::from);
        note(format!("failed to set worker_rlimit_nofile {files}"), limited);
    }
    failures
}

/// Binds without listening, so that no client gets lost in it. An address in use is most likely used by the server that
/// runs with this configuration (nginx's `ngx_open_listening_sockets` forgives it too).
fn try_bind(address: SocketAddr) -> io::Result<()> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&fd, sockopt::ReuseAddr, &true)?;
    match bind(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EADDRINUSE) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
