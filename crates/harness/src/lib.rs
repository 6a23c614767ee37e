//! Runs a plan on real processes and records what happens. Judges nothing: a lost request, a step that found
//! nothing, a process that had to be killed are facts in the run directory.

mod address;
mod census;
mod counters;
mod error;
mod excerpt;
mod failpoints;
mod handles;
mod installed;
mod netlink;
mod network;
mod origins;
mod pid_file;
mod probe;
mod procfs;
mod proxy;
mod queue;
mod run;
mod self_check;
mod site;
mod sockets;
mod tally;
mod template;
pub mod warden;
mod watcher;

pub use error::Error;
pub use network::Netns;
pub use run::{Setup, run};
