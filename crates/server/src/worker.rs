//! A worker: one process with one thread that accepts, answers and forwards. It hears from its master over a channel
//! and from operators by signals; `protocol::worker::step` decides, `life` acts.
//!
//! Does not know: other workers, pid files, how it was started.

mod access_log;
mod answer;
mod body;
mod connection;
mod echo;
mod endpoint;
mod exchange;
mod files;
mod forward;
mod framing;
mod handover;
mod head_size;
mod headers;
mod journal;
mod life;
mod linger;
mod listen;
mod orphan;
mod page;
mod path;
mod real_ip;
mod room;
mod self_test;
mod service;
mod socket;
mod spelling;
mod stream;
#[cfg(test)]
mod tests;

use std::{io, os::fd::OwnedFd, path::PathBuf, sync::Arc};

use conf::{Address, Configuration};
use ledger::Journal;
use nix::sys::signal::SigSet;
use protocol::signals::Signal;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::{LocalSet, spawn_local},
};

use self::{life::Life, service::Service};
use crate::{access_log::AccessLogs, log::Log, orphan::Lineage, zone::Zones};

/// What a worker is born with.
#[derive(Debug)]
pub(crate) struct Start {
    /// What it serves.
    pub(crate) configuration: Arc<Configuration>,
    /// Whose worker it is.
    pub(crate) generation: u32,
    /// Where it will accept, once told to.
    pub(crate) listeners: Vec<Listener>,
    /// To its master: SEQPACKET, non-blocking.
    pub(crate) channel: OwnedFd,
    /// Where it writes down what it executes, if it does.
    pub(crate) journal: Option<Journal>,
    /// What it knows of the peers of its upstreams, with others.
    pub(crate) zones: Zones,
    /// Where it tells of each request.
    pub(crate) access_logs: AccessLogs,
    /// Relative paths of files start here.
    pub(crate) prefix: PathBuf,
    /// Where it says what it does.
    pub(crate) log: Log,
    /// For a new master, should it lose its own: see `orphan`.
    pub(crate) lineage: Lineage,
    /// Where workers find those that go on with their connections; none if none is to go on.
    pub(crate) handover: Option<String>,
}

/// A listening socket, shared with the master and the other workers.
#[derive(Debug)]
pub(crate) struct Listener {
    /// As configured.
    pub(crate) address: Address,
    /// Non-blocking.
    pub(crate) socket: OwnedFd,
}

/// The whole life of a worker process. Returns the code to exit with: 0 after a drain or when told to leave.
///
/// # Errors
/// It cannot work: there is no runtime, or a listener cannot be registered.
pub(crate) fn run(start: Start) -> io::Result<i32> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let (sender, signals) = mpsc::unbounded_channel();
        listen_for_signals(&sender)?;
        // Blocked by the master for its signalfd, and inherited so. Only now is there somebody to handle them.
        SigSet::all().thread_unblock()?;
        serve(start, signals).await
    })
}

/// Everything after the birth; tests begin here, with a channel and signals of their own.
async fn serve(start: Start, signals: UnboundedReceiver<Signal>) -> io::Result<i32> {
    let Start { configuration, generation, listeners, channel, journal, .. } = start;
    let Start { zones, access_logs, prefix, log, .. } = start;
    let names = (start.lineage, start.handover);
    let service = Service::new((configuration, zones), generation, journal, access_logs, prefix, log)?;
    Ok(Life::new(service, listeners, channel, signals, names)?.live().await)
}

fn listen_for_signals(sender: &UnboundedSender<Signal>) -> io::Result<()> {
    for name in Signal::ALL {
        let mut stream = signal(kind(name))?;
        let sender = sender.clone();
        spawn_local(async move { while stream.recv().await.is_some() && sender.send(name).is_ok() {} });
    }
    Ok(())
}

fn kind(signal: Signal) -> SignalKind {
    match signal {
        Signal::Hup => SignalKind::hangup(),
        Signal::Int => SignalKind::interrupt(),
        Signal::Quit => SignalKind::quit(),
        Signal::Term => SignalKind::terminate(),
        Signal::Usr1 => SignalKind::user_defined1(),
        Signal::Usr2 => SignalKind::user_defined2(),
        Signal::Winch => SignalKind::window_change(),
    }
}
