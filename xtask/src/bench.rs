//! `cargo xtask bench`: upgrades of several servers, interleaved.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover bench`.
pub(crate) fn bench(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("bench", arguments))
}
