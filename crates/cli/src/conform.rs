//! `conform`: whether what the masters of a kept run wrote down of their turns is a behaviour of the protocol.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use facts::{Event, event::Ending};
use simulator::{Conformance, Divergence, End};

use crate::{
    arguments,
    exit::Exit,
    printed::{complain, print},
};

/// Names of the logs begin so; the target, the pid and `.ndjson` follow.
const PREFIX: &str = "turns-";
/// Accepted turns that are shown before a divergence.
const SHOWN: usize = 5;

/// Judges every log of turns in the directory of a run.
pub(crate) fn conform(asked: &arguments::Conform) -> Exit {
    let logs = match logs(&asked.directory) {
        Ok(logs) => logs,
        Err(error) => {
            complain(&format!("list {}: {error}", asked.directory.display()));
            return Exit::Usage;
        }
    };
    if logs.is_empty() {
        complain(&format!("no {PREFIX}* in {}: nothing was written down", asked.directory.display()));
        return Exit::Unknown;
    }
    let killed = killed(&asked.directory);
    let exits = logs.iter().map(|path| judge(path, &killed));
    exits.fold(Exit::Passed, Exit::worse)
}

fn logs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if name(&path).starts_with(PREFIX) {
            logs.push(path);
        }
    }
    logs.sort();
    Ok(logs)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Processes that a signal ended, as far as the run saw: their parent may have been another than ours.
fn killed(directory: &Path) -> BTreeSet<u32> {
    let Ok(history) = ledger::read_history(directory) else { return BTreeSet::new() };
    let of = |event: &Event| match event {
        Event::ProcessEnded { pid, ending: Ending::Killed(_), .. } => Some(*pid),
        Event::SignalSent { pid, signal, .. } if signal == "KILL" => Some(*pid),
        _ => None,
    };
    history.events.iter().filter_map(|stamped| of(&stamped.event)).collect()
}

fn judge(path: &Path, killed: &BTreeSet<u32>) -> Exit {
    let name = name(path);
    let pid = name.rsplit('.').nth(1).and_then(|pid| pid.parse().ok());
    let end = if pid.is_some_and(|pid: u32| killed.contains(&pid)) { End::Killed } else { End::ByItself };
    let log = match fs::read_to_string(path) {
        Ok(log) => log,
        Err(error) => {
            complain(&format!("read {}: {error}", path.display()));
            return Exit::Unknown;
        }
    };
    match simulator::conform(&log, end) {
        Conformance::Conforms { turns } => {
            print(&format!("{name}: conforms, {turns} turns"));
            Exit::Passed
        }
        Conformance::Unknown { turns, why } => {
            print(&format!("{name}: unknown after {turns} turns that conform: {why}"));
            Exit::Unknown
        }
        Conformance::Diverges(divergence) => {
            print(&told(&name, &divergence));
            Exit::Failed
        }
    }
}

fn told(name: &str, divergence: &Divergence) -> String {
    let Divergence { accepted, turn, allowed } = divergence;
    let mut lines = vec![format!("{name}: DIVERGES after {} turns that conform", accepted.len())];
    let from = accepted.len().saturating_sub(SHOWN);
    lines.extend(accepted[from..].iter().map(|turn| format!("  accepted  {}", acts(&turn.acts))));
    lines.push(format!("  found     {:?}", turn.woke));
    lines.push(format!("  allowed   {}", acts(allowed)));
    lines.push(format!("  seen      {}", acts(&turn.acts)));
    lines.join("\n")
}

fn acts(acts: &[String]) -> String {
    if acts.is_empty() { "nothing".to_owned() } else { acts.join(", ") }
}
