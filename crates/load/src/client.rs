//! One client: walks through its script, with at most one connection and one attempt at a time.

use std::net::SocketAddr;

use facts::{
    Outcome, Record,
    plan::{Method, Population},
    record::{NEVER, flag, ticks},
};
use rustix::io::Errno;

use crate::{
    answer::Answer,
    attempt::Attempt,
    fault::{self, Connection, End, Stage},
    request::Request,
    script::{Op, script},
    socket::{Found, Io, Socket},
    sys::Readiness,
    wire::Wire,
};

/// How far [`Client::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The kernel will tell when there is more to do.
    Waiting,
    /// The attempt is over.
    Over(Outcome, Option<Errno>),
    /// Nothing to do before the next request.
    Resting,
}

enum Step {
    Next,
    Waiting,
    Answered,
    Failed(End),
}

/// A client of a population.
pub(crate) struct Client {
    pub(crate) population: usize,
    token: u64,
    script: &'static [Op],
    position: usize,
    address: SocketAddr,
    method: Method,
    request: Request,
    written: usize,
    broken: Option<Errno>,
    answer: Answer,
    socket: Option<Socket>,
    found_closed: bool,
    pub(crate) attempt: Option<Attempt>,
}

impl Client {
    pub(crate) fn new(token: u64, index: usize, population: &Population, address: SocketAddr) -> Client {
        Client {
            population: index,
            token,
            script: script(population),
            position: 0,
            address,
            method: population.method,
            request: Request::new(population, address),
            written: 0,
            broken: None,
            answer: Answer::new(),
            socket: None,
            found_closed: false,
            attempt: None,
        }
    }

    /// Leaves its rest with a new attempt.
    pub(crate) fn begin(&mut self, attempt: Attempt) {
        debug_assert_eq!(self.script[self.position], Op::Await);
        self.request.set_id(attempt.record.id);
        self.answer.reset();
        (self.written, self.broken) = (0, None);
        self.attempt = Some(attempt);
        self.position += 1;
    }

    /// What epoll said about its connection. True when there may be something to do: an idle connection is left
    /// alone, because a client that does not look must not learn of its end.
    pub(crate) fn notice(&mut self, readiness: Readiness) -> bool {
        if let Some(socket) = &mut self.socket {
            socket.notice(readiness);
        }
        self.attempt.is_some()
    }

    /// Walks on until the kernel or the plan has to say something, or the attempt is over.
    pub(crate) fn advance(&mut self, wire: &mut Wire) -> Progress {
        loop {
            let step = match self.script[self.position] {
                Op::Await => return Progress::Resting,
                Op::Look => self.look(),
                Op::Connect => self.connect(wire),
                Op::Send => self.send(),
                Op::Receive => self.receive(wire),
                Op::Close => self.close(),
            };
            match step {
                Step::Next => self.position = (self.position + 1) % self.script.len(),
                Step::Waiting => return Progress::Waiting,
                Step::Answered => return self.answered(wire),
                Step::Failed(end) => return self.failed(end),
            }
        }
    }

    /// Time is over. What already lies in the socket still counts: we may be the one who is late.
    pub(crate) fn expire(&mut self, wire: &mut Wire) -> Progress {
        if let Some(socket) = &mut self.socket {
            socket.distrust_hints();
        }
        match self.advance(wire) {
            Progress::Waiting => self.failed(End::Deadline),
            over => over,
        }
    }

    fn record(&mut self) -> &mut Record {
        &mut self.attempt.as_mut().expect("a client on its way has an attempt").record
    }

    fn ticks_so_far(&self) -> u32 {
        self.attempt.as_ref().map_or(NEVER, Attempt::ticks_so_far)
    }

    fn look(&mut self) -> Step {
        let Some(found) = self.socket.as_ref().map(Socket::look) else { return Step::Next };
        self.record().flags |= flag::LOOKED;
        match found {
            Found::Quiet => {}
            Found::Closed => {
                self.socket = None;
                self.found_closed = true;
            }
            // The attempt before has its outcome already: this one tells of it, and sends nothing.
            Found::Unasked => return Step::Failed(End::Unasked),
        }
        Step::Next
    }

    fn connect(&mut self, wire: &mut Wire) -> Step {
        if self.socket.is_none() {
            match self.open(wire) {
                Ok(socket) => self.socket = Some(socket),
                Err(errno) => return Step::Failed(End::Failed(errno)),
            }
        }
        let socket = self.socket.as_mut().expect("opened above");
        let reused = socket.sequence > 0;
        match socket.establish() {
            Ok(false) => return Step::Waiting,
            Ok(true) => {}
            Err(errno) => return Step::Failed(End::Failed(errno)),
        }
        let connected = if reused { 0 } else { self.ticks_so_far() };
        self.record().connected = connected;
        Step::Next
    }

    fn open(&mut self, wire: &mut Wire) -> Result<Socket, Errno> {
        // Counted even if it fails: a refused attempt is a connection of its own.
        let socket = Socket::new(self.address, wire.number_connection())?;
        let added = wire.epoll.add_connection(&socket, self.token);
        added.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))?;
        if std::mem::take(&mut self.found_closed) {
            self.record().flags |= flag::IDLE_CLOSE_SEEN;
        }
        Ok(socket)
    }

    fn send(&mut self) -> Step {
        let socket = self.socket.as_ref().expect("the script connects before it sends");
        while self.written < self.request.bytes().len() {
            match socket.write(&self.request.bytes()[self.written..]) {
                Ok(Io::Bytes(count)) => self.written += count,
                Ok(Io::NotNow) => return Step::Waiting,
                Err(errno) => {
                    // The answer may have come before the request was wanted: read first, then judge.
                    self.broken = Some(errno);
                    self.socket.as_mut().expect("just used").distrust_hints();
                    return Step::Next;
                }
            }
        }
        self.record().sent = self.ticks_so_far();
        Step::Next
    }

    fn receive(&mut self, wire: &mut Wire) -> Step {
        loop {
            let socket = self.socket.as_mut().expect("the script connects before it receives");
            let count = match socket.read(&mut wire.buffer) {
                Ok(Io::NotNow) => return self.broken.map_or(Step::Waiting, |e| Step::Failed(End::Failed(e))),
                Ok(Io::Bytes(0)) if self.answer.end_of_stream() => return Step::Answered,
                Ok(Io::Bytes(0)) => return Step::Failed(self.broken.map_or(End::Closed, End::Failed)),
                Ok(Io::Bytes(count)) => count,
                Err(errno) => return Step::Failed(End::Failed(errno)),
            };
            // One look at the clock for these bytes: if they are the last, the attempt is over at this instant.
            let now = wire.tick();
            if self.answer.bytes_in() == 0 {
                let record = self.record();
                record.first_byte = ticks(record.intended, now);
            }
            if self.answer.feed(&wire.buffer[..count], &wire.origins).is_err() {
                return Step::Failed(End::NotHttp);
            }
            if self.answer.is_complete() {
                return Step::Answered;
            }
        }
    }

    fn close(&mut self) -> Step {
        self.socket = None;
        Step::Next
    }

    fn answered(&mut self, wire: &mut Wire) -> Progress {
        self.describe();
        let id = self.record().id;
        let outcome = wire.standards[self.population].judge(&self.answer, id);
        let closes = self.answer.head().closes || self.broken.is_some();
        match &mut self.socket {
            // Bytes of unknown origin may follow: nothing can be trusted on this connection any more.
            _ if closes || matches!(outcome, Outcome::WrongId | Outcome::WrongBody) => self.socket = None,
            Some(socket) => socket.sequence = socket.sequence.saturating_add(1),
            None => {}
        }
        self.position = (self.position + 1) % self.script.len();
        Progress::Over(outcome, self.broken)
    }

    fn failed(&mut self, end: End) -> Progress {
        self.describe();
        let connection = if self.record().sequence > 0 { Connection::Reused } else { Connection::Fresh };
        let outcome = fault::classify(self.stage(), end, connection, self.method);
        self.socket = None;
        self.position = 0;
        let errno = if let End::Failed(errno) = end { Some(errno) } else { None };
        Progress::Over(outcome, errno)
    }

    fn stage(&mut self) -> Stage {
        let Record { connected, sent, .. } = *self.record();
        match self.answer.bytes_in() {
            _ if connected == NEVER => Stage::Connecting,
            0 if sent == NEVER => Stage::Sending,
            0 => Stage::Waiting,
            _ if self.answer.has_head() => Stage::InBody,
            _ => Stage::InHead,
        }
    }

    fn describe(&mut self) {
        let attempt = self.attempt.as_mut().expect("a client on its way has an attempt");
        attempt.describe(&self.answer, self.socket.as_ref(), self.written, self.method);
    }
}
