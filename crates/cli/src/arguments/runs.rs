//! What is done with runs: where they are kept, `replay`, `compare`, `bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::Shelf;

/// Whether a run gets a network namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Netns {
    /// Where one can be made (root) and the scenario has nothing against it
    Auto,
    /// Never: all runs are in the network of the machine
    Off,
}

/// Where runs take place, and where they are written.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Folder for run directories; keep it short [default: changeover-UID in the temporary folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) runs: Option<PathBuf>,
    /// Keep the directories of runs that passed, too
    #[arg(long)]
    pub(crate) keep: bool,
    /// A network namespace for each run: no other run has its ports, and the kernel's counters are its own [default:
    /// what the profile says, or auto]
    #[arg(long, value_name = "WHEN")]
    pub(crate) netns: Option<Netns>,
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

/// `selftest`
#[derive(Clone, Debug, Args)]
pub(crate) struct Selftest {
    /// The seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `ledger`
#[derive(Clone, Debug, Args)]
pub(crate) struct Books {
    /// The directory of a kept run
    pub(crate) directory: PathBuf,
}
