//! `cargo xtask selftest`: shows that the load engine sees every loss.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover selftest`.
pub(crate) fn selftest(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("selftest", arguments))
}
