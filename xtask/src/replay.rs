//! `cargo xtask replay`: judges a kept run again.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover replay`.
pub(crate) fn replay(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("replay", arguments))
}
