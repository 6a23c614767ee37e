//! `cargo xtask ci`: the one list of what must be green, on a laptop as in CI.

use std::{
    env, io,
    process::{Command, ExitCode, ExitStatus},
    time::Instant,
};

use crate::binaries::{cargo, complain};

/// So many cases of the crash matrix; all of them take ten times as long and are run by hand, or at night.
const SAMPLE: &str = "40";

/// Everything in order; the first step that is red is the last. Arguments (`--require nginx`) are for `verify`.
pub(crate) fn ci(arguments: &[String]) -> ExitCode {
    let steps: [(&str, Command); 7] = [
        ("fmt", with(cargo(), &["fmt", "--all", "--check"])),
        (
            "clippy",
            with(cargo(), &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
        ),
        ("test", with(ourselves(), &["test"])),
        ("scenarios", with(ourselves(), &["scenario", "check"])),
        // First whether losses are seen at all: the verdicts that follow are worth as much.
        ("selftest", with(ourselves(), &["selftest"])),
        ("crash-matrix", with(ourselves(), &["crash-matrix", "--sample", SAMPLE])),
        ("verify", with(with(ourselves(), &["verify"]), arguments)),
    ];
    for (name, mut step) in steps {
        match announced(name, &mut step) {
            Ok(status) if status.success() => {}
            Ok(status) => return ExitCode::from(status.code().map_or(1, |code| code as u8)),
            Err(error) => return complain(&format!("start {name}"), &error),
        }
    }
    ExitCode::SUCCESS
}

fn announced(name: &str, step: &mut Command) -> io::Result<ExitStatus> {
    println!("==> {name}");
    let begun = Instant::now();
    let status = step.status()?;
    let word = if status.success() { "green" } else { "RED" };
    println!("<== {name}: {word} after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(status)
}

fn ourselves() -> Command {
    // Without its own path there is still the one in the alias.
    env::current_exe().map_or_else(|_| with(cargo(), &["xtask"]), Command::new)
}

fn with<S: AsRef<std::ffi::OsStr>>(mut command: Command, arguments: &[S]) -> Command {
    command.args(arguments);
    command
}
