//! The thread that asks: begins what the pacer hands on, as many at a time as the population has connections, and
//! writes down how every attempt ended.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use facts::{
    Nanos, Outcome, Record,
    plan::Population,
    record::{flag, ticks},
};
use ledger::{Slot, Writer, clock};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    connections::Connections,
    exchange::{Asker, Exchange, Failure},
};
use crate::{
    Error,
    answer::Answer,
    attempt::{Attempt, Planned},
    engine::Measured,
    fault::{Connection, End, Stage, classify},
    setup::{Setup, is_ordinary},
    standard::Standard,
    stop::Shared,
    wire::Numbers,
};

/// Ordinary clients at work.
pub(super) struct Asking {
    lines: Vec<Line>,
    connections: Arc<Connections>,
    ledger: Writer,
    phase: Arc<AtomicU8>,
    shared: Arc<Shared>,
    starts: UnboundedReceiver<Planned>,
    under_way: JoinSet<Ended>,
    measured: Measured,
}

/// One population.
struct Line {
    population: Population,
    /// `None` for the engine's own.
    asker: Option<Asker>,
    standard: Standard,
    under_way: u32,
    /// Starts that wait until another request is over.
    queue: VecDeque<Planned>,
}

struct Ended {
    attempt: Attempt,
    exchange: Exchange,
}

impl Asking {
    pub(super) fn new(
        setup: &Setup,
        thread: u32,
        ledger: Writer,
        shared: Arc<Shared>,
        starts: UnboundedReceiver<Planned>,
    ) -> Result<Asking, Error> {
        let connections = Arc::new(Connections::new(Numbers::new(setup, thread)));
        let origins: Arc<[String]> = setup.origins.clone().into();
        let line = |population: &Population| {
            let address = &setup.addresses[population.target];
            let asker = || Asker::new(population, address, origins.clone(), connections.clone());
            Ok(Line {
                asker: is_ordinary(population).then(asker).transpose()?,
                standard: Standard::new(population, origins.len(), setup.options.bodies),
                population: population.clone(),
                under_way: 0,
                queue: VecDeque::new(),
            })
        };
        Ok(Asking {
            lines: setup.populations.iter().map(line).collect::<Result<_, Error>>()?,
            connections,
            ledger,
            phase: setup.phase.clone(),
            shared,
            starts,
            under_way: JoinSet::new(),
            measured: Measured::default(),
        })
    }

    /// Until the pacer hands on nothing more and every attempt is over.
    pub(super) async fn run(mut self) -> Result<Measured, Error> {
        let mut queue_end = None;
        loop {
            tokio::select! {
                start = self.starts.recv(), if queue_end.is_none() => match start {
                    Some(start) => self.deal(start),
                    None => queue_end = Some(Instant::now() + self.longest()),
                },
                Some(ended) = self.under_way.join_next() => self.finish(ended.map_err(|_| Error::Panicked)?),
                () = until(queue_end), if queue_end.is_some() => self.drop_queues(),
            }
            let is_idle = self.under_way.is_empty() && self.lines.iter().all(|line| line.queue.is_empty());
            if queue_end.is_some() && is_idle {
                break;
            }
        }
        self.measured.echoed = self.lines.iter().any(|line| line.standard.echoes());
        self.ledger.seal()?;
        Ok(self.measured)
    }

    /// What still waits this long after the end is not sent any more.
    fn longest(&self) -> Duration {
        let timeouts = self.lines.iter().map(|line| line.population.timeout_ms);
        Duration::from_millis(timeouts.max().unwrap_or(0).into())
    }

    fn deal(&mut self, start: Planned) {
        self.measured.lag.add(start.phase, clock::now().saturating_sub(start.intended));
        let line = &mut self.lines[start.population];
        if line.under_way < line.population.connections {
            self.begin(start)
        } else {
            line.queue.push_back(start)
        }
    }

    fn begin(&mut self, start: Planned) {
        let record = start.record();
        let line = &mut self.lines[start.population];
        let (Ok(slot), Some(asker)) = (self.ledger.begin(&record), line.asker.clone()) else {
            return self.shared.counters.unsent.add(1);
        };
        line.under_way += 1;
        self.shared.counters.sent.add(1);
        self.under_way.spawn(async move {
            let exchange = asker.ask(start.id).await;
            Ended { attempt: Attempt { slot, record }, exchange }
        });
    }

    fn finish(&mut self, Ended { attempt, exchange }: Ended) {
        let line = &mut self.lines[usize::from(attempt.record.population)];
        let outcome = outcome(line, attempt.record.id, &exchange);
        let bytes_out = line.asker.as_ref().map_or(0, |asker| asker.bytes_out);
        let phase = self.phase.load(Ordering::Acquire);
        let (slot, record) = described(attempt, &exchange, &line.population, outcome, bytes_out, phase);
        self.ledger.finish(slot, &record);
        self.measured.times.add(&record, outcome, Nanos::from(line.population.timeout_ms) * 1_000_000);
        self.shared.counters.finish(&record, outcome);
        self.shared.counters.connections.set(self.connections.opened().into());
        line.under_way -= 1;
        if let Some(next) = line.queue.pop_front() {
            self.begin(next);
        }
    }

    fn drop_queues(&mut self) {
        for start in self.lines.iter_mut().flat_map(|line| line.queue.drain(..)) {
            // A full ledger remembers that it turned somebody away.
            let _ = self.ledger.begin(&Record { outcome: Outcome::Unsent as u8, ..start.record() });
            self.shared.counters.unsent.add(1);
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What an exchange is worth.
fn outcome(line: &mut Line, id: u64, exchange: &Exchange) -> Outcome {
    let Err(Failure { stage, end }) = exchange.end else {
        let Exchange { head, body, content, bytes_in, .. } = exchange;
        return line.standard.judge(&Answer::read_elsewhere(*head, *body, *content, *bytes_in), id);
    };
    let connection = match exchange.used {
        Some(used) if used.sequence > 0 => Connection::Reused,
        _ => Connection::Fresh,
    };
    match end {
        // It ended, and nobody says on which connection: whether it may be asked again is not known.
        Some(end) if stage == Stage::Waiting && end != End::Deadline && exchange.used.is_none() => {
            let is_own = matches!(end, End::NotHttp);
            if is_own {
                classify(stage, end, connection, line.population.method)
            } else {
                Outcome::GeneratorFault
            }
        }
        Some(end) => classify(stage, end, connection, line.population.method),
        None => Outcome::GeneratorFault,
    }
}

/// The whole truth about an attempt, as far as its client tells it.
fn described(
    mut attempt: Attempt,
    exchange: &Exchange,
    population: &Population,
    outcome: Outcome,
    bytes_out: u32,
    phase: u8,
) -> (Slot, Record) {
    let intended = attempt.record.intended;
    if let Some(used) = exchange.used {
        let record = &mut attempt.record;
        (record.connection, record.sequence, record.local_port) = (used.number, used.sequence, used.port);
        match used.sequence {
            0 => attempt.connected(ticks(intended, used.established), used.opened),
            _ => record.connected = 0,
        }
    }
    attempt.describe_head(&exchange.head, exchange.bytes_in);
    let Attempt { slot, mut record } = attempt;
    record.bytes_out = if has_request_out(exchange) { bytes_out } else { 0 };
    record.first_byte = exchange.head_at.map_or(record.first_byte, |at| ticks(intended, at));
    record.done = ticks(intended, exchange.done);
    record.phase_done = phase;
    record.outcome = outcome as u8;
    record.errno = match exchange.end {
        Err(Failure { end: Some(end), .. }) => end.errno().map_or(0, |errno| errno.raw_os_error() as u8),
        _ => 0,
    };
    record.flags |= flags(exchange, population, outcome);
    (slot, record)
}

/// Whoever has a connection has written, or it would have been sent again.
fn has_request_out(exchange: &Exchange) -> bool {
    !matches!(exchange.end, Err(Failure { stage: Stage::Connecting, .. }))
}

fn flags(exchange: &Exchange, population: &Population, outcome: Outcome) -> u8 {
    let is_untold = matches!(
        outcome,
        Outcome::RetriableClose
            | Outcome::UnsafeClose
            | Outcome::ResetInAcceptQueue
            | Outcome::TimeoutFirstByte
    );
    let all = [
        (flag::CLOSE_ANNOUNCED, exchange.end.is_ok() && exchange.head.closes),
        (flag::UNSAFE_METHOD, population.method == facts::plan::Method::Post),
        (flag::IDLE_CLOSE_SEEN, exchange.resent),
        (flag::HEAD_UNTOLD, is_untold && has_request_out(exchange)),
    ];
    all.into_iter().filter(|(_, is_so)| *is_so).fold(0, |flags, (bit, _)| flags | bit)
}
