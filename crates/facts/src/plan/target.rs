//! A server under test.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Signal;

/// A server under test: a folder of text, or a table in the scenario, resolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Name in the scenario (`web`).
    pub name: String,
    /// Folder under `scenarios/targets/`; of a target that stands in the scenario itself: its name.
    pub kind: String,
    /// The command that installs it, for the SKIP message.
    pub install: String,
    /// Program by name: one of ours beside the `changeover` binary, else found on `PATH`; or an absolute path.
    pub program: String,
    /// Arguments that print its version.
    pub version: Vec<String>,
    /// argv to start it; `${program}` is the run's own copy, by absolute path.
    pub start: Vec<String>,
    /// What the start command does then.
    #[serde(default)]
    pub launch: Launch,
    /// Environment of the start command beside the harness's own (templates).
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files to render into the run directory before it is started: (name, template).
    pub files: Vec<(String, String)>,
    /// Its pid file (template). Empty: it writes none, and its master is the process that was started.
    pub pid_file: String,
    /// Where the old master's pid goes during an upgrade (template). Empty: nowhere.
    pub oldbin: String,
    /// Error log, shown on failure (template). Empty: it has none.
    pub log: String,
    /// Workers per generation; 0 for a server of one process.
    pub workers: u32,
    /// What the command line of a worker contains (`worker process`); tells it from a new master, which is a child of the old one too.
    /// Empty: every child of a master is a worker.
    pub worker_title: String,
    /// The signal that begins an upgrade when it is sent to a master: from then on `old` is the generation in charge now.
    /// `None`: no signal does, an [`Action::Exec`](super::Action::Exec) with `upgrades` may.
    #[serde(default = "usr2")]
    pub upgrade_signal: Option<Signal>,
    /// The signal that begins a reload: `reloaded(web)` is about the last one sent.
    #[serde(default = "hup")]
    pub reload_signal: Option<Signal>,
    /// The signal that ends it in order when the run is over. `None`: QUIT for a server with workers, TERM for one of a single process.
    #[serde(default)]
    pub stop_signal: Option<Signal>,
    /// Files in its run directory that it leaves behind when it ends in order (a pid file that it never removes), by name.
    #[serde(default)]
    pub remains: Vec<String>,
    /// Values for `${…}` in the templates, beside those of the machine.
    pub options: BTreeMap<String, String>,
    /// Template of one upstream member (`${address}`, `${weight}`), and of one with weight 0.
    pub member: String,
    /// See `member`.
    pub member_down: String,
    /// Other lists of its members for its templates, a line each, by name: `${upstreams}`.
    #[serde(default)]
    pub lists: BTreeMap<String, Line>,
    /// How it chooses a member (template): `round_robin`, or what nginx calls the method. Empty: it does not say.
    #[serde(default)]
    pub method: String,
    /// First weights, by origin name.
    pub weights: BTreeMap<String, u32>,
    /// Checks that hold for this target beyond what every server must do, by name in `CHECKS`.
    pub promises: Vec<String>,
    /// The instants at which it can be made to fail: `master.exit.before`. Empty for every server we did not write.
    #[serde(default)]
    pub failpoints: Vec<String>,
    /// The program that has them, in the place of `program` where a plan arms one.
    #[serde(default)]
    pub failpoint_program: String,
}

/// How one member is written in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Template: `${member}` (its origin), `${address}`, `${weight}`.
    pub up: String,
    /// The same for one with weight 0.
    pub down: String,
}

/// What a start command does when the server runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    /// It ends; the server goes on in the background.
    #[default]
    Daemonises,
    /// It stays and is the master.
    Stays,
}

fn usr2() -> Option<Signal> {
    Some(Signal::Usr2)
}

fn hup() -> Option<Signal> {
    Some(Signal::Hup)
}
