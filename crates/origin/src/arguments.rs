//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;

use crate::fault::Asked;

/// A back end with a journal and, on request, faults.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Its name: what it says in `X-Changeover-Origin`.
    #[arg(long)]
    pub(crate) name: String,

    /// Where it listens.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,

    /// Where it writes down what it executes. The file must not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// Requests the journal has room for.
    #[arg(long, default_value_t = 1 << 20)]
    pub(crate) journal_capacity: u64,

    /// Where it writes its pid. Removed when it ends in order.
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,

    /// Return when it listens, and go on in the background.
    #[arg(long)]
    pub(crate) daemon: bool,

    /// This is the process in the background; its standard output tells the one in front when it listens.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,

    /// Send back the request's id, and its own pid: for a server that is looked at directly.
    #[arg(long)]
    pub(crate) echo: bool,

    /// Do something wrong on purpose: `NAME-every=N`, to each N-th request, or `drop-queue-on-usr2`.
    #[arg(long = "fault", value_name = "FAULT", num_args = 1..)]
    pub(crate) faults: Vec<Asked>,

    /// Where it writes down what it did wrong: a line `ID NAME` each. The file must not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) fault_log: Option<PathBuf>,

    /// Say on standard output where it listens, and end when standard input ends.
    #[arg(long, conflicts_with = "daemon")]
    pub(crate) attended: bool,
}
