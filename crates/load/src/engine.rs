//! The loop of one engine thread: turns to each intended start on time, deals it to a client, lets clients walk
//! when the kernel has news, and writes down how every attempt ended.

mod start;
mod time;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use facts::{
    Nanos, Outcome,
    plan::{LoadChange, Population},
    record::{NEVER, ticks},
};
use ledger::Writer;
use rustix::io::Errno;

use crate::{
    Error,
    address::Address,
    arrival::Share,
    attempt::Attempt,
    client::{Client, Notice, Progress},
    group::{Group, Pacing},
    lag::Lag,
    setup::{Setup, Timing},
    stop::{BELL_TOKEN, Shared, Wish},
    times::AllTimes,
    wire::Wire,
};

/// Where the number of a thread stands in an id.
pub(crate) const THREAD_SHIFT: u32 = 48;

/// Runs its share of some populations until it is told to stop.
pub(crate) struct Engine {
    wire: Wire,
    ledger: Writer,
    clients: Vec<Client>,
    groups: Vec<Group>,
    /// Clients that go on by themselves, and when: slow ones between two pieces.
    timers: BinaryHeap<Reverse<(Nanos, usize)>>,
    phase: Arc<AtomicU8>,
    shared: Arc<Shared>,
    timing: Timing,
    measured: Measured,
    active: usize,
    next_id: u64,
    /// Starts that may still be planned.
    starts_left: u64,
    /// Nothing is planned after this instant.
    end: Nanos,
    /// What still waits for a connection then is not sent any more.
    queue_end: Nanos,
}

/// What only the thread itself knows until it is over.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) lag: Lag,
    pub(crate) times: AllTimes,
    /// Some answer carried the id of its request.
    pub(crate) echoed: bool,
}

impl Engine {
    /// The engine of one thread. Nobody is paced yet.
    pub(crate) fn new(setup: &Setup, thread: u32, wire: Wire, ledger: Writer, shared: Arc<Shared>) -> Engine {
        let mut engine = Engine {
            wire,
            ledger,
            clients: Vec::new(),
            groups: Vec::new(),
            timers: BinaryHeap::new(),
            phase: setup.phase.clone(),
            shared,
            timing: setup.options.timing,
            measured: Measured::default(),
            active: 0,
            next_id: (u64::from(thread) << THREAD_SHIFT) + 1,
            starts_left: setup.most_starts(thread).unwrap_or(u64::MAX),
            end: Nanos::MAX,
            queue_end: Nanos::MAX,
        };
        for ((index, population), share) in setup.populations.iter().enumerate().zip(setup.shares(thread)) {
            engine.add_clients(index, population, &setup.addresses[population.target], share);
        }
        engine
    }

    /// Paces everybody from `start`. Apart from making clients, which takes time and would make the first starts late.
    pub(crate) fn begin_at(&mut self, setup: &Setup, thread: u32, start: Nanos) {
        let populations = setup.populations.iter().zip(setup.shares(thread));
        for (group, (population, share)) in self.groups.iter_mut().zip(populations) {
            group.begin(population, setup.seed, start, share);
        }
    }

    fn add_clients(
        &mut self,
        index: usize,
        population: &Population,
        address: &Address,
        share: Option<Share>,
    ) {
        let count = share.map_or(0, |share| share.part(population.connections.into()) as usize);
        let numbers: Range<usize> = self.clients.len()..self.clients.len() + count;
        // Clients are dealt to threads in turn, and each has the same address whatever their number.
        let nth = |n: usize| share.map_or(0, |share| share.index + (n - numbers.start) as u32 * share.of);
        let client = |n: usize| Client::new(n as u64, index, nth(n), population, address);
        self.clients.extend(numbers.clone().map(client));
        self.groups.push(Group::new(population, numbers));
    }

    /// Until it was told to stop and every attempt is over.
    pub(crate) fn run(mut self) -> Result<Measured, Error> {
        loop {
            self.start_due();
            self.drop_queues_at_the_end();
            if self.is_done() {
                break;
            }
            let news = self.wire.epoll.wait(self.time_to_next()).map_err(waiting)?;
            self.wire.tick();
            for index in 0..news {
                self.take(index);
            }
            self.wake_due();
            // After the news: an answer that came in time is not late because we are.
            self.expire_due();
        }
        self.measured.echoed = self.wire.standards.iter().any(|standard| standard.echoes());
        self.wire.seal()?;
        self.ledger.seal()?;
        Ok(self.measured)
    }

    /// Lets a client walk as far as it can.
    fn walk(&mut self, index: usize) {
        loop {
            match self.clients[index].advance(&mut self.wire) {
                Progress::Waiting => return,
                Progress::Pausing(until) => return self.timers.push(Reverse((until, index))),
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
        let Some(Attempt { slot, mut record }) = client.take_attempt() else { return };
        // The clock was read when the last byte came; how anything else ended was noticed just now.
        let now = if outcome == Outcome::Ok { self.wire.now } else { self.wire.tick() };
        // Who waits for the end of the connection had its answer before.
        if record.done == NEVER {
            record.done = ticks(record.intended, now);
        }
        record.phase_done = self.phase.load(Ordering::Acquire);
        record.outcome = outcome as u8;
        record.errno = errno.map_or(0, |errno| errno.raw_os_error() as u8);
        self.ledger.finish(slot, &record);
        let group = &mut self.groups[client.population];
        self.measured.times.add(&record, outcome, group.timeout);
        self.shared.counters.finish(&record, outcome);
        self.shared.counters.connections.set(self.wire.connections.into());
        self.active -= 1;
        let is_free = client.attempt.is_none();
        if let Pacing::Think { nanos, wakes } = &mut group.pacing
            && is_free
        {
            wakes.push_back((now + *nanos, index));
        }
    }

    fn take(&mut self, index: usize) {
        let readiness = self.wire.epoll.event(index);
        if readiness.token == BELL_TOKEN {
            return self.obey();
        }
        let client = readiness.token as usize;
        match self.clients[client].notice(readiness) {
            Notice::Walk => self.walk(client),
            Notice::Listen => self.listen(client),
            Notice::Rest if readiness.hung_up => self.see_close(client),
            Notice::Rest => {}
        }
    }

    /// A long-lived connection has something to say between two attempts. An end that no attempt can tell of gets a
    /// record of its own.
    fn listen(&mut self, index: usize) {
        let Some(end) = self.clients[index].listen(&mut self.wire) else { return };
        let Some(start) = self.plan(self.clients[index].population, self.wire.now) else { return };
        let record = end.record(start);
        end.keep_evidence(start.id, &mut self.wire);
        if self.ledger.begin(&record).is_err() {
            return self.shared.counters.unsent.add(1);
        }
        self.shared.counters.sent.add(1);
        self.shared.counters.finish(&record, record.outcome());
        self.measured.times.add(&record, record.outcome(), self.groups[start.population].timeout);
    }

    /// The server closed a connection that rests: what some populations wait for.
    fn see_close(&mut self, client: usize) {
        let population = self.clients[client].population;
        if !self.groups[population].fires_at_close() {
            return;
        }
        for client in &self.groups[population].idle {
            // They have seen the end of theirs.
            self.clients[*client].let_go_if_hung_up();
        }
        let now = self.wire.tick();
        self.fire(population, now);
    }

    /// Does what the owner wishes.
    fn obey(&mut self) {
        for Wish { population, change, at } in self.shared.take_changes() {
            match change {
                LoadChange::Fire => self.fire(population, at),
                change => self.groups[population].change(change, at),
            }
            if change == LoadChange::Stop {
                let of = self.clients.iter_mut().filter(|client| client.population == population);
                of.filter(|client| client.attempt.is_none()).for_each(Client::retire);
            }
        }
        if self.shared.is_stopped() {
            self.stop_planning();
        }
    }
}

pub(crate) fn waiting(source: io::Error) -> Error {
    Error::Os { doing: "wait for network events", source }
}
