//! Where output goes: results to standard output, complaints to standard error.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use report::Paint;

/// Colours or none, for standard output.
pub(crate) fn paint() -> Paint {
    Paint::choose(io::stdout().is_terminal(), env::var("NO_COLOR").ok().as_deref())
}

/// A block of standard output. A reader that went away (`| head`) is no reason to end a run.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write!(out, "{text}{end}").and_then(|()| out.flush()).ok();
}

/// A complaint.
pub(crate) fn complain(text: &str) {
    writeln!(io::stderr().lock(), "{text}").ok();
}
