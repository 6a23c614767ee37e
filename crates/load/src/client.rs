//! One client: walks through its script, with at most one connection at a time, and one attempt (a pipelined client:
//! one batch of them).

mod end;
mod exchange;
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
    record::{NEVER, ticks},
};
use rustix::io::Errno;

use crate::{
    address::Address,
    answer::Answer,
    attempt::Attempt,
    fault::End,
    request::Request,
    script::{Op, script},
    socket::{Route, Socket},
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

    fn first_byte_came(&mut self, now: Nanos) {
        if let Some(Attempt { record, .. }) = &mut self.attempt
            && record.first_byte == NEVER
        {
            record.first_byte = ticks(record.intended, now);
        }
    }
}
