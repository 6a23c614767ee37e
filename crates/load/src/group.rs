//! What an engine knows of a population: who paces it, which of its clients rest, and what waits for one.

use std::{collections::VecDeque, ops::Range};

use facts::{
    Nanos,
    plan::{LoadChange, Pace, Population},
};

use crate::{
    arrival::{Arrivals, staggered},
    attempt::Planned,
};

/// Who wants to start at an instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The open-loop plan of a population.
    Population(usize),
    /// A client that has thought long enough.
    Client(usize),
}

/// Who decides when the next request starts.
pub(crate) enum Pacing {
    /// The plan, whatever the answers do.
    Open(Box<Arrivals>),
    /// Each client, this long after its last answer.
    Think(Nanos),
    /// Nobody, until the plan (if there is one) gets a new rate.
    Stopped(Option<Box<Arrivals>>),
}

/// A population at work. Clients are named by their number in the engine.
pub(crate) struct Group {
    pub(crate) pacing: Pacing,
    pub(crate) timeout: Nanos,
    /// Clients of an open loop that rest, the longest first.
    pub(crate) idle: VecDeque<usize>,
    /// Starts that wait for a client.
    pub(crate) queue: VecDeque<Planned>,
    /// In order, because the timeout is the same for all: (deadline, client, id).
    pub(crate) deadlines: VecDeque<(Nanos, usize, u64)>,
}

impl Group {
    /// From `now` on; who wants to start next, and when.
    pub(crate) fn change(&mut self, index: usize, change: LoadChange, now: Nanos) -> Option<(Nanos, Source)> {
        let arrivals = match std::mem::replace(&mut self.pacing, Pacing::Stopped(None)) {
            Pacing::Open(arrivals) | Pacing::Stopped(Some(arrivals)) => Some(arrivals),
            Pacing::Think(_) | Pacing::Stopped(None) => None,
        };
        match (change, arrivals) {
            (LoadChange::Rate { per_second }, Some(mut arrivals)) => {
                arrivals.change_rate(per_second, now);
                let first = arrivals.next();
                self.pacing = Pacing::Open(arrivals);
                Some((first, Source::Population(index)))
            }
            (_, arrivals) => {
                self.pacing = Pacing::Stopped(arrivals);
                None
            }
        }
    }

    pub(crate) fn new(population: &Population, clients: Range<usize>) -> Group {
        Group {
            pacing: Pacing::Think(0),
            timeout: Nanos::from(population.timeout_ms) * 1_000_000,
            idle: clients.collect(),
            queue: VecDeque::new(),
            deadlines: VecDeque::new(),
        }
    }

    /// Begins to pace from `start`; who wants to start first, and when.
    pub(crate) fn first_wakes(
        &mut self,
        index: usize,
        population: &Population,
        seed: u64,
        start: Nanos,
    ) -> Vec<(Nanos, Source)> {
        if let Pace::Think { nanos } = population.pace {
            self.pacing = Pacing::Think(nanos);
            let starts = staggered(&population.name, seed, start, nanos, population.connections);
            return starts.into_iter().zip(self.idle.drain(..).map(Source::Client)).collect();
        }
        let Some(mut arrivals) = Arrivals::new(population, seed, start) else { return Vec::new() };
        let first = arrivals.next();
        self.pacing = Pacing::Open(Box::new(arrivals));
        vec![(first, Source::Population(index))]
    }
}
