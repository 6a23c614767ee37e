//! `crash-matrix`.

use clap::Args;

use super::{Place, Shelf};

/// `crash-matrix`
#[derive(Clone, Debug, Args)]
pub(crate) struct CrashMatrix {
    /// Only cases whose name contains one of these: old-master, tell-drain.before, rollback/
    pub(crate) filters: Vec<String>,
    /// So many of them, drawn by the seed
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,
    /// Of the draw, and of the load of every case
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// So many cases at a time [default: 2 for each core, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: Option<u32>,
    /// Only name the cases that would run
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the scenario of each case instead of running it
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) shelf: Shelf,
    #[command(flatten)]
    pub(crate) place: Place,
}
