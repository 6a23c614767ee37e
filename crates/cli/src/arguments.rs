//! The command line.

use std::{os::fd::RawFd, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Prove that an upgrade drops nothing, or see exactly which request was lost, when and why.
#[derive(Debug, Parser)]
#[command(name = "changeover", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 all passed, 1 an expectation failed, 2 usage, 3 unknown only, \
4 nothing matched, 65 bad scenario, 69 a required target is missing, 70 harness bug, 130 interrupted";

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run scenarios on real servers and judge them
    Verify(Verify),
    /// Check, explain or list scenarios without running anything
    #[command(subcommand)]
    Scenario(Scenario),
    /// Judge a kept run again, without running anything
    Replay(Replay),
    /// Measure upgrades side by side, interleaved
    Bench(Bench),
    /// The process that owns everything a run starts
    #[command(hide = true)]
    Warden {
        #[arg(long)]
        socket_fd: RawFd,
    },
}

/// `verify`
#[derive(Clone, Debug, Args)]
pub(crate) struct Verify {
    /// Only cases whose name contains one of these
    pub(crate) filters: Vec<String>,
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
    /// Run each case this often, each time with the next seed
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
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
}

/// Where scenarios are.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Shelf {
    /// Folder of scenarios and of `targets/` [default: `scenarios` here or in a folder above]
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

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

/// `scenario`
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Say everything that is wrong with these files
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// Say what will happen, step by step
    Explain {
        file: PathBuf,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// List all cases
    List {
        #[command(flatten)]
        shelf: Shelf,
    },
}

/// `replay`
#[derive(Clone, Debug, Args)]
pub(crate) struct Replay {
    /// The directory of a kept run
    pub(crate) directory: PathBuf,
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
