//! The load engine: sends what the arrival plan wants when it wants it, and writes down how every attempt ended.
//! One thread with epoll; no async runtime, because their timers put every request a millisecond late and into
//! bursts; no HTTP client library, because they retry in secret and hide how far an attempt came. It never
//! repeats a request and never judges: outcomes are what it saw.

mod answer;
mod arrival;
mod attempt;
mod chunked;
mod client;
mod engine;
mod fault;
mod group;
mod head;
mod lag;
mod request;
mod script;
mod setup;
mod socket;
mod standard;
mod stop;
mod sys;
mod wire;

use std::{
    io,
    sync::{Arc, atomic::Ordering},
    thread::{Builder, JoinHandle},
};

use engine::Engine;
use facts::plan::{LoadChange, Pace};
use ledger::{Writer, ledger_name};
use stop::Shared;
use sys::Epoll;
use wire::Wire;

pub use lag::PhaseLag;
pub use setup::{Setup, check_descriptors};

/// Load that is running. Dropping it stops it without waiting.
pub struct Load {
    shared: Arc<Shared>,
    /// How each population is paced from the start.
    paces: Vec<Pace>,
    engine: Option<JoinHandle<Result<Totals, Error>>>,
}

/// What was done. `planned` = `sent` + `unsent`; there is one ledger record for each that was sent, and one of
/// `Outcome::Unsent` for each that was not, unless the ledger was full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Starts the arrival plan wanted.
    pub planned: u64,
    /// Attempts begun.
    pub sent: u64,
    /// Starts that never became an attempt: no connection was free until the end, or the ledger was full.
    pub unsent: u64,
    /// How late the generator was, by phase.
    pub lag: Vec<PhaseLag>,
}

/// Load could not be started, or broke.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A population that cannot be sent.
    #[error("start population `{name}`: {why}")]
    Population { name: String, why: &'static str },
    /// No populations, or more than a record can name.
    #[error("start {count} populations: between 1 and 255 are possible")]
    Populations { count: usize },
    /// A population that paces itself has no rate to change.
    #[error("change the rate of population {population}: {why}")]
    Change { population: usize, why: &'static str },
    /// The limit on open files is too low.
    #[error("open up to {needed} files: the limit is {limit}; raise it with `ulimit -n {needed}`")]
    Descriptors { needed: u64, limit: u64 },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Os { doing: &'static str, source: io::Error },
    /// A bug of ours: the engine thread panicked. The ledger is not sealed.
    #[error("run the load engine: its thread panicked; the ledger is not sealed")]
    Panicked,
}

/// Starts sending. The first requests are due at once.
pub fn start(setup: Setup) -> Result<Load, Error> {
    let os = |doing| move |source| Error::Os { doing, source };
    setup.check()?;
    let ledger = Writer::create(&setup.directory.join(ledger_name(0)), setup.capacity())?;
    let epoll = Epoll::new().map_err(os("create an epoll instance"))?;
    let shared = Arc::new(Shared::new(&epoll).map_err(os("create an eventfd"))?);
    let wire = Wire::new(epoll, setup.origins.clone(), setup.populations.len());
    let theirs = shared.clone();
    let paces = setup.populations.iter().map(|population| population.pace).collect();
    let run = move || {
        sys::make_timers_precise();
        Engine::new(&setup, wire, ledger, theirs).run()
    };
    let engine = Builder::new().name("load".into()).spawn(run).map_err(os("start the engine thread"))?;
    Ok(Load { shared, paces, engine: Some(engine) })
}

impl Load {
    /// Starts planned so far.
    pub fn planned(&self) -> u64 {
        self.shared.planned.load(Ordering::Relaxed)
    }

    /// Changes what a population does, by its index, from now on: what is under way ends as it would have. Clients that
    /// think have no rate.
    pub fn change(&self, population: usize, change: LoadChange) -> Result<(), Error> {
        let why = match (self.paces.get(population), change) {
            (None, _) => "there is no such population",
            (Some(Pace::Think { .. }), LoadChange::Rate { .. }) => "its clients think; they have no rate",
            (_, LoadChange::Rate { per_second }) if !(per_second.is_finite() && per_second > 0.0) => {
                "its rate is not a positive number a second"
            }
            _ => {
                self.shared.change(population, change);
                return Ok(());
            }
        };
        Err(Error::Change { population, why })
    }

    /// Plans nothing more, lets every attempt end by itself or by its own timeout, and seals the ledger. Takes as
    /// long as the longest timeout, or twice that if requests wait for a free connection.
    pub fn stop(mut self) -> Result<Totals, Error> {
        self.shared.stop();
        match self.engine.take().map(JoinHandle::join) {
            Some(Ok(totals)) => totals,
            Some(Err(_)) | None => Err(Error::Panicked),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
