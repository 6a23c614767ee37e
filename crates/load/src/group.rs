//! What a thread knows of a population: who paces it, which of its clients rest, and what waits for one.

use std::{collections::VecDeque, ops::Range};

use facts::{
    Nanos,
    plan::{Fires, LoadChange, Pace, Population},
};

use crate::{
    arrival::{Arrivals, Share, staggered},
    attempt::Planned,
};

/// First starts of clients in a closed loop are spread over this: a volley of handshakes is no steady state.
const CLOSED_SPAN_NANOS: Nanos = 10_000_000;

/// Who wants to start at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The open-loop plan of a population, by its index.
    Population(usize),
    /// A client that has thought long enough.
    Client(usize),
    /// All clients of a population that rest.
    All(usize),
}

/// Kept connections of a volley are opened over this long.
const OPENED_OVER_NANOS: Nanos = 200_000_000;

/// Who decides when the next request starts.
pub(crate) enum Pacing {
    /// The plan, whatever the answers do.
    Open { arrivals: Box<Arrivals>, next: Nanos },
    /// Each client, this long after its last answer. All think equally long, so those who think are in order.
    Think { nanos: Nanos, wakes: VecDeque<(Nanos, usize)> },
    /// Each client, as soon as it was answered; `first` are those that have not begun.
    Closed { first: VecDeque<(Nanos, usize)> },
    /// All at once when something happens; at `next`, if the clock is what fires them. `first` are those whose connections
    /// are to be opened before.
    Volley { fires: Fires, next: Option<Nanos>, first: VecDeque<(Nanos, usize)> },
    /// Nobody, until the plan (if there is one) gets a new rate.
    Stopped(Option<Box<Arrivals>>),
}

/// A population at work. Clients are named by their number in the engine.
pub(crate) struct Group {
    pub(crate) pacing: Pacing,
    pub(crate) timeout: Nanos,
    /// Requests that a client begins at once.
    pub(crate) depth: u16,
    /// Clients of an open loop that rest, the longest first.
    pub(crate) idle: VecDeque<usize>,
    /// Starts that wait for a client.
    pub(crate) queue: VecDeque<Planned>,
    /// In order, because the timeout is the same for all: (deadline, client, id).
    pub(crate) deadlines: VecDeque<(Nanos, usize, u64)>,
}

impl Group {
    /// Nobody is paced yet.
    pub(crate) fn new(population: &Population, clients: Range<usize>) -> Group {
        Group {
            pacing: Pacing::Stopped(None),
            timeout: Nanos::from(population.timeout_ms) * 1_000_000,
            depth: population.behaviour.depth(),
            idle: clients.collect(),
            queue: VecDeque::new(),
            deadlines: VecDeque::new(),
        }
    }

    /// Begins to pace from `start`; a thread that has no share of the population has nothing to do with it.
    pub(crate) fn begin(&mut self, population: &Population, seed: u64, start: Nanos, share: Option<Share>) {
        let Some(share) = share else { return };
        let mut clients = |span: Nanos| {
            let starts = staggered(population, seed, start, span, share);
            starts.into_iter().zip(self.idle.drain(..)).collect()
        };
        self.pacing = match population.pace {
            Pace::Think { nanos } => Pacing::Think { nanos, wakes: clients(nanos) },
            Pace::Closed => Pacing::Closed { first: clients(CLOSED_SPAN_NANOS) },
            Pace::Volley { fires } => {
                // Where each request has a connection of its own nothing is to be opened before.
                let keeps = population.behaviour.keeps();
                let first = if keeps { clients(OPENED_OVER_NANOS) } else { VecDeque::new() };
                Pacing::Volley { fires, next: next_volley(fires, start), first }
            }
            _ => Arrivals::new(population, seed, start, share).map_or(Pacing::Stopped(None), open),
        };
    }

    /// When the next request is wanted that nothing but the time holds back.
    pub(crate) fn due(&self) -> Option<Nanos> {
        match &self.pacing {
            Pacing::Open { next, .. } => Some(*next),
            Pacing::Think { wakes: clients, .. } | Pacing::Closed { first: clients } => {
                clients.front().map(|(at, _)| *at)
            }
            Pacing::Volley { next, first, .. } => {
                let opening = first.front().map(|(at, _)| *at);
                opening.into_iter().chain(*next).min()
            }
            Pacing::Stopped(_) => None,
        }
    }

    /// Who is due; the plan goes on to its next arrival.
    pub(crate) fn take_due(&mut self, index: usize) -> Option<Source> {
        match &mut self.pacing {
            Pacing::Open { arrivals, next } => {
                *next = arrivals.next();
                Some(Source::Population(index))
            }
            Pacing::Think { wakes: clients, .. } | Pacing::Closed { first: clients } => {
                clients.pop_front().map(|(_, client)| Source::Client(client))
            }
            Pacing::Volley { fires, next, first } => match (first.front(), *next) {
                (Some((at, _)), volley) if volley.is_none_or(|volley| *at <= volley) => {
                    first.pop_front().map(|(_, client)| Source::Client(client))
                }
                (_, volley) => {
                    *next = next_volley(*fires, volley?);
                    Some(Source::All(index))
                }
            },
            Pacing::Stopped(_) => None,
        }
    }

    /// True when the first close of an idle connection is the sign to fire.
    pub(crate) fn fires_at_close(&self) -> bool {
        matches!(self.pacing, Pacing::Volley { fires: Fires::FirstClose, .. })
    }

    /// From `now` on.
    pub(crate) fn change(&mut self, change: LoadChange, now: Nanos) {
        let arrivals = match std::mem::replace(&mut self.pacing, Pacing::Stopped(None)) {
            Pacing::Open { arrivals, .. } | Pacing::Stopped(Some(arrivals)) => Some(arrivals),
            Pacing::Think { .. } | Pacing::Closed { .. } | Pacing::Volley { .. } | Pacing::Stopped(None) => {
                None
            }
        };
        self.pacing = match (change, arrivals) {
            (LoadChange::Rate { per_second }, Some(mut arrivals)) => {
                arrivals.change_rate(per_second, now);
                open(*arrivals)
            }
            (_, arrivals) => Pacing::Stopped(arrivals),
        };
    }
}

/// When the volley after one at `now` is due, if the clock says so.
fn next_volley(fires: Fires, now: Nanos) -> Option<Nanos> {
    if let Fires::Every { nanos } = fires { Some(now + nanos) } else { None }
}

fn open(mut arrivals: Arrivals) -> Pacing {
    let next = arrivals.next();
    Pacing::Open { arrivals: Box::new(arrivals), next }
}
