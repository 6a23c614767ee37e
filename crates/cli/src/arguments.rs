//! The command line.

mod crash_matrix;
mod load;
mod runs;
mod scenario;
mod simulate;
mod verify;

use std::os::fd::RawFd;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use crash_matrix::CrashMatrix;
pub(crate) use load::{Arrivals, Load, Method, Pacing};
pub(crate) use runs::{Bench, Books, Compare, Netns, Place, Replay, Selftest};
pub(crate) use scenario::{New, Scenario, Shelf};
pub(crate) use simulate::{Conform, Profile, Simulate};
pub(crate) use verify::Verify;

/// Prove that an upgrade drops nothing, or see exactly which request was lost, when and why.
#[derive(Debug, Parser)]
#[command(name = "changeover", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// How mistakes in files are told [default: terminal; where GITHUB_ACTIONS is set, github too]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) message_format: Option<MessageFormat>,
}

const EXIT_CODES: &str = "Exit codes: 0 all passed, 1 an expectation failed, 2 usage, 3 unknown only, \
4 nothing matched, 65 bad scenario or changeover.toml, 69 a required target is missing, 70 harness bug, 130 interrupted";

/// How mistakes in files are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MessageFormat {
    /// For people: the line, and a caret under the word
    Terminal,
    /// One JSON object a line, on standard output
    Json,
    /// GitHub's `::error`, the first ten, on standard output
    Github,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run scenarios on real servers and judge them
    Verify(Verify),
    /// Write, check, explain or list scenarios without running anything
    #[command(subcommand)]
    Scenario(Scenario),
    /// Judge a kept run again, without running anything
    Replay(Replay),
    /// Set the figures of kept runs side by side
    Compare(Compare),
    /// Print the books of a kept run: its identities, with their numbers
    Ledger(Books),
    /// Show that the load engine sees every loss, and none where there is none
    Selftest(Selftest),
    /// Measure upgrades side by side, interleaved
    Bench(Bench),
    /// Send requests to any server, and say what came of each
    Load(Box<Load>),
    /// Explore the upgrade protocol: every order of signals and faults within bounds
    Simulate(Simulate),
    /// Kill, stop and end the processes of the reference before and after each of their acts, in an upgrade, a reload and a
    /// rollback
    CrashMatrix(CrashMatrix),
    /// Say whether each turn that the masters of a kept run wrote down is one that the protocol takes
    Conform(Conform),
    /// Say what the code of a mistake means, with an example
    Explain {
        /// Such as CO0009 [default: list them all]
        code: Option<String>,
    },
    /// The process that owns everything a run starts
    #[command(hide = true)]
    Warden {
        #[arg(long)]
        socket_fd: RawFd,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
