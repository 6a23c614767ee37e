//! What the engine is told, and what of it cannot be done.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU8},
    time::Duration,
};

use facts::plan::{Pace, Population};
use rustix::process::{Resource, getrlimit};

use crate::{Error, arrival::most_arrivals};

/// Descriptors for everything that is not a client's connection.
const SPARE_DESCRIPTORS: u64 = 64;

/// Everything an engine needs to know.
pub struct Setup {
    /// Who sends what and when.
    pub populations: Vec<Population>,
    /// Where targets listen, by target index.
    pub addresses: Vec<SocketAddr>,
    /// Names of the origins, by index: what `X-Changeover-Origin` is compared with.
    pub origins: Vec<String>,
    /// From which every population draws its own stream.
    pub seed: u64,
    /// The phase the run is in, kept by its owner.
    pub phase: Arc<AtomicU8>,
    /// Where the ledger is written (`ledger-0.bin`).
    pub directory: PathBuf,
    /// Rates that populations are changed to later, by their index: the ledger has room for the highest.
    pub rates: Vec<(usize, f64)>,
    /// The run is not longer than this. Starts planned after it may find the ledger full and are then unsent.
    pub longest: Duration,
}

impl Setup {
    /// Refuses what could only go wrong later.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.populations.is_empty() || self.populations.len() > usize::from(u8::MAX) {
            return Err(Error::Populations { count: self.populations.len() });
        }
        self.populations.iter().try_for_each(|population| self.check_population(population))?;
        check_descriptors(&self.populations)
    }

    fn check_population(&self, population: &Population) -> Result<(), Error> {
        let rate = match population.pace {
            Pace::Constant { per_second } | Pace::Poisson { per_second } => per_second,
            Pace::Think { .. } => 1.0,
        };
        let is_plain = |path: &str| path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic());
        let why = match population {
            _ if population.target >= self.addresses.len() => "its target has no address",
            _ if population.connections == 0 => "it has no connections; give it at least 1",
            _ if !(rate.is_finite() && rate > 0.0) => "its rate is not a positive number a second",
            _ if !is_plain(&population.path) => "its path is not '/' and visible ASCII characters",
            _ if population.timeout_ms == 0 => "its timeout is 0 ms; give it at least 1",
            _ => return Ok(()),
        };
        Err(Error::Population { name: population.name.clone(), why })
    }

    /// Records the ledger must have room for.
    pub(crate) fn capacity(&self) -> u64 {
        let seconds = self.longest.as_secs_f64();
        let most = |(index, population): (usize, &Population)| {
            let later = self.rates.iter().filter(|(of, _)| *of == index);
            let at = |(_, per_second): &(usize, f64)| {
                let pace = Pace::Poisson { per_second: *per_second };
                most_arrivals(&Population { pace, ..population.clone() }, seconds)
            };
            later.map(at).fold(most_arrivals(population, seconds), u64::max)
        };
        self.populations.iter().enumerate().map(most).sum()
    }
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
