//! `cargo xtask simulate`: the upgrade protocol, explored.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover simulate`.
pub(crate) fn simulate(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("simulate", arguments))
}
