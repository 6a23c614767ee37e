//! What a server's own log says, for messages and for the event log.

use std::{fs, path::Path};

/// Lines shown of a log.
const LINES: usize = 20;

/// The last lines of a file, each indented, under its name; says so when there is nothing.
pub(crate) fn tail(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return format!("  {name}: empty or absent");
    }
    let last = &lines[lines.len().saturating_sub(LINES)..];
    format!("  {name}:\n    {}", last.join("\n    "))
}

/// Lines by which a server says that something went wrong, at most this many.
pub(crate) fn alarms(path: &Path, at_most: usize) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let alarming =
        |line: &&str| ["[alert]", "[emerg]", "[crit]", "panicked at"].iter().any(|w| line.contains(w));
    text.lines().filter(alarming).take(at_most).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_is_shown_and_alarms_are_picked_out() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let log = directory.path().join("error.log");
        assert_eq!(tail(&log), "  error.log: empty or absent");
        let text: String = (0..30).map(|n| format!("line {n}\n")).collect();
        fs::write(&log, text + "1 [crit] the changing binary signal is ignored\n").expect("write");
        assert!(tail(&log).starts_with("  error.log:\n    line 11\n"));
        assert_eq!(alarms(&log, 9), ["1 [crit] the changing binary signal is ignored"]);
    }
}
