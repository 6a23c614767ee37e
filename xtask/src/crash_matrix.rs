//! `cargo xtask crash-matrix`: every process of the reference, failing before and after each of its acts.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover crash-matrix`.
pub(crate) fn crash_matrix(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("crash-matrix", arguments))
}
