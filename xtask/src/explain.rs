//! `cargo xtask explain`: what the code of a mistake means.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover explain`.
pub(crate) fn explain(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("explain", arguments))
}
