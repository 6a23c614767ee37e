//! The loop of one engine thread: turns to each intended start on time, deals it to a client, lets clients walk
//! when the kernel has news, and writes down how every attempt ended.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use facts::{
    Nanos, Outcome, Record,
    plan::{LoadChange, Population},
    record::ticks,
};
use ledger::{Writer, clock};
use rustix::io::Errno;

use crate::{
    Error, Totals,
    attempt::{Attempt, Planned},
    client::{Client, Progress},
    group::{Group, Pacing, Source},
    lag::Lag,
    setup::Setup,
    stop::{BELL_TOKEN, Shared},
    wire::Wire,
};

/// Most starts before the kernel is asked for news again: a generator that is behind must still read answers.
const STARTS_IN_A_ROW: usize = 32;

/// Runs some populations until it is told to stop.
pub(crate) struct Engine {
    wire: Wire,
    ledger: Writer,
    clients: Vec<Client>,
    groups: Vec<Group>,
    /// The next intended start of each population or client.
    calendar: BinaryHeap<Reverse<(Nanos, Source)>>,
    phase: Arc<AtomicU8>,
    shared: Arc<Shared>,
    lag: Lag,
    active: usize,
    next_id: u64,
    totals: Totals,
    /// Nothing is planned after this instant.
    end: Nanos,
    /// What still waits for a connection then is not sent any more.
    queue_end: Nanos,
}

impl Engine {
    pub(crate) fn new(setup: &Setup, wire: Wire, ledger: Writer, shared: Arc<Shared>) -> Engine {
        let mut engine = Engine {
            wire,
            ledger,
            clients: Vec::new(),
            groups: Vec::new(),
            calendar: BinaryHeap::new(),
            phase: setup.phase.clone(),
            shared,
            lag: Lag::default(),
            active: 0,
            next_id: 1,
            totals: Totals::default(),
            end: Nanos::MAX,
            queue_end: Nanos::MAX,
        };
        for (index, population) in setup.populations.iter().enumerate() {
            engine.add_clients(index, population, setup.addresses[population.target]);
        }
        // Only now: making clients takes time, and would make the first starts late.
        let start = clock::now();
        for (index, population) in setup.populations.iter().enumerate() {
            let wakes = engine.groups[index].first_wakes(index, population, setup.seed, start);
            engine.calendar.extend(wakes.into_iter().map(Reverse));
        }
        engine
    }

    fn add_clients(&mut self, index: usize, population: &Population, address: SocketAddr) {
        let first = self.clients.len();
        let numbers = first..first + population.connections as usize;
        self.clients.extend(numbers.clone().map(|n| Client::new(n as u64, index, population, address)));
        self.groups.push(Group::new(population, numbers));
    }

    /// Until it was told to stop and every attempt is over.
    pub(crate) fn run(mut self) -> Result<Totals, Error> {
        loop {
            self.start_due();
            self.drop_queues_at_the_end();
            if self.is_done() {
                break;
            }
            let news = self.wire.epoll.wait(self.time_to_next()).map_err(waiting)?;
            for index in 0..news {
                self.take(index);
            }
            // After the news: an answer that came in time is not late because we are.
            self.expire_due();
        }
        self.totals.lag = self.lag.totals();
        self.ledger.seal()?;
        Ok(self.totals)
    }

    fn start_due(&mut self) {
        for _ in 0..STARTS_IN_A_ROW {
            let now = clock::now();
            let Some(&Reverse((intended, source))) = self.calendar.peek() else { return };
            if intended > now.min(self.end) {
                return;
            }
            self.calendar.pop();
            self.turn_to(intended, source, now);
        }
    }

    fn turn_to(&mut self, intended: Nanos, source: Source, now: Nanos) {
        let phase = self.phase.load(Ordering::Acquire);
        self.lag.add(phase, now - intended);
        let population = match source {
            Source::Population(index) => index,
            Source::Client(client) => self.clients[client].population,
        };
        let start = Planned { id: self.next_id, intended, population, phase };
        self.next_id += 1;
        self.totals.planned += 1;
        self.shared.planned.store(self.totals.planned, Ordering::Relaxed);
        match source {
            Source::Population(_) => self.deal(start),
            Source::Client(client) => {
                self.begin(client, start);
                self.walk(client);
            }
        }
    }

    fn deal(&mut self, start: Planned) {
        let group = &mut self.groups[start.population];
        if let Pacing::Open(arrivals) = &mut group.pacing {
            self.calendar.push(Reverse((arrivals.next(), Source::Population(start.population))));
        }
        // The longest idle first, never used before used: all connections are opened, and each of them rests.
        match group.idle.pop_front() {
            Some(client) => {
                self.begin(client, start);
                self.walk(client);
            }
            None => group.queue.push_back(start),
        }
    }

    fn begin(&mut self, index: usize, start: Planned) {
        let client = &mut self.clients[index];
        let record = start.record();
        let Ok(slot) = self.ledger.begin(&record) else {
            self.totals.unsent += 1;
            return;
        };
        let group = &mut self.groups[client.population];
        let deadline = clock::now() + group.timeout;
        group.deadlines.push_back((deadline, index, start.id));
        client.begin(Attempt { slot, record });
        self.totals.sent += 1;
        self.active += 1;
    }

    /// Lets a client walk as far as it can.
    fn walk(&mut self, index: usize) {
        loop {
            match self.clients[index].advance(&mut self.wire) {
                Progress::Waiting => return,
                Progress::Over(outcome, errno) => self.finish(index, outcome, errno),
                Progress::Resting => match self.next_start(index) {
                    Some(start) => self.begin(index, start),
                    None => return,
                },
            }
        }
    }

    fn finish(&mut self, index: usize, outcome: Outcome, errno: Option<Errno>) {
        let client = &mut self.clients[index];
        let Some(Attempt { slot, mut record }) = client.attempt.take() else { return };
        let now = clock::now();
        record.done = ticks(record.intended, now);
        record.phase_done = self.phase.load(Ordering::Acquire);
        record.outcome = outcome as u8;
        record.errno = errno.map_or(0, |errno| errno.raw_os_error() as u8);
        self.ledger.finish(slot, &record);
        self.active -= 1;
        if let Pacing::Think(think) = self.groups[client.population].pacing {
            self.calendar.push(Reverse((now + think, Source::Client(index))));
        }
    }

    /// What a resting client is to do at once; otherwise it is put where its next start will find it.
    fn next_start(&mut self, index: usize) -> Option<Planned> {
        let group = &mut self.groups[self.clients[index].population];
        let next = group.queue.pop_front();
        if next.is_none() && !matches!(group.pacing, Pacing::Think(_)) {
            group.idle.push_back(index);
        }
        next
    }

    fn take(&mut self, index: usize) {
        let readiness = self.wire.epoll.event(index);
        if readiness.token == BELL_TOKEN {
            return self.obey();
        }
        let client = readiness.token as usize;
        if self.clients[client].notice(readiness) {
            self.walk(client);
        }
    }

    /// Does what the owner wishes.
    fn obey(&mut self) {
        for (population, change) in self.shared.take_changes() {
            self.change(population, change);
        }
        if self.shared.is_stopped() {
            self.stop_planning();
        }
    }

    fn change(&mut self, population: usize, change: LoadChange) {
        let clients = &self.clients;
        self.calendar.retain(|Reverse((_, source))| match source {
            Source::Population(index) => *index != population,
            Source::Client(client) => clients[*client].population != population,
        });
        let next = self.groups[population].change(population, change, clock::now());
        self.calendar.extend(next.map(Reverse));
    }

    /// Starts that were due before this moment are still made.
    fn stop_planning(&mut self) {
        let longest = self.groups.iter().map(|group| group.timeout).max().unwrap_or(0);
        self.end = self.end.min(clock::now());
        self.queue_end = self.end + longest;
    }

    fn drop_queues_at_the_end(&mut self) {
        if self.end == Nanos::MAX || self.queue_end > clock::now() {
            return;
        }
        for start in self.groups.iter_mut().flat_map(|group| group.queue.drain(..)) {
            // A full ledger remembers that it turned somebody away.
            let _ = self.ledger.begin(&Record { outcome: Outcome::Unsent as u8, ..start.record() });
            self.totals.unsent += 1;
        }
    }

    fn expire_due(&mut self) {
        for index in 0..self.groups.len() {
            while let Some(&(deadline, client, id)) = self.groups[index].deadlines.front() {
                let current = self.is_under_way(client, id);
                if current && deadline > clock::now() {
                    break;
                }
                self.groups[index].deadlines.pop_front();
                if current && let Progress::Over(outcome, errno) = self.clients[client].expire(&mut self.wire)
                {
                    self.finish(client, outcome, errno);
                    self.walk(client);
                }
            }
        }
    }

    fn is_under_way(&self, client: usize, id: u64) -> bool {
        self.clients[client].attempt.as_ref().is_some_and(|attempt| attempt.record.id == id)
    }

    fn is_done(&self) -> bool {
        let planning = self.calendar.peek().is_some_and(|Reverse((at, _))| *at <= self.end);
        self.end != Nanos::MAX && self.active == 0 && !planning && !self.is_queueing()
    }

    fn is_queueing(&self) -> bool {
        self.groups.iter().any(|group| !group.queue.is_empty())
    }

    /// Nanoseconds until something is due that the kernel does not know of.
    fn time_to_next(&self) -> Option<Nanos> {
        let start = self.calendar.peek().map(|Reverse((at, _))| *at).filter(|at| *at <= self.end);
        let deadlines = self.groups.iter().filter_map(|group| group.deadlines.front().map(|d| d.0));
        let queue_end = self.is_queueing().then_some(self.queue_end);
        let next = deadlines.chain(start).chain(queue_end).min()?;
        Some(next.saturating_sub(clock::now()))
    }
}

fn waiting(source: io::Error) -> Error {
    Error::Os { doing: "wait for network events", source }
}
