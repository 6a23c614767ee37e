//! `simulate`: which server's protocol is explored.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `simulate`
#[derive(Clone, Debug, Args)]
pub(crate) struct Simulate {
    /// Whose protocol
    #[arg(long, value_enum, default_value_t = Profile::Reference)]
    pub(crate) profile: Profile,
    /// Write drafts of scenarios into this folder, for counterexamples that can be forced on a real server (nginx)
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

/// A server whose protocol is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// changeoverd: the very code that it runs
    Reference,
    /// nginx's master, with all its quirks
    Nginx,
}

/// `conform`
#[derive(Clone, Debug, Args)]
pub(crate) struct Conform {
    /// The directory of a run that was kept
    pub(crate) directory: PathBuf,
}
