//! `cargo xtask test`: all tests of the workspace.

use std::{os::unix::process::CommandExt, process::ExitCode};

use crate::binaries::{build, cargo, complain, name_binaries};

/// Builds the binaries that tests start, then becomes `cargo test`; arguments are passed on to it.
pub(crate) fn test(arguments: &[String]) -> ExitCode {
    let folder = match build() {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    let mut test = cargo();
    test.args(["test", "--workspace", "--locked"]).args(arguments);
    name_binaries(&mut test, &folder);
    complain("start cargo", &test.exec())
}
