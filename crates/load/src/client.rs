//! One client: walks through its script, with at most one connection at a time, and one attempt (a pipelined client:
//! one batch of them).

mod follow;
mod hear;
mod listen;
mod pipeline;
mod slow;
mod tail;

use std::net::IpAddr;

use facts::{
    Nanos, Outcome, Record,
    caller::source,
    plan::{Behaviour, Method, Population},
    record::{NEVER, flag, ticks},
};
use rustix::io::Errno;

use crate::{
    address::Address,
    answer::{Answer, Fed},
    attempt::Attempt,
    fault::{self, Connection, End, Stage},
    request::Request,
    script::{Op, script},
    socket::{Found, Io, Route, Socket},
    sys::Readiness,
    wire::Wire,
};
use follow::Following;
use hear::Talking;
use pipeline::Pipeline;
use slow::Slow;
use tail::Tail;

/// `SO_RCVBUF` of a slow reader: small enough that the server's writes wait for it.
const SMALL_RECEIVE_BUFFER: usize = 32 * 1024;

/// How far [`Client::advance`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The kernel will tell when there is more to do.
    Waiting,
    /// There is more to do at this instant, or when the kernel says so.
    Pausing(Nanos),
    /// The attempt is over.
    Over(Outcome, Option<Errno>),
    /// Nothing to do before the next request.
    Resting,
}

/// What news of its connection is to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// There may be something to do.
    Walk,
    /// It has nothing under way, and what comes is still for it.
    Listen,
    /// It rests: a client that does not look must not learn of the end of its idle connection.
    Rest,
}

enum Step {
    Next,
    Waiting,
    Pausing(Nanos),
    Answered,
    /// Over, and what it is worth is known already.
    Over(Outcome),
    Failed(End),
}

/// What a client has beside a request and an answer.
enum Manner {
    Plain,
    Pipelined(Pipeline),
    Slow(Slow),
    Talking(Box<Talking>),
    Following(Box<Following>),
}

/// A client of a population.
pub(crate) struct Client {
    pub(crate) population: usize,
    token: u64,
    script: &'static [Op],
    position: usize,
    route: Route,
    /// Which client it is, if it has an address of its own.
    caller: Option<u32>,
    method: Method,
    request: Request,
    written: usize,
    broken: Option<Errno>,
    answer: Answer,
    socket: Option<Socket>,
    found_closed: bool,
    tail: Tail,
    pub(crate) attempt: Option<Attempt>,
    manner: Manner,
}

impl Client {
    /// The n-th client of a population, known to epoll by `token`.
    pub(crate) fn new(
        token: u64,
        index: usize,
        nth: u32,
        population: &Population,
        address: &Address,
    ) -> Client {
        let caller = (population.sources > 0).then(|| nth % population.sources);
        let is_slow_reader = matches!(population.behaviour, Behaviour::Download { .. });
        let route = Route {
            to: address.clone(),
            from: caller.map(|client| IpAddr::V4(source(client))),
            receive_buffer: is_slow_reader.then_some(SMALL_RECEIVE_BUFFER),
        };
        let request = Request::new(population, address);
        let manner = Manner::of(population, request.head_bytes(), request.bytes().len());
        Client {
            population: index,
            token,
            script: script(population),
            position: 0,
            route,
            caller,
            method: population.method,
            request,
            written: 0,
            broken: None,
            answer: Answer::new(),
            socket: None,
            found_closed: false,
            tail: Tail::Unseen,
            attempt: None,
            manner,
        }
    }

    /// Leaves its rest with a new attempt.
    pub(crate) fn begin(&mut self, attempt: Attempt) {
        debug_assert_eq!(self.script[self.position], Op::Await);
        let id = attempt.record.id;
        self.request.set_id(0, id);
        self.answer.reset();
        (self.written, self.broken, self.tail) = (0, None, Tail::Unseen);
        self.attempt = Some(attempt);
        self.position += 1;
        match &mut self.manner {
            Manner::Plain => {}
            Manner::Pipelined(pipeline) => pipeline.begin(id),
            Manner::Slow(slow) => slow.rest(),
            Manner::Talking(talking) => talking.begin(),
            Manner::Following(following) => following.begin(),
        }
    }

    /// What epoll said about its connection.
    pub(crate) fn notice(&mut self, readiness: Readiness) -> Notice {
        if let Some(socket) = &mut self.socket {
            socket.notice(readiness);
        }
        match &self.manner {
            _ if self.attempt.is_some() => Notice::Walk,
            Manner::Talking(_) | Manner::Following(_) => Notice::Listen,
            _ => Notice::Rest,
        }
    }

    /// Walks on until the kernel or the plan has to say something, or the attempt is over.
    pub(crate) fn advance(&mut self, wire: &mut Wire) -> Progress {
        if let Some(fallen) = self.fallen() {
            return fallen;
        }
        loop {
            let step = match self.script[self.position] {
                Op::Await => return Progress::Resting,
                Op::Look => self.look(),
                Op::CatchUp => self.catch_up(wire),
                Op::Connect => self.connect(wire),
                Op::Send => self.send(),
                Op::Receive => self.receive(wire),
                Op::ReadOn => self.read_on(wire),
                Op::Close => self.close(),
                Op::Wait => self.wait(),
                Op::SendHead => self.send_head(),
                Op::Trickle => self.trickle(),
                Op::AwaitContinue => self.await_continue(wire),
                Op::Shut => self.shut(),
                Op::Sip => self.sip(wire),
                Op::Say => self.say(),
                Op::Hear => self.hear(wire),
                Op::Follow => self.follow(wire),
            };
            match step {
                Step::Next => self.position = (self.position + 1) % self.script.len(),
                Step::Waiting => return Progress::Waiting,
                Step::Pausing(until) => return Progress::Pausing(until),
                Step::Answered if self.will_read_on() => self.position += 1,
                Step::Answered => return self.answered(wire),
                Step::Over(outcome) => return self.over(outcome, wire.now),
                Step::Failed(end) => return self.failed(end, wire),
            }
        }
    }

    /// Time is over. What already lies in the socket still counts: we may be the one who is late.
    pub(crate) fn expire(&mut self, wire: &mut Wire) -> Progress {
        if let Some(socket) = &mut self.socket {
            socket.distrust_hints();
        }
        match self.advance(wire) {
            Progress::Waiting | Progress::Pausing(_) if self.is_reading_on() => self.answered(wire),
            Progress::Waiting | Progress::Pausing(_) => self.failed(End::Deadline, wire),
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
        if socket.is_established() {
            if socket.sequence > 0 {
                self.record().connected = 0;
            }
            return Step::Next;
        }
        match socket.establish(&self.route) {
            Ok(false) => return Step::Waiting,
            Ok(true) => {}
            Err(errno) => return Step::Failed(End::Failed(errno)),
        }
        let (opened, connected) = (socket.opened, self.ticks_so_far());
        self.attempt.as_mut().expect("a client on its way has an attempt").connected(connected, opened);
        Step::Next
    }

    fn open(&mut self, wire: &mut Wire) -> Result<Socket, Errno> {
        // Counted even if it fails: a refused attempt is a connection of its own.
        let socket = Socket::new(&self.route, wire.number_connection(self.caller), wire.now)?;
        let added = wire.epoll.add_connection(&socket, self.token);
        added.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))?;
        if std::mem::take(&mut self.found_closed) {
            self.record().flags |= flag::IDLE_CLOSE_SEEN;
        }
        Ok(socket)
    }

    fn send(&mut self) -> Step {
        self.send_up_to(self.request.bytes().len())
    }

    /// Writes the request as far as its first `end` bytes.
    fn send_up_to(&mut self, end: usize) -> Step {
        let socket = self.socket.as_ref().expect("the script connects before it sends");
        while self.written < end {
            match socket.write(&self.request.bytes()[self.written..end]) {
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
        if end == self.request.bytes().len() {
            self.record().sent = self.ticks_so_far();
        }
        Step::Next
    }

    fn receive(&mut self, wire: &mut Wire) -> Step {
        if let Manner::Pipelined(pipeline) = &mut self.manner
            && let Some(carried) = pipeline.take_carried()
            && let Some(step) = self.feed(&carried, wire.now, &wire.origins)
        {
            return step;
        }
        self.receive_up_to(usize::MAX, wire)
    }

    /// Reads the answer until it is over, the kernel has no more, or `most` bytes were read.
    fn receive_up_to(&mut self, mut most: usize, wire: &mut Wire) -> Step {
        while most > 0 {
            let socket = self.socket.as_mut().expect("the script connects before it receives");
            let room = wire.buffer.len().min(most);
            let count = match socket.read(&mut wire.buffer[..room]) {
                Ok(Io::NotNow) => return self.broken.map_or(Step::Waiting, |e| Step::Failed(End::Failed(e))),
                Ok(Io::Bytes(0)) if self.answer.end_of_stream() => return Step::Answered,
                Ok(Io::Bytes(0)) => return Step::Failed(self.broken.map_or(End::Closed, End::Failed)),
                Ok(Io::Bytes(count)) => count,
                Err(errno) => return Step::Failed(End::Failed(errno)),
            };
            most -= count;
            // One look at the clock for these bytes: if they are the last, the attempt is over at this instant.
            let now = wire.tick();
            if let Some(step) = self.feed(&wire.buffer[..count], now, &wire.origins) {
                return step;
            }
        }
        Step::Next
    }

    /// Gives the answer its next bytes; what that comes to, if it is over.
    fn feed(&mut self, bytes: &[u8], now: Nanos, origins: &[String]) -> Option<Step> {
        if self.answer.bytes_in() == 0 {
            let record = self.record();
            record.first_byte = ticks(record.intended, now);
        }
        match self.answer.feed(bytes, origins) {
            Err(_) => return Some(Step::Failed(End::NotHttp)),
            Ok(Fed::All) => {}
            Ok(Fed::Ended(used)) => self.keep_rest(&bytes[used..]),
        }
        self.answer.is_complete().then_some(Step::Answered)
    }

    /// More came than one answer.
    fn keep_rest(&mut self, rest: &[u8]) {
        match &mut self.manner {
            Manner::Pipelined(pipeline) if pipeline.expects_more() => pipeline.carry(rest),
            Manner::Talking(talking) => talking.take_first(rest),
            _ => self.answer.note_surplus(rest.len()),
        }
    }

    fn first_byte_came(&mut self, now: Nanos) {
        if let Some(Attempt { record, .. }) = &mut self.attempt
            && record.first_byte == NEVER
        {
            record.first_byte = ticks(record.intended, now);
        }
    }

    fn close(&mut self) -> Step {
        self.socket = None;
        Step::Next
    }

    /// Has seen that its idle connection was closed.
    pub(crate) fn let_go_if_hung_up(&mut self) {
        if self.socket.as_ref().is_some_and(Socket::is_hung_up) {
            self.let_go();
            self.found_closed = true;
        }
    }

    /// Closes the connection, and forgets what belonged to it.
    fn let_go(&mut self) {
        self.socket = None;
        match &mut self.manner {
            Manner::Talking(talking) => talking.forget_connection(),
            Manner::Following(following) => following.forget_connection(),
            Manner::Plain | Manner::Pipelined(_) | Manner::Slow(_) => {}
        }
    }

    fn answered(&mut self, wire: &mut Wire) -> Progress {
        self.look_behind(wire);
        self.describe();
        let id = self.record().id;
        let outcome = wire.standards[self.population].judge(&self.answer, id);
        let outcome = self.tail.refined(self.refined(outcome, id));
        let announced = self.answer.head().closes;
        // Bytes of unknown origin may follow: nothing can be trusted on this connection any more.
        let wrong = matches!(outcome, Outcome::WrongId | Outcome::WrongBody);
        let ends = announced || wrong || self.broken.is_some() || !self.is_upgraded(outcome);
        if let Some(socket) = &mut self.socket {
            socket.sequence = socket.sequence.saturating_add(1);
        }
        if let Manner::Pipelined(pipeline) = &mut self.manner
            && pipeline.expects_more()
        {
            let fate = pipeline::behind_an_answer(announced, self.method);
            pipeline.note_answer(ends.then_some((fate, self.broken)));
            return Progress::Over(outcome, self.broken);
        }
        if ends {
            self.let_go();
        }
        self.position = (self.position + 1) % self.script.len();
        Progress::Over(outcome, self.broken.or(self.tail.errno()))
    }

    /// What only this manner of client can tell of a complete answer.
    fn refined(&self, outcome: Outcome, id: u64) -> Outcome {
        match &self.manner {
            Manner::Pipelined(pipeline) => pipeline.refined(outcome, self.answer.head().echo),
            Manner::Slow(slow) => slow.refined(outcome, &self.answer),
            Manner::Talking(_) => hear::handshake(&self.answer, id),
            _ => outcome,
        }
    }

    /// Goes on with the connection as what the handshake has made of it; false when it was refused.
    fn is_upgraded(&mut self, outcome: Outcome) -> bool {
        let Manner::Talking(talking) = &mut self.manner else { return true };
        if outcome == Outcome::Ok {
            talking.open(*self.answer.head());
        }
        outcome == Outcome::Ok
    }

    /// Ends the attempt where the connection goes on.
    fn over(&mut self, outcome: Outcome, now: Nanos) -> Progress {
        self.describe();
        if let Some(socket) = &mut self.socket {
            socket.sequence = socket.sequence.saturating_add(1);
        }
        // After a gap the stream still is what it was.
        if !matches!(outcome, Outcome::Ok | Outcome::EventGap) {
            self.let_go();
        }
        self.retire_in_time(now);
        self.position = (self.position + 1) % self.script.len();
        Progress::Over(outcome, None)
    }

    fn failed(&mut self, end: End, wire: &mut Wire) -> Progress {
        self.describe();
        if let (Some(socket), Some(attempt)) = (&self.socket, &self.attempt) {
            wire.keep_evidence(attempt.record.id, socket);
        }
        let connection = if self.record().sequence > 0 { Connection::Reused } else { Connection::Fresh };
        let outcome = fault::classify(self.stage(), end, connection, self.method);
        let outcome = self.ended(outcome, end);
        let errno = end.errno();
        if let Manner::Pipelined(pipeline) = &mut self.manner
            && pipeline.expects_more()
        {
            let fate = pipeline.behind_a_failure(outcome, self.answer.bytes_in() > 0);
            pipeline.note_answer(Some((fate, errno)));
            return Progress::Over(outcome, errno);
        }
        self.let_go();
        self.position = 0;
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
        let written = self.request.share(self.nth(), self.written);
        let attempt = self.attempt.as_mut().expect("a client on its way has an attempt");
        attempt.describe(&self.answer, self.socket.as_ref(), written, self.method);
        match &mut self.manner {
            Manner::Talking(talking) => talking.describe(attempt),
            Manner::Following(following) => following.describe(attempt),
            Manner::Plain | Manner::Pipelined(_) | Manner::Slow(_) => {}
        }
    }
}
