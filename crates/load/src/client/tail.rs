//! What comes behind a complete answer on a connection that is not used again: its end in order, or a reset (a server
//! that does not linger throws away what the client has not read yet, RFC 9112 §9.6). A client that asks again on its
//! connection learns of its end by that.

use facts::{
    Nanos, Outcome,
    record::{NEVER, ticks},
};
use rustix::io::Errno;

use super::{Client, Manner, Step};
use crate::{script::Op, socket::Io, wire::Wire};

/// So long a client that has closed its own side waits for the other side to do so, behind the answer.
const READS_ON_FOR: Nanos = 200_000_000;

/// What has been seen behind the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing so far, or nobody looked.
    #[default]
    Unseen,
    /// Bytes, or the end of the stream.
    InOrder,
    Reset(Errno),
}

impl Tail {
    /// What a complete answer is worth with this behind it.
    pub(super) fn refined(self, outcome: Outcome) -> Outcome {
        match (outcome, self) {
            (Outcome::Ok, Tail::Reset(_)) => Outcome::TailReset,
            _ => outcome,
        }
    }

    pub(super) fn errno(self) -> Option<Errno> {
        match self {
            Tail::Reset(errno) => Some(errno),
            Tail::Unseen | Tail::InOrder => None,
        }
    }
}

impl Client {
    /// True when the answer is there, and only the end of the connection is waited for.
    pub(super) fn is_reading_on(&self) -> bool {
        self.script[self.position] == Op::ReadOn
    }

    /// Whether this client waits for the end of the connection once it has its answer.
    pub(super) fn will_read_on(&self) -> bool {
        self.script.get(self.position + 1) == Some(&Op::ReadOn)
    }

    /// Waits for the end of the connection. The attempt took no longer than until its answer was complete.
    pub(super) fn read_on(&mut self, wire: &mut Wire) -> Step {
        let answered = wire.now;
        let record = self.record();
        if record.done == NEVER {
            record.done = ticks(record.intended, answered);
            // The kernel may have told of the end before: then no other edge comes.
            return match self.see_tail(wire) {
                Tail::Unseen => Step::Pausing(answered + READS_ON_FOR),
                Tail::InOrder | Tail::Reset(_) => Step::Answered,
            };
        }
        let over = record.intended + facts::record::nanos(record.done) + READS_ON_FOR;
        match self.see_tail(wire) {
            Tail::Unseen if ledger::clock::now() < over => Step::Waiting,
            _ => Step::Answered,
        }
    }

    /// What has come behind the answer by now, where the kernel has said that the other side is gone and this client
    /// will not use its connection again.
    pub(super) fn look_behind(&mut self, wire: &mut Wire) {
        let closes = self.answer.head().closes || self.script.get(self.position + 1) == Some(&Op::Close);
        let is_plain = matches!(self.manner, Manner::Plain | Manner::Slow(_));
        let is_gone = self.socket.as_ref().is_some_and(|socket| socket.is_hung_up());
        match self.broken {
            _ if self.tail != Tail::Unseen || !closes || !is_plain => {}
            // A side that has only closed in order still takes what is written.
            Some(errno @ (Errno::CONNRESET | Errno::PIPE | Errno::NOTCONN)) => self.tail = Tail::Reset(errno),
            None if is_gone => _ = self.see_tail(wire),
            _ => {}
        }
    }

    fn see_tail(&mut self, wire: &mut Wire) -> Tail {
        let Some(socket) = &mut self.socket else { return self.tail };
        self.tail = match socket.read(&mut wire.buffer) {
            Ok(Io::NotNow) => self.tail,
            Ok(Io::Bytes(count)) => {
                if count > 0 {
                    self.answer.note_surplus(count);
                }
                Tail::InOrder
            }
            Err(errno) => Tail::Reset(errno),
        };
        self.tail
    }
}
