//! `cargo xtask compare`: figures of kept runs side by side.

use std::process::ExitCode;

use crate::binaries;

/// Hands over to `changeover compare`.
pub(crate) fn compare(arguments: &[String]) -> ExitCode {
    binaries::become_changeover(&binaries::with("compare", arguments))
}
