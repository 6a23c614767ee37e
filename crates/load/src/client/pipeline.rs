//! Several requests at once on one connection (RFC 9112 §9.3.2): their answers come in order, and what becomes of those
//! behind depends on those before.

use std::collections::VecDeque;

use facts::{Outcome, plan::Method};
use rustix::io::Errno;

use super::{Client, Manner, Progress};
use crate::attempt::Attempt;

/// A batch of requests, without the one whose answer is read now.
#[derive(Default)]
pub(super) struct Pipeline {
    /// Those whose answers are still to come.
    behind: VecDeque<Attempt>,
    /// The ids of all.
    ids: Vec<u64>,
    /// How many were answered.
    answered: usize,
    /// What came behind an answer.
    carried: Vec<u8>,
    /// What becomes of those behind: nothing more will come for them.
    fate: Option<(Outcome, Option<Errno>)>,
}

/// What becomes of those behind an answer after which the client cannot go on. One that announced the end of the
/// connection says that they were not executed.
pub(super) fn behind_an_answer(announced: bool, method: Method) -> Outcome {
    match method {
        Method::Get if announced => Outcome::RetriableClose,
        Method::Post if announced => Outcome::UnsafeClose,
        _ => Outcome::PipelineCut,
    }
}

impl Pipeline {
    /// A batch begins with this one.
    pub(super) fn begin(&mut self, id: u64) {
        self.ids.clear();
        self.ids.push(id);
        self.carried.clear();
        (self.answered, self.fate) = (0, None);
    }

    pub(super) fn expects_more(&self) -> bool {
        !self.behind.is_empty()
    }

    pub(super) fn carry(&mut self, rest: &[u8]) {
        self.carried.extend_from_slice(rest);
    }

    pub(super) fn take_carried(&mut self) -> Option<Vec<u8>> {
        (!self.carried.is_empty()).then(|| std::mem::take(&mut self.carried))
    }

    /// One of them is over. `fate`: nothing will come for those behind it.
    pub(super) fn note_answer(&mut self, fate: Option<(Outcome, Option<Errno>)>) {
        self.answered += 1;
        self.fate = fate;
    }

    /// Another request's answer is worse than one of the same batch in the wrong place.
    pub(super) fn refined(&self, outcome: Outcome, echo: Option<u64>) -> Outcome {
        let is_ours = echo.is_some_and(|echo| self.ids.contains(&echo));
        if outcome == Outcome::WrongId && is_ours { Outcome::OutOfOrder } else { outcome }
    }

    /// A connection that closed under one that is not the first had been answered on: that is no idle race.
    pub(super) fn ended(&self, outcome: Outcome) -> Outcome {
        use Outcome::{PipelineCut, ResetInAcceptQueue, RetriableClose, UnsafeClose};
        match outcome {
            RetriableClose | UnsafeClose | ResetInAcceptQueue if self.answered > 0 => PipelineCut,
            outcome => outcome,
        }
    }

    /// What becomes of those behind one that failed. `began`: some of its answer had come.
    pub(super) fn behind_a_failure(&self, outcome: Outcome, began: bool) -> Outcome {
        match outcome {
            Outcome::TimeoutBody => Outcome::TimeoutFirstByte,
            Outcome::TimeoutFirstByte | Outcome::StuckWrite | Outcome::GeneratorFault => outcome,
            _ if began => Outcome::PipelineCut,
            outcome => outcome,
        }
    }

    fn nth(&self) -> usize {
        self.answered
    }

    fn has(&self, id: u64) -> bool {
        self.behind.iter().any(|attempt| attempt.record.id == id)
    }
}

impl Client {
    /// One more attempt in the batch that has just begun.
    pub(crate) fn join(&mut self, attempt: Attempt) {
        let Manner::Pipelined(pipeline) = &mut self.manner else { return };
        self.request.set_id(pipeline.ids.len(), attempt.record.id);
        pipeline.ids.push(attempt.record.id);
        pipeline.behind.push_back(attempt);
    }

    /// Takes what is over; the one behind it is then under way.
    pub(crate) fn take_attempt(&mut self) -> Option<Attempt> {
        let attempt = self.attempt.take()?;
        if let Manner::Pipelined(pipeline) = &mut self.manner
            && let Some(mut next) = pipeline.behind.pop_front()
        {
            (next.record.connected, next.record.sent) = (attempt.record.connected, attempt.record.sent);
            self.answer.reset();
            self.attempt = Some(next);
        }
        Some(attempt)
    }

    /// True while this attempt is not over.
    pub(crate) fn is_about(&self, id: u64) -> bool {
        let is_first = self.attempt.as_ref().is_some_and(|attempt| attempt.record.id == id);
        is_first || matches!(&self.manner, Manner::Pipelined(pipeline) if pipeline.has(id))
    }

    /// The next of those for which nothing will come.
    pub(super) fn fallen(&mut self) -> Option<Progress> {
        let Manner::Pipelined(pipeline) = &mut self.manner else { return None };
        let (outcome, errno) = pipeline.fate?;
        self.attempt.as_ref()?;
        self.describe();
        if let Some(socket) = &mut self.socket {
            socket.sequence = socket.sequence.saturating_add(1);
        }
        let Manner::Pipelined(pipeline) = &mut self.manner else { return None };
        pipeline.answered += 1;
        if !pipeline.expects_more() {
            pipeline.fate = None;
            self.let_go();
            self.position = 0;
        }
        Some(Progress::Over(outcome, errno))
    }

    /// Position in its batch of the request that is under way.
    pub(super) fn nth(&self) -> usize {
        if let Manner::Pipelined(pipeline) = &self.manner { pipeline.nth() } else { 0 }
    }
}
