//! `scenario`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::scenarios::Kind;

/// Where scenarios are.
#[derive(Clone, Debug, Args)]
pub(crate) struct Shelf {
    /// Folder of scenarios and of `targets/` [default: `scenarios` here or in a folder above]
    #[arg(long, value_name = "DIR")]
    pub(crate) scenarios: Option<PathBuf>,
}

/// `scenario`
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Write a commented scenario to begin with; what is not said here is asked on a terminal
    New(New),
    /// Say everything that is wrong with these files
    Check {
        /// [default: every file in the folder of scenarios]
        files: Vec<PathBuf>,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// Say what will happen, step by step
    Explain {
        /// Its path, or as cases are named: upgrade/usr2-winch-quit
        file: PathBuf,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// List all cases
    List {
        /// Only cases of which this is true: tag(crash) & target(nginx) & !name(broken)
        #[arg(short = 'E', long, value_name = "EXPRESSION")]
        filter: Option<String>,
        #[command(flatten)]
        shelf: Shelf,
    },
    /// Print the JSON Schema of a scenario file, for editors
    Schema,
}

/// `scenario new`
#[derive(Clone, Debug, Args)]
pub(crate) struct New {
    /// One sentence: what is tried, and what must come of it
    #[arg(long, value_name = "SENTENCE")]
    pub(crate) name: Option<String>,
    /// Servers to run it on: folders in `targets/`
    #[arg(long, value_delimiter = ',', value_name = "TARGET")]
    pub(crate) target: Vec<String>,
    /// What is done to the server
    #[arg(long)]
    pub(crate) kind: Option<Kind>,
    /// The file; never one that is there already
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shelf: Shelf,
}
