//! Why it cannot serve.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why it cannot serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another process listens there, or the address is not ours.
    #[error("listen on {address}: {source}; choose a free address with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    /// The pid file.
    #[error("write pid file {path}: {source}")]
    PidFile { path: PathBuf, source: io::Error },
    /// The log of faults.
    #[error("create fault log {path}: {source}; name a file that does not exist")]
    FaultLog { path: PathBuf, source: io::Error },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] ledger::Error),
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Os { doing: &'static str, source: io::Error },
    /// The process in the background ended before it listened, and has said why.
    #[error("the process in the background ended before it listened")]
    Daemon,
}
