//! Questions on a terminal, for what the command line left open.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether somebody is there to answer.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// One line of an answer; an empty one means `default`. `None` when the terminal is closed.
pub(super) fn ask(question: &str, default: &str) -> Option<String> {
    // Not to standard output, which somebody may have redirected into a file.
    write!(io::stderr(), "{question} [{default}] ").ok()?;
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(1..) => {
            Some(line.trim().to_owned()).map(|line| if line.is_empty() { default.into() } else { line })
        }
        _ => None,
    }
}
