//! The loop of one engine thread: turns to each intended start on time, deals it to a client, lets clients walk
//! when the kernel has news, and writes down how every attempt ended.

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
    Nanos, Outcome, Record,
    plan::{LoadChange, Population},
    record::{NEVER, ticks},
};
use ledger::Writer;
use rustix::io::Errno;

use crate::{
    Error,
    address::Address,
    arrival::Share,
    attempt::{Attempt, Planned},
    client::{Client, Notice, Progress},
    group::{Group, Pacing, Source},
    lag::Lag,
    setup::{Setup, Timing},
    stop::{BELL_TOKEN, Shared, Wish},
    times::AllTimes,
    wire::Wire,
};

/// Most starts before the kernel is asked for news again: a generator that is behind must still read answers.
const STARTS_IN_A_ROW: usize = 32;
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

    fn start_due(&mut self) {
        for _ in 0..STARTS_IN_A_ROW {
            let now = self.wire.tick();
            match self.next_due() {
                Some((intended, group)) if intended <= now.min(self.end) => {
                    self.turn_to(group, intended, now)
                }
                _ => return,
            }
        }
    }

    /// The group that is due first: there are few, so that looking at all is cheaper than any order kept among them.
    fn next_due(&self) -> Option<(Nanos, usize)> {
        let due = self.groups.iter().enumerate().filter_map(|(index, group)| Some((group.due()?, index)));
        due.min()
    }

    fn turn_to(&mut self, group: usize, intended: Nanos, now: Nanos) {
        let Some(source) = self.groups[group].take_due(group) else { return };
        if let Source::All(population) = source {
            return self.fire(population, intended);
        }
        let Some(start) = self.plan(group, intended) else { return };
        self.measured.lag.add(start.phase, now - intended);
        match source {
            Source::Population(_) | Source::All(_) => self.deal(start),
            Source::Client(client) => {
                self.begin(client, start);
                self.walk(client);
            }
        }
    }

    /// Every client of a population that rests sends now.
    fn fire(&mut self, population: usize, intended: Nanos) {
        for client in std::mem::take(&mut self.groups[population].idle) {
            let Some(start) = self.plan(population, intended) else { return };
            self.begin(client, start);
            self.walk(client);
        }
    }

    /// A start that the plan wants; `None`: it was the last one before.
    fn plan(&mut self, population: usize, intended: Nanos) -> Option<Planned> {
        if self.starts_left == 0 {
            self.stop_planning();
            return None;
        }
        self.starts_left -= 1;
        let phase = self.phase.load(Ordering::Acquire);
        let start = Planned { id: self.next_id, intended, population, phase };
        self.next_id += 1;
        self.shared.counters.planned.add(1);
        Some(start)
    }

    fn deal(&mut self, start: Planned) {
        let group = &mut self.groups[start.population];
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
            self.shared.counters.unsent.add(1);
            return;
        };
        let group = &mut self.groups[client.population];
        let began = self.wire.now;
        group.deadlines.push_back((began + group.timeout, index, start.id));
        client.begin(Attempt { slot, record });
        self.shared.counters.sent.add(1);
        self.active += 1;
        for _ in 1..group.depth {
            let Some(next) = self.plan(start.population, start.intended) else { return };
            self.join(index, next, began);
        }
    }

    /// One more request in the batch that a client has just begun.
    fn join(&mut self, index: usize, start: Planned, began: Nanos) {
        let record = start.record();
        let Ok(slot) = self.ledger.begin(&record) else {
            self.shared.counters.unsent.add(1);
            return;
        };
        let group = &mut self.groups[start.population];
        group.deadlines.push_back((began + group.timeout, index, start.id));
        self.clients[index].join(Attempt { slot, record });
        self.shared.counters.sent.add(1);
        self.active += 1;
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

    /// What a resting client is to do at once; otherwise it is put where its next start will find it.
    fn next_start(&mut self, index: usize) -> Option<Planned> {
        let population = self.clients[index].population;
        let group = &mut self.groups[population];
        let next = group.queue.pop_front();
        match group.pacing {
            Pacing::Think { .. } => next,
            Pacing::Stopped(_) if next.is_none() => {
                self.clients[index].retire();
                group.idle.push_back(index);
                None
            }
            Pacing::Closed { .. } if self.wire.now <= self.end => self.plan(population, self.wire.now),
            _ => {
                if next.is_none() {
                    group.idle.push_back(index);
                }
                next
            }
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

    /// Lets clients go on that paused until now.
    fn wake_due(&mut self) {
        while let Some(&Reverse((at, client))) = self.timers.peek() {
            if at > self.wire.now {
                return;
            }
            self.timers.pop();
            if self.clients[client].attempt.is_some() {
                self.walk(client);
            }
        }
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

    /// Starts that were due before this moment are still made, if their number is not limited.
    fn stop_planning(&mut self) {
        let longest = self.groups.iter().map(|group| group.timeout).max().unwrap_or(0);
        self.end = self.end.min(self.wire.tick());
        self.queue_end = self.end + longest;
    }

    fn drop_queues_at_the_end(&mut self) {
        if self.end == Nanos::MAX || self.queue_end > self.wire.now {
            return;
        }
        for start in self.groups.iter_mut().flat_map(|group| group.queue.drain(..)) {
            // A full ledger remembers that it turned somebody away.
            let _ = self.ledger.begin(&Record { outcome: Outcome::Unsent as u8, ..start.record() });
            self.shared.counters.unsent.add(1);
        }
    }

    fn expire_due(&mut self) {
        for index in 0..self.groups.len() {
            while let Some(&(deadline, client, id)) = self.groups[index].deadlines.front() {
                let current = self.clients[client].is_about(id);
                if current && deadline > self.wire.now {
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

    fn is_done(&self) -> bool {
        let planning = self.starts_left > 0 && self.next_due().is_some_and(|(at, _)| at <= self.end);
        self.end != Nanos::MAX && self.active == 0 && !planning && !self.is_queueing()
    }

    fn is_queueing(&self) -> bool {
        self.groups.iter().any(|group| !group.queue.is_empty())
    }

    /// Nanoseconds until something is due that the kernel does not know of.
    fn time_to_next(&self) -> Option<Nanos> {
        let start = self.next_due().map(|(at, _)| at).filter(|at| *at <= self.end).map(|at| self.on_time(at));
        let deadlines = self.groups.iter().filter_map(|group| group.deadlines.front().map(|d| d.0));
        let queue_end = self.is_queueing().then_some(self.queue_end);
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let next = deadlines.chain(start).chain(queue_end).chain(timer).min()?;
        Some(next.saturating_sub(self.wire.now))
    }

    /// When a start that is due at an instant is turned to.
    fn on_time(&self, due: Nanos) -> Nanos {
        match self.timing {
            Timing::Exact => due,
            Timing::Batch { nanos } => due.next_multiple_of(nanos.max(1)),
            // Now, again and again, until it is.
            Timing::Spin => self.wire.now,
        }
    }
}

pub(crate) fn waiting(source: io::Error) -> Error {
    Error::Os { doing: "wait for network events", source }
}
