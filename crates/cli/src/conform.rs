//! `conform`: whether what the masters of a kept run wrote down of their turns is a behaviour of the protocol. The check
//! `conforms` asks the same of every run; this says it master by master.

use std::path::Path;

use checks::conforms::{Log, logs, messages};
use facts::{History, Verdict};

use crate::{
    arguments,
    exit::Exit,
    printed::{complain, print},
};

/// Judges every log of turns in the directory of a run.
pub(crate) fn conform(asked: &arguments::Conform) -> Exit {
    let history = match history(&asked.directory) {
        Ok(history) => history,
        Err(error) => {
            complain(&error.to_string());
            return Exit::Usage;
        }
    };
    let logs = logs(&history);
    if logs.is_empty() {
        complain(&format!("no turns-* in {}: nothing was written down", asked.directory.display()));
        return Exit::Unknown;
    }
    let each = logs.iter().map(Log::verdict);
    each.chain(between(&logs)).map(|verdict| told(&verdict)).fold(Exit::Passed, Exit::worse)
}

/// Of a directory that holds no whole run, the logs alone: nobody is known to have been killed then.
fn history(directory: &Path) -> Result<History, ledger::Error> {
    ledger::read_history(directory)
        .or_else(|_| Ok(History { turns: ledger::read_turns(directory)?, ..History::default() }))
}

/// What the masters of each target heard of each other.
fn between<'a>(logs: &'a [Log<'a>]) -> impl Iterator<Item = Verdict> {
    let groups = logs.chunk_by(|one, other| one.target() == other.target());
    groups.filter_map(|group| messages(&group.iter().collect::<Vec<_>>()))
}

fn told(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Pass { because } => {
            print(because);
            Exit::Passed
        }
        Verdict::Unknown { why } => {
            print(&format!("unknown: {why}"));
            Exit::Unknown
        }
        Verdict::Fail { lines } => {
            print(&lines.join("\n  "));
            Exit::Failed
        }
    }
}
