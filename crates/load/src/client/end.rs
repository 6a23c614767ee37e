//! How an attempt ends, and what becomes of its connection.

use facts::{Nanos, Outcome, Record, record::NEVER};

use super::{Client, Manner, Progress, hear, pipeline};
use crate::{
    fault::{self, Connection, End, Stage},
    socket::Socket,
    wire::Wire,
};

impl Client {
    /// Has seen that its idle connection was closed.
    pub(crate) fn let_go_if_hung_up(&mut self) {
        if self.socket.as_ref().is_some_and(Socket::is_hung_up) {
            self.let_go();
            self.found_closed = true;
        }
    }

    /// Closes the connection, and forgets what belonged to it.
    pub(super) fn let_go(&mut self) {
        self.socket = None;
        match &mut self.manner {
            Manner::Talking(talking) => talking.forget_connection(),
            Manner::Following(following) => following.forget_connection(),
            Manner::Plain | Manner::Pipelined(_) | Manner::Slow(_) => {}
        }
    }

    pub(super) fn answered(&mut self, wire: &mut Wire) -> Progress {
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
    pub(super) fn refined(&self, outcome: Outcome, id: u64) -> Outcome {
        match &self.manner {
            Manner::Pipelined(pipeline) => pipeline.refined(outcome, self.answer.head().echo),
            Manner::Slow(slow) => slow.refined(outcome, &self.answer),
            Manner::Talking(_) => hear::handshake(&self.answer, id),
            _ => outcome,
        }
    }

    /// Goes on with the connection as what the handshake has made of it; false when it was refused.
    pub(super) fn is_upgraded(&mut self, outcome: Outcome) -> bool {
        let Manner::Talking(talking) = &mut self.manner else { return true };
        if outcome == Outcome::Ok {
            talking.open(*self.answer.head());
        }
        outcome == Outcome::Ok
    }

    /// Ends the attempt where the connection goes on.
    pub(super) fn over(&mut self, outcome: Outcome, now: Nanos) -> Progress {
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

    pub(super) fn failed(&mut self, end: End, wire: &mut Wire) -> Progress {
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

    pub(super) fn stage(&mut self) -> Stage {
        let Record { connected, sent, .. } = *self.record();
        match self.answer.bytes_in() {
            _ if connected == NEVER => Stage::Connecting,
            0 if sent == NEVER => Stage::Sending,
            0 => Stage::Waiting,
            _ if self.answer.has_head() => Stage::InBody,
            _ => Stage::InHead,
        }
    }

    pub(super) fn describe(&mut self) {
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
