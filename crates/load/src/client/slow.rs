//! Clients that take their time: they write or read in pieces, or say nothing for a while.

use facts::{
    Nanos, Outcome,
    plan::{Behaviour, Population},
};
use ledger::clock;

use super::{Client, Manner, Step};
use crate::{answer::Answer, socket::Socket, trickle::Trickle, wire::Wire};

const MS: Nanos = 1_000_000;
/// A client that waits for `100 Continue` goes on without it after this long (RFC 9110 §10.1.1: it must not wait for
/// ever; this is how long curl waits).
const CONTINUES_ANYWAY_AFTER: Nanos = 1_000 * MS;

/// What is slow about a client, and since when it is at it.
pub(super) struct Slow {
    what: What,
    body_bytes: u64,
    began: Option<Nanos>,
    /// The engine is to wake us then.
    armed: Option<Nanos>,
}

#[derive(Clone, Copy)]
enum What {
    /// The pieces of a request that is in all so long, from `start` on.
    Writing {
        pieces: Trickle,
        start: usize,
    },
    Reading {
        pieces: Trickle,
    },
    Silence {
        nanos: Nanos,
    },
}

impl Slow {
    /// For requests of so many bytes, `head` of them before the body.
    fn of(population: &Population, head: usize, all: usize) -> Option<Slow> {
        let over = |ms: u32| Nanos::from(ms) * MS;
        let what = match population.behaviour {
            Behaviour::SlowHeader { over_ms } => {
                What::Writing { pieces: Trickle::new(head as u64, over(over_ms)), start: 0 }
            }
            Behaviour::Upload { over_ms, .. } => {
                What::Writing { pieces: Trickle::new((all - head) as u64, over(over_ms)), start: head }
            }
            Behaviour::Download { bytes, over_ms } => {
                What::Reading { pieces: Trickle::new(bytes.into(), over(over_ms)) }
            }
            Behaviour::Silent { wait_ms } => What::Silence { nanos: over(wait_ms) },
            _ => return None,
        };
        Some(Slow { what, body_bytes: population.body_bytes.into(), began: None, armed: None })
    }

    /// Begins anew with the next thing it does.
    pub(super) fn rest(&mut self) {
        (self.began, self.armed) = (None, None);
    }

    fn passed(&mut self) -> Nanos {
        let now = clock::now();
        now.saturating_sub(*self.began.get_or_insert(now))
    }

    /// Waits until so long after the begin. The engine is told once: the kernel's news in between change nothing.
    fn pause_until(&mut self, passed: Nanos) -> Step {
        let until = self.began.unwrap_or(0) + passed;
        if self.armed.replace(until) == Some(until) { Step::Waiting } else { Step::Pausing(until) }
    }

    /// What the server counted of an upload.
    pub(super) fn refined(&self, outcome: Outcome, answer: &Answer) -> Outcome {
        let counts_less = answer.head().received.is_some_and(|received| received < self.body_bytes);
        match self.what {
            What::Writing { .. } if outcome == Outcome::WrongBody && counts_less => Outcome::UploadShort,
            _ => outcome,
        }
    }
}

impl Manner {
    pub(super) fn of(population: &Population, head: usize, all: usize) -> Manner {
        match population.behaviour {
            Behaviour::Pipelined { .. } => Manner::Pipelined(Default::default()),
            Behaviour::Websocket { lasts_ms } => Manner::Talking(Box::new(super::Talking::new(lasts_ms))),
            Behaviour::Events => Manner::Following(Box::new(super::Following::new(population))),
            _ => Slow::of(population, head, all).map_or(Manner::Plain, Manner::Slow),
        }
    }
}

impl Client {
    /// Says nothing.
    pub(super) fn wait(&mut self) -> Step {
        let Manner::Slow(slow) = &mut self.manner else { return Step::Next };
        let What::Silence { nanos } = slow.what else { return Step::Next };
        if slow.passed() >= nanos { Step::Next } else { slow.pause_until(nanos) }
    }

    pub(super) fn send_head(&mut self) -> Step {
        self.send_up_to(self.request.head_bytes())
    }

    /// Writes as much of the request as is due.
    pub(super) fn trickle(&mut self) -> Step {
        let all = self.request.bytes().len();
        let Manner::Slow(slow) = &mut self.manner else { return self.send() };
        let What::Writing { pieces, start } = slow.what else { return self.send() };
        let passed = slow.passed();
        let due = pieces.due(passed);
        let end = if due == pieces.bytes() { all } else { start + due as usize };
        match self.send_up_to(end) {
            Step::Next if end < all && self.broken.is_none() => self.pause_until(pieces.next(passed)),
            step => step,
        }
    }

    fn pause_until(&mut self, passed: Nanos) -> Step {
        if let Manner::Slow(slow) = &mut self.manner { slow.pause_until(passed) } else { Step::Waiting }
    }

    /// Until the server says that the body may come, answers without it, or has had its time.
    pub(super) fn await_continue(&mut self, wire: &mut Wire) -> Step {
        if self.broken.is_some() {
            return Step::Next;
        }
        let step = self.receive_up_to(usize::MAX, wire);
        let Manner::Slow(slow) = &mut self.manner else { return step };
        let waited = slow.passed() >= CONTINUES_ANYWAY_AFTER;
        match step {
            Step::Waiting if self.answer.may_continue() || waited => {
                slow.rest();
                Step::Next
            }
            Step::Waiting => slow.pause_until(CONTINUES_ANYWAY_AFTER),
            step => step,
        }
    }

    pub(super) fn shut(&mut self) -> Step {
        if let Some(Err(errno)) = self.socket.as_ref().map(Socket::shut) {
            // The other side may be gone: what it said before is still there to be read.
            self.broken.get_or_insert(errno);
            self.socket.as_mut().expect("just used").distrust_hints();
        }
        Step::Next
    }

    /// Reads as much of the answer as is due.
    pub(super) fn sip(&mut self, wire: &mut Wire) -> Step {
        let Manner::Slow(slow) = &mut self.manner else { return self.receive(wire) };
        let What::Reading { pieces } = slow.what else { return self.receive(wire) };
        let passed = slow.passed();
        let due = pieces.due(passed);
        if due == pieces.bytes() {
            return self.receive_up_to(usize::MAX, wire);
        }
        let most = due.saturating_sub(self.answer.content().bytes) as usize;
        match self.receive_up_to(most, wire) {
            Step::Next => self.pause_until(pieces.next(passed)),
            step => step,
        }
    }
}
