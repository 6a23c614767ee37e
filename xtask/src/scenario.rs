//! `cargo xtask scenario`: scenarios without running them.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover scenario`.
pub(crate) fn scenario(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("scenario", arguments))
}
