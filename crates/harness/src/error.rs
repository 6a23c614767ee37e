//! Why a run could not be carried out. A lost request or a step that found nothing is not here: those are facts
//! in the history.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

/// A run that could not be set up, or whose own machinery broke.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run directory or a file in it.
    #[error("{doing} {path}: {source}; check the directory's permissions and free space")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
    /// The warden did not start.
    #[error("start the warden `{program} warden`: {source}; check that the program is executable")]
    Warden { program: PathBuf, source: io::Error },
    /// The warden died.
    #[error("talk to the warden: it is gone; its log is warden.log in the run directory")]
    WardenGone,
    /// The warden hangs.
    #[error("wait {waited:?} for the warden: it does not answer; its log is warden.log in the run directory")]
    WardenSilent { waited: Duration },
    /// `execve` failed.
    #[error("start {program}: {why}; check that it is there and executable")]
    Spawn { program: String, why: String },
    /// The caller did not say where a program is.
    #[error("find the program `{program}` of {what}: no path was given for it; install it or build it first")]
    ProgramUnknown { program: String, what: String },
    /// The path that was given for a program leads nowhere, or the run directory has no room for its copy.
    #[error(
        "copy the program to be tested, {path}, to {to}: {why}; install it, correct the path or free space"
    )]
    Program { path: PathBuf, to: PathBuf, why: String },
    /// A template names a placeholder that has no value.
    #[error("render {file}: no value for `${{{placeholder}}}`; known are {known}")]
    Placeholder { file: String, placeholder: String, known: String },
    /// A template has `${` without `}`.
    #[error("render {file}: `${{` is not closed near `{near}`")]
    Unclosed { file: String, near: String },
    /// Nothing could be bound.
    #[error("find a free loopback address: the last of {tries} tries was {address}: {source}")]
    NoAddress { tries: u32, address: SocketAddr, source: io::Error },
    /// The target did not start.
    #[error("start target {target} on {address}: {why}\n{evidence}")]
    NotReady { target: String, address: SocketAddr, why: String, evidence: String },
    /// An origin did not start.
    #[error("start origin {origin} on {address}: {why}\n{evidence}")]
    OriginNotReady { origin: String, address: SocketAddr, why: String, evidence: String },
    /// A file system of a target's own could not be made, or made to fail.
    #[error("{doing} {directory}: {why}; it needs root and a kernel with mount namespaces")]
    Disk { doing: &'static str, directory: PathBuf, why: String },
    /// The proxy in front of a target did not start.
    #[error("start a proxy on {address}: {source}")]
    Proxy { address: SocketAddr, source: io::Error },
    /// A setting that this kernel does not have, or that is not a network's own.
    #[error(
        "set sysctl {name} to `{value}` in the run's network namespace: {source}; correct the name, or leave it out"
    )]
    Sysctl { name: String, value: String, source: io::Error },
    /// The kernel refused what the harness needs to observe processes.
    #[error("{doing}: {source}")]
    System { doing: &'static str, source: io::Error },
    /// Event log or ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The load engine.
    #[error(transparent)]
    Load(#[from] load::Error),
}

impl Error {
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { doing, path, source }
    }

    pub(crate) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Error {
        move |source| Error::System { doing, source: source.into() }
    }
}
