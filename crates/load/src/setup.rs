//! What the engine is told, and what of it cannot be done.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU8},
    time::Duration,
};

use facts::{
    Nanos,
    caller::MOST_CLIENTS,
    event::Scheduling,
    plan::{Behaviour, Pace, Population},
};
use rustix::process::{Resource, getrlimit};

use crate::{
    Error,
    address::Address,
    arrival::{Share, most_arrivals},
};

/// Descriptors for everything that is not a client's connection.
const SPARE_DESCRIPTORS: u64 = 64;

/// Everything an engine needs to know.
pub struct Setup {
    /// Who sends what and when.
    pub populations: Vec<Population>,
    /// Where targets listen, by target index.
    pub addresses: Vec<Address>,
    /// Names of the origins, by index: what `X-Changeover-Origin` is compared with.
    pub origins: Vec<String>,
    /// From which every population draws its own stream.
    pub seed: u64,
    /// The phase the run is in, kept by its owner.
    pub phase: Arc<AtomicU8>,
    /// Where the ledger is written (`ledger-0.bin`, one file per thread).
    pub directory: PathBuf,
    /// Rates that populations are changed to later, by their index: the ledger has room for the highest.
    pub rates: Vec<(usize, f64)>,
    /// The run is not longer than this. Starts planned after it may find the ledger full and are then unsent.
    pub longest: Duration,
    /// How it is to be done.
    pub options: Options,
}

/// How load is made, where there is a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that share all connections and the one arrival plan. Ordinary clients have one more, and a plan of their own.
    pub threads: u32,
    /// Plan so many starts and no more. Not for ordinary clients.
    pub most_starts: Option<u64>,
    /// How exactly starts are timed.
    pub timing: Timing,
    /// Run before ordinary threads where that is allowed and nobody starves of it.
    pub scheduling: Scheduling,
    /// What the bodies of good answers are compared with.
    pub bodies: Bodies,
    /// Whether attempts are written down.
    pub books: Books,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            threads: 1,
            most_starts: None,
            timing: Timing::Exact,
            scheduling: Scheduling::First,
            bodies: Bodies::Alike,
            books: Books::Written,
        }
    }
}

/// How exactly starts are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Each when it is due. A thread that sleeps between requests costs more CPU than the requests do.
    Exact,
    /// Those of so many nanoseconds together, late by as much: some microseconds of CPU are saved at each.
    Batch { nanos: Nanos },
    /// Each when it is due, by threads that never sleep: a core for each of them.
    Spin,
}

/// What the bodies of good answers are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// The first one of the population: all must be the same.
    Alike,
    /// Nothing: they differ by design.
    Varying,
}

/// Whether attempts are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Books {
    /// In a ledger, which is what shows anything.
    Written,
    /// Nowhere. Only to measure what the ledger costs: such a run shows nothing.
    Unwritten,
}

/// Above this many starts a second on a thread it has no time to spare: before everybody else it would starve them.
const BUSIEST_FIRST: f64 = 25_000.0;

impl Setup {
    /// What a thread owns of each population.
    pub(crate) fn shares(&self, thread: u32) -> Vec<Option<Share>> {
        let share = |p: &Population| match (is_ordinary(p), thread == self.options.threads) {
            (true, true) => Some(Share { index: 0, of: 1 }),
            (false, false) => Share::of(thread, self.options.threads, p.connections),
            _ => None,
        };
        self.populations.iter().map(share).collect()
    }

    /// The thread of ordinary clients, if there are any: it comes behind those of the engine.
    pub(crate) fn ordinary_thread(&self) -> Option<u32> {
        self.populations.iter().any(is_ordinary).then_some(self.options.threads)
    }

    /// All threads that write a ledger.
    pub(crate) fn threads(&self) -> u32 {
        self.options.threads + u32::from(self.ordinary_thread().is_some())
    }

    /// Whether a thread may run before everybody else: not if it never sleeps.
    pub(crate) fn scheduling(&self) -> Scheduling {
        let sleeps = |p: &Population| !matches!(p.pace, Pace::Closed | Pace::Think { nanos: 0 });
        let later = self.rates.iter().map(|(_, per_second)| *per_second);
        let rates = self.populations.iter().filter_map(|p| p.pace.highest_rate()).chain(later);
        let is_calm = rates.sum::<f64>() / f64::from(self.options.threads) <= BUSIEST_FIRST;
        match self.options.scheduling {
            // Before everybody else, who never sleeps would starve them.
            Scheduling::First if self.options.timing == Timing::Spin => Scheduling::Ordinary,
            Scheduling::First if is_calm && self.populations.iter().all(sleeps) => Scheduling::First,
            _ => Scheduling::Ordinary,
        }
    }

    /// Refuses what could only go wrong later.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.populations.is_empty() || self.populations.len() > usize::from(u8::MAX) {
            return Err(Error::Populations { count: self.populations.len() });
        }
        if !(1..=256).contains(&self.options.threads) {
            return Err(Error::Threads { count: self.options.threads });
        }
        self.populations.iter().try_for_each(|population| {
            self.check_population(population)?;
            if is_ordinary(population) { self.check_ordinary(population) } else { Ok(()) }
        })?;
        check_descriptors(&self.populations)
    }

    fn check_population(&self, population: &Population) -> Result<(), Error> {
        let goes = |rate: f64| rate.is_finite() && rate > 0.0;
        let is_plain = |path: &str| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
        let why = match population {
            _ if population.target >= self.addresses.len() => "its target has no address",
            _ if population.connections == 0 => "it has no connections; give it at least 1",
            _ if !population.pace.highest_rate().is_none_or(goes) => {
                "its rate is not a positive number a second"
            }
            _ if !is_plain(&population.path) => "its path is not '/' and visible ASCII characters",
            _ if population.behaviour.depth() == 0 => {
                "it sends no requests at once; give it a depth of at least 1"
            }
            _ if population.behaviour.depth() > 1 && population.pace.highest_rate().is_some() => {
                "its clients send several requests at once, so each of them must think between two batches"
            }
            _ if population.sources > MOST_CLIENTS => "there are not so many addresses to send from",
            _ if population.sources > 0 && !self.addresses[population.target].has_sources() => {
                "its target is not at an IPv4 loopback address, so its clients cannot have addresses of their own"
            }
            _ if population.timeout_ms == 0 => "its timeout is 0 ms; give it at least 1",
            _ => return Ok(()),
        };
        Err(Error::Population { name: population.name.clone(), why })
    }

    /// Refuses what an ordinary client cannot do, or does not tell.
    fn check_ordinary(&self, population: &Population) -> Result<(), Error> {
        let ordinary = self.populations.iter().filter(|population| is_ordinary(population));
        let rate: f64 = ordinary.filter_map(|population| population.pace.highest_rate()).sum();
        let later = |(of, rate): &(usize, f64)| {
            is_ordinary(&self.populations[*of]) && *rate > Behaviour::FASTEST_ORDINARY
        };
        let why = match population {
            _ if population.pace.highest_rate().is_none() => "reqwest is paced by a rate; give it one",
            _ if rate > Behaviour::FASTEST_ORDINARY || self.rates.iter().any(later) => {
                "reqwest keeps up with 500 requests a second, all its populations together; give it a lower rate"
            }
            _ if population.sources > 0 => "a client of reqwest has one address",
            _ if !population.headers.is_empty() => "reqwest is given no headers here",
            _ if population.body_bytes > Behaviour::LARGEST_ORDINARY_BODY => {
                "reqwest does not tell how much of a body it has written; give it at most 16384 bytes"
            }
            _ if self.options.most_starts.is_some() => "the number of its requests cannot be limited",
            _ if matches!(self.addresses[population.target], Address::Unix(_)) => {
                "reqwest does not tell its connections to a unix socket apart; give it an address and a port"
            }
            _ => return Ok(()),
        };
        Err(Error::Population { name: population.name.clone(), why })
    }

    /// Records the ledger of a thread must have room for.
    pub(crate) fn capacity(&self, thread: u32) -> u64 {
        let seconds = self.longest.as_secs_f64();
        let most = |((index, population), share): ((usize, &Population), Option<Share>)| {
            let Some(share) = share else { return 0 };
            let later = self.rates.iter().filter(|(of, _)| *of == index);
            let at = |(_, per_second): &(usize, f64)| {
                let pace = Pace::Poisson { per_second: *per_second };
                most_arrivals(&Population { pace, ..population.clone() }, seconds, share)
            };
            later.map(at).fold(most_arrivals(population, seconds, share), u64::max)
        };
        let planned = self.populations.iter().enumerate().zip(self.shares(thread)).map(most).sum();
        self.most_starts(thread).map_or(planned, |most| most.min(planned))
    }

    /// Connections of a thread whose callers are written down: one for each attempt and one kept by each client at most.
    /// `None` when no client has an address of its own.
    pub(crate) fn most_callers(&self, thread: u32) -> Option<u64> {
        let has_sources = self.populations.iter().any(|population| population.sources > 0);
        let kept: u64 = self.populations.iter().map(|population| u64::from(population.connections)).sum();
        has_sources.then(|| 2 * self.capacity(thread) + kept)
    }

    /// How many starts a thread may plan, if that is limited.
    pub(crate) fn most_starts(&self, thread: u32) -> Option<u64> {
        let share = Share { index: thread, of: self.options.threads };
        self.options.most_starts.map(|all| share.part(all))
    }
}

/// True for clients that are not the engine's own.
pub(crate) fn is_ordinary(population: &Population) -> bool {
    population.behaviour == Behaviour::Reqwest
}

/// Refuses populations that need more open files than this process may have. The limit is the user's to raise.
pub fn check_descriptors(populations: &[Population]) -> Result<(), Error> {
    let connections: u64 = populations.iter().map(|population| u64::from(population.connections)).sum();
    let needed = connections + SPARE_DESCRIPTORS;
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(Error::Descriptors { needed, limit }),
        _ => Ok(()),
    }
}
