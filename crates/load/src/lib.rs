//! The load engine: sends what the arrival plan wants when it wants it, and writes down how every attempt ended.
//! Threads with epoll; no async runtime, because their timers put every request a millisecond late and into
//! bursts; no HTTP client library, because they retry in secret and hide how far an attempt came. It never
//! repeats a request and never judges: outcomes are what it saw. Beside it, on a thread of their own, stand ordinary
//! clients of just such a library, paced by the same plan: what their users see is a question of its own.

mod address;
mod answer;
mod arrival;
mod attempt;
mod chunked;
mod client;
mod counts;
mod course;
mod engine;
mod events;
mod fault;
mod group;
mod head;
mod lag;
mod ordinary;
mod request;
mod script;
mod setup;
mod socket;
mod standard;
mod stop;
mod sys;
mod times;
mod trickle;
mod websocket;
mod wire;

use std::{
    io,
    sync::Arc,
    thread::{Builder, JoinHandle},
};

use engine::{Engine, Measured};
use facts::{
    Nanos,
    plan::{Behaviour, LoadChange, Pace, Population},
};
use lag::Lag;
use ledger::{Callers, Writer, callers_name, clock, ledger_name};
use ordinary::Ordinary;
use stop::{Shared, Wish};
use sys::Epoll;
use wire::Wire;

pub use address::Address;
pub use counts::Counts;
pub use facts::event::Scheduling;
pub use lag::PhaseLag;
pub use setup::{Bodies, Books, Options, Setup, Timing, check_descriptors};
pub use times::{AllTimes, Durations, Times};

/// The plan begins this long after the threads were told: by then they run.
const HEAD_START: Nanos = 1_000_000;

/// Load that is running. Dropping it stops it without waiting.
pub struct Load {
    threads: Vec<Thread>,
    populations: Vec<Population>,
}

struct Thread {
    shared: Arc<Shared>,
    handle: Option<Running>,
}

/// A thread at work, and how it was scheduled.
type Running = JoinHandle<Result<(Measured, Scheduling), Error>>;

/// What was done. `planned` = `sent` + `unsent`; there is one ledger record for each that was sent, and one of
/// `Outcome::Unsent` for each that was not, unless the ledger was full.
#[derive(Clone, Debug)]
pub struct Totals {
    /// How many.
    pub counts: Counts,
    /// How late the generator was, by phase.
    pub lag: Vec<PhaseLag>,
    /// How long attempts took, by population and phase.
    pub times: AllTimes,
    /// Some answer carried the id of its request; without one, that answers belong to their questions is not known.
    pub echoed: bool,
    /// How its threads were scheduled.
    pub scheduling: Scheduling,
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
    /// No thread, or more than an id can name.
    #[error("start {count} threads: between 1 and 256 are possible")]
    Threads { count: u32 },
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
    setup.check()?;
    let numbers = 0..setup.options.threads;
    let engines: Vec<(Engine, Arc<Shared>)> =
        numbers.map(|thread| engine(&setup, thread)).collect::<Result<_, Error>>()?;
    let ordinary = setup.ordinary_thread().map(|thread| Ordinary::new(&setup, thread)).transpose()?;
    let mut load = Load { threads: Vec::new(), populations: setup.populations.clone() };
    let (start, wanted) = (clock::now() + HEAD_START, setup.scheduling());
    for ((mut engine, shared), thread) in engines.into_iter().zip(0..) {
        engine.begin_at(&setup, thread, start);
        let handle = spawn(format!("load-{thread}"), wanted, move || engine.run())?;
        load.threads.push(Thread { shared, handle: Some(handle) });
    }
    if let Some(mut ordinary) = ordinary {
        ordinary.begin_at(&setup, start);
        let shared = ordinary.shared();
        let handle = spawn("load-reqwest".to_owned(), wanted, move || ordinary.run(wanted))?;
        load.threads.push(Thread { shared, handle: Some(handle) });
    }
    Ok(load)
}

/// A thread that does what the plan wants when it wants it.
fn spawn(
    name: String,
    wanted: Scheduling,
    run: impl FnOnce() -> Result<Measured, Error> + Send + 'static,
) -> Result<Running, Error> {
    let run = move || {
        sys::make_timers_precise();
        let scheduling = if wanted == Scheduling::First { sys::run_first() } else { wanted };
        Ok((run()?, scheduling))
    };
    let handle = Builder::new().name(name).spawn(run);
    handle.map_err(|source| Error::Os { doing: "start a thread that makes load", source })
}

fn engine(setup: &Setup, thread: u32) -> Result<(Engine, Arc<Shared>), Error> {
    let os = |doing| move |source| Error::Os { doing, source };
    let path = setup.directory.join(ledger_name(thread as usize));
    let ledger = match setup.options.books {
        Books::Written => Writer::create(&path, setup.capacity(thread))?,
        Books::Unwritten => Writer::nowhere(),
    };
    let epoll = Epoll::new().map_err(os("create an epoll instance"))?;
    let shared = Arc::new(Shared::new(&epoll).map_err(os("create an eventfd"))?);
    let callers = setup
        .most_callers(thread)
        .map(|most| Callers::create(&setup.directory.join(callers_name(thread as usize)), most));
    let wire = Wire::new(epoll, setup, thread, callers.transpose()?);
    Ok((Engine::new(setup, thread, wire, ledger, shared.clone()), shared))
}

impl Load {
    /// Starts planned so far.
    pub fn planned(&self) -> u64 {
        self.counts().planned
    }

    /// How many of everything so far.
    pub fn counts(&self) -> Counts {
        let counts = self.threads.iter().map(|thread| thread.shared.counters.read());
        counts.fold(Counts::default(), Counts::plus)
    }

    /// True when all its threads are over: everything that was planned is done, or one of them broke.
    pub fn is_over(&self) -> bool {
        self.threads.iter().all(|thread| thread.handle.as_ref().is_none_or(JoinHandle::is_finished))
    }

    /// Changes what a population does, by its index, from now on: what is under way ends as it would have. Clients that
    /// think have no rate.
    pub fn change(&self, population: usize, change: LoadChange) -> Result<(), Error> {
        let pace = self.populations.get(population).map(|population| population.pace);
        let is_ordinary = self.populations.get(population).is_some_and(setup::is_ordinary);
        let why = match (pace, change) {
            (None, _) => "there is no such population",
            (Some(Pace::Think { .. }), LoadChange::Rate { .. }) => "its clients think; they have no rate",
            (Some(Pace::Volley { .. }), LoadChange::Rate { .. }) => {
                "its clients send all at once; they have no rate"
            }
            (Some(Pace::Closed), LoadChange::Rate { .. }) => {
                "its clients are a closed loop; they have no rate"
            }
            (_, LoadChange::Rate { per_second }) if !(per_second.is_finite() && per_second > 0.0) => {
                "its rate is not a positive number a second"
            }
            (_, LoadChange::Rate { per_second })
                if is_ordinary && per_second > Behaviour::FASTEST_ORDINARY =>
            {
                "its clients are reqwest's; they keep up with 500 requests a second"
            }
            _ => {
                let wish = Wish { population, change, at: clock::now() };
                self.threads.iter().for_each(|thread| thread.shared.change(wish));
                return Ok(());
            }
        };
        Err(Error::Change { population, why })
    }

    /// Plans nothing more, lets every attempt end by itself or by its own timeout, and seals the ledger. Takes as
    /// long as the longest timeout, or twice that if requests wait for a free connection.
    pub fn stop(mut self) -> Result<Totals, Error> {
        self.stop_planning();
        let (mut lag, mut times, mut echoed) = (Lag::default(), AllTimes::default(), false);
        let mut scheduling = Scheduling::First;
        let mut broken = Ok(());
        for thread in &mut self.threads {
            match thread.handle.take().map(JoinHandle::join) {
                Some(Ok(Ok((measured, scheduled)))) => {
                    lag.merge(&measured.lag);
                    times.merge(&measured.times);
                    echoed |= measured.echoed;
                    if scheduled == Scheduling::Ordinary {
                        scheduling = scheduled;
                    }
                }
                Some(Ok(Err(error))) => broken = broken.and(Err(error)),
                Some(Err(_)) | None => broken = broken.and(Err(Error::Panicked)),
            }
        }
        broken?;
        Ok(Totals { counts: self.counts(), lag: lag.totals(), times, echoed, scheduling })
    }

    fn stop_planning(&self) {
        self.threads.iter().for_each(|thread| thread.shared.stop());
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop_planning();
    }
}
