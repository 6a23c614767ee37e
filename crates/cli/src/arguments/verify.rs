//! `verify`.

use std::path::PathBuf;

use clap::Args;

use super::{Place, Shelf};
use crate::shard::Shard;

/// `verify`
#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// Only cases whose name contains one of these; the path of a file that is there means that file alone
    pub(crate) filters: Vec<String>,
    /// Only cases of which this is true: tag(crash) & target(nginx) & !name(broken)
    #[arg(short = 'E', long, value_name = "EXPRESSION")]
    pub(crate) filter: Option<String>,
    /// What changeover.toml, beside the folder of scenarios, says under `[profile.NAME]` [default: default; without
    /// its filter when cases are named or filtered here]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Only the I-th of N parts; a case is always in the same part
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) shelf: Shelf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Targets that must be there: a missing one is an error, not a SKIP
    #[arg(long, value_delimiter = ',', value_name = "TARGET")]
    pub(crate) require: Vec<String>,
    /// Seed instead of the scenario's own
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Run each case this often, each time with the next seed [default: what the scenario or the profile says, or 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: Option<u32>,
    /// So many cases at a time, of those that measure no time; one that does always runs alone [default: 3 for
    /// each core, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: Option<u32>,
    /// Start no other case once one did not do what it must
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Only name the cases that would run
    #[arg(long)]
    pub(crate) list: bool,
    /// Control run: the same load and phases, but nothing is done to the servers
    #[arg(long)]
    pub(crate) no_upgrade: bool,
    /// Only cases tagged `quick`
    #[arg(long)]
    pub(crate) quick: bool,
    /// One line per case, without the table of its phases
    #[arg(long)]
    pub(crate) brief: bool,
    /// Write all results to this file as a JSON array
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// Write all results to this file as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}
