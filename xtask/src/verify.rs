//! `cargo xtask verify`: all scenarios, or those whose names contain the arguments.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover verify`.
pub(crate) fn verify(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("verify", arguments))
}
