//! What a client whose connection lives on does beside its attempts: it listens, and tells how an end was.

use facts::{Outcome, Record, record::flag};
use rustix::io::Errno;

use super::{Client, Manner, Step};
use crate::{
    attempt::Planned,
    fault::{self, Connection, End, Stage},
    socket::Socket,
    wire::Wire,
};

/// What a long-lived connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that matters.
    Nothing,
    /// What the attempt waits for.
    Echo,
    /// It ended as it may.
    Gone,
    /// It ended as it must not.
    Ended(End),
}

/// The end of a connection on which nothing was under way.
pub(crate) struct Unasked {
    outcome: Outcome,
    errno: Option<Errno>,
    socket: Option<Socket>,
}

impl Unasked {
    /// Keeps what the kernel knows of the connection.
    pub(crate) fn keep_evidence(&self, id: u64, wire: &mut Wire) {
        if let Some(socket) = &self.socket {
            wire.keep_evidence(id, socket);
        }
    }

    /// Its record.
    pub(crate) fn record(&self, start: Planned) -> Record {
        let mut record = Record { connected: 0, done: 0, flags: flag::MESSAGE, ..start.record() };
        record.outcome = self.outcome as u8;
        record.errno = self.errno.map_or(0, |errno| errno.raw_os_error() as u8);
        if let Some(socket) = &self.socket {
            (record.connection, record.sequence) = (socket.number, socket.sequence);
            record.local_port = socket.local_port;
        }
        record
    }
}

impl Client {
    /// Hears what came while it rested. `Some`: the connection ended as it must not, and no attempt was under way that
    /// could tell of it.
    pub(crate) fn listen(&mut self, wire: &mut Wire) -> Option<Unasked> {
        let end = match self.heed(wire) {
            Heard::Nothing | Heard::Echo => return None,
            Heard::Ended(end) if !self.takes_leave() => end,
            Heard::Gone | Heard::Ended(_) => {
                self.leave();
                return None;
            }
        };
        let outcome = fault::classify(Stage::Waiting, end, Connection::Reused, self.method);
        let outcome = self.ended(outcome, end);
        let socket = self.socket.take();
        self.let_go();
        Some(Unasked { outcome, errno: end.errno(), socket })
    }

    /// What was said on the connection since anybody looked.
    fn heed(&mut self, wire: &mut Wire) -> Heard {
        match &self.manner {
            Manner::Talking(talking) if talking.is_open() => self.hear_frames(wire),
            Manner::Following(_) if self.socket.is_some() => self.read_events(wire),
            _ => Heard::Nothing,
        }
    }

    /// Before it speaks, hears what was said meanwhile: a farewell that lies there is one that it must not miss.
    pub(super) fn catch_up(&mut self, wire: &mut Wire) -> Step {
        if let Some(socket) = &mut self.socket {
            socket.distrust_hints();
        }
        match self.heed(wire) {
            Heard::Nothing | Heard::Echo if !self.takes_leave() => Step::Next,
            Heard::Ended(end) if !self.takes_leave() => Step::Failed(end),
            // Who has taken its leave does not wait longer than until it comes again.
            _ => {
                self.leave();
                Step::Next
            }
        }
    }

    /// It has said its last word on this connection: however that ends, nobody misses an answer.
    fn takes_leave(&self) -> bool {
        matches!(&self.manner, Manner::Talking(talking) if talking.takes_leave())
    }

    /// Leaves a connection that the other side has ended as it may.
    pub(super) fn leave(&mut self) {
        self.let_go();
        self.found_closed = true;
    }

    /// What an end is for this manner of client.
    pub(super) fn ended(&self, outcome: Outcome, end: End) -> Outcome {
        match &self.manner {
            _ if matches!(end, End::Farewell | End::GoesAway) => outcome,
            Manner::Pipelined(pipeline) => pipeline.ended(outcome),
            Manner::Talking(talking) if talking.is_open() && is_closed(outcome) => Outcome::WebsocketAbnormal,
            Manner::Following(following) => following.ended(outcome),
            _ => outcome,
        }
    }
}

/// True when the other side ended the connection.
pub(super) fn is_closed(outcome: Outcome) -> bool {
    use Outcome::{CutInBody, CutInHeaders, ResetInAcceptQueue, RetriableClose, UnsafeClose};
    matches!(outcome, ResetInAcceptQueue | RetriableClose | UnsafeClose | CutInHeaders | CutInBody)
}
