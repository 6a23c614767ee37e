//! What is done with runs: where they are kept, `replay`, `compare`, `bench`.

use std::path::PathBuf;

use clap::Args;

use super::Shelf;

/// Where runs are written.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Folder for run directories; keep it short [default: changeover-UID in the temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// Keep the directories of runs that passed, too
    #[arg(long)]
    pub(crate) keep: bool,
}

/// `replay`
#[derive(Clone, Debug, Args)]
pub(crate) struct Replay {
    /// The directory of a kept run
    pub(crate) directory: PathBuf,
    /// Judge by what this scenario expects: an edited copy of the one that was run
    #[arg(long, value_name = "FILE")]
    pub(crate) expect: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shelf: Shelf,
}

/// `compare`
#[derive(Clone, Debug, Args)]
pub(crate) struct Compare {
    /// The directory of a kept run, or a folder of several (`verify --keep --repeat 5 --jobs 1 --runs A`)
    pub(crate) a: PathBuf,
    /// The same, to be compared with the first
    pub(crate) b: PathBuf,
}

/// `bench`
#[derive(Clone, Debug, Args)]
pub(crate) struct Bench {
    /// Upgrades of each target
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) upgrades: u32,
    /// The scenario to measure; one case per target
    #[arg(long, default_value = "upgrade/usr2-winch-quit::")]
    pub(crate) case: String,
    #[command(flatten)]
    pub(crate) shelf: Shelf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}
