//! The warden: a single-threaded process between the harness and everything it starts, and the reason why
//! nothing outlives a run. It is the subreaper of all that a target forks, so a daemonised server and every
//! later generation re-parents to it. It spawns, reaps, reports over a socket, and kills every descendant when
//! that socket closes, however the harness died. It knows no plan, no target and no generation.

mod client;
mod disk;
mod message;
mod server;
mod sweep;

pub(crate) use client::{Warden, readable};
pub(crate) use message::{Report, Spawn};
pub use server::{serve, serve_fd};
