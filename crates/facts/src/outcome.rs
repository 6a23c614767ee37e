//! How an attempt ended: one class per kind of evidence (RFC 9110 §9.2.2 and RFC 9112 §9 decide what may be
//! retried). The engine writes what it saw; a check may refine it later with the journal.

use serde::{Deserialize, Serialize};

/// How one attempt ended, as far as the client could see. The discriminant is the byte in the ledger: never
/// renumber, only append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// The attempt was begun and never finished: the generator was stopped or killed.
    Unfinished = 0,
    /// Status, length and id echo are right and the answer is complete.
    Ok = 1,
    /// `ECONNREFUSED`: nobody listened.
    Refused = 2,
    /// The handshake did not finish by its deadline.
    ConnectTimeout = 3,
    /// `ECONNRESET` or end of stream on a fresh connection before any byte came back: an accept queue was thrown away,
    /// or the process that had accepted died.
    ResetInAcceptQueue = 4,
    /// A reused connection was closed before any byte of the answer, or after an announced end of it; the request was
    /// idempotent.
    RetriableClose = 5,
    /// As `RetriableClose`, but a retry could execute the request twice (POST).
    UnsafeClose = 6,
    /// No answer, yet the journal has the id: a retry would execute it twice.
    ExecutedNoReply = 7,
    /// The connection ended inside the head of the answer.
    CutInHeaders = 8,
    /// The connection ended inside the body of the answer.
    CutInBody = 9,
    /// Complete answer, then a reset of a connection that was not to be used again (lingering-close bug, RFC 9112
    /// §9.6). A note, not a loss.
    TailReset = 10,
    /// Accepted by the kernel or the server and no byte came back by the deadline: a hang.
    TimeoutFirstByte = 11,
    /// The answer began and did not finish by the deadline.
    TimeoutBody = 12,
    /// The request could not be written by the deadline.
    StuckWrite = 13,
    /// 5xx.
    Status5xx = 14,
    /// Neither the expected status nor a 5xx, or not HTTP at all.
    StatusOther = 15,
    /// The answer carries another request's id, or none though the population's answers carry ids; or bytes nobody
    /// had asked for lay on the connection when a client that looks was about to use it (nothing was sent then).
    WrongId = 16,
    /// The body is not the one asked for: another than in the first complete answer to this population, or with
    /// bytes behind its end.
    WrongBody = 17,
    /// The answer names a process that was gone before the request was begun, or a generation that is not the one of
    /// the process it names.
    WrongGeneration = 18,
    /// Pipelined answers came in another order than their requests.
    OutOfOrder = 19,
    /// One request, two executions.
    Duplicate = 20,
    /// A websocket ended without a close frame.
    WebsocketAbnormal = 21,
    /// A server-sent event is missing.
    EventGap = 22,
    /// The server counted fewer body bytes than were sent.
    UploadShort = 23,
    /// In the hands of a process that the scenario killed: reported, bounded, never the protocol's fault.
    KilledWithProcess = 24,
    /// Planned but never sent: voids the run.
    Unsent = 26,
    /// The generator ran out of something (`EMFILE`, `EADDRNOTAVAIL`): voids the run.
    GeneratorFault = 27,
    /// The scenario ended before this attempt's own deadline did: neither answered nor lost.
    StillOpen = 28,
    /// A request behind others on a pipelined connection: some of those were answered, none of the answers announced the
    /// end of the connection, and it ended (RFC 9112 §9.3.2).
    PipelineCut = 29,
    /// A message on a websocket that the server was ending: a close frame (1001, it goes away) came instead of the echo, and
    /// behind one nothing more may be said (RFC 6455 §5.5.1). So ends what outlives the deadline of a drain.
    Deadline = 30,
}

/// Whose doing an outcome is; what the headline counts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// Answered completely.
    Nobody,
    /// The client did everything right and got no complete answer.
    Lost,
    /// Closed before any byte on a reused connection; a careful client may retry. Beside `Lost`, never inside it.
    Retriable,
    /// A wrong answer: always a failure.
    Corrupt,
    /// Explained by what the scenario itself did.
    Excused,
    /// Says nothing about the server; too many of these void the run.
    Generator,
}

impl Outcome {
    /// One more than the highest byte: for tables by byte. 25 is no class: it was meant for a listener that a new
    /// configuration drops, which no scenario can say.
    pub const BYTES: usize = 31;

    /// Every class, in ledger order.
    pub const ALL: [Outcome; 30] = [
        Outcome::Unfinished,
        Outcome::Ok,
        Outcome::Refused,
        Outcome::ConnectTimeout,
        Outcome::ResetInAcceptQueue,
        Outcome::RetriableClose,
        Outcome::UnsafeClose,
        Outcome::ExecutedNoReply,
        Outcome::CutInHeaders,
        Outcome::CutInBody,
        Outcome::TailReset,
        Outcome::TimeoutFirstByte,
        Outcome::TimeoutBody,
        Outcome::StuckWrite,
        Outcome::Status5xx,
        Outcome::StatusOther,
        Outcome::WrongId,
        Outcome::WrongBody,
        Outcome::WrongGeneration,
        Outcome::OutOfOrder,
        Outcome::Duplicate,
        Outcome::WebsocketAbnormal,
        Outcome::EventGap,
        Outcome::UploadShort,
        Outcome::KilledWithProcess,
        Outcome::Unsent,
        Outcome::GeneratorFault,
        Outcome::StillOpen,
        Outcome::PipelineCut,
        Outcome::Deadline,
    ];

    /// The class a ledger byte stands for; `None` when a newer writer knew a class we do not.
    pub fn from_byte(byte: u8) -> Option<Outcome> {
        const BY_BYTE: [Option<Outcome>; Outcome::BYTES] = by_byte();
        BY_BYTE.get(usize::from(byte)).copied().flatten()
    }

    /// The class's name in reports, TOML and expressions.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Unfinished => "unfinished",
            Outcome::Ok => "ok",
            Outcome::Refused => "refused",
            Outcome::ConnectTimeout => "connect_timeout",
            Outcome::ResetInAcceptQueue => "reset_in_accept_queue",
            Outcome::RetriableClose => "retriable_close",
            Outcome::UnsafeClose => "unsafe_close",
            Outcome::ExecutedNoReply => "executed_no_reply",
            Outcome::CutInHeaders => "cut_in_headers",
            Outcome::CutInBody => "cut_in_body",
            Outcome::TailReset => "tail_reset",
            Outcome::TimeoutFirstByte => "timeout_first_byte",
            Outcome::TimeoutBody => "timeout_body",
            Outcome::StuckWrite => "stuck_write",
            Outcome::Status5xx => "status_5xx",
            Outcome::StatusOther => "status_other",
            Outcome::WrongId => "wrong_id",
            Outcome::WrongBody => "wrong_body",
            Outcome::WrongGeneration => "wrong_generation",
            Outcome::OutOfOrder => "out_of_order",
            Outcome::Duplicate => "duplicate",
            Outcome::WebsocketAbnormal => "websocket_abnormal",
            Outcome::EventGap => "event_gap",
            Outcome::UploadShort => "upload_short",
            Outcome::KilledWithProcess => "killed_with_process",
            Outcome::Unsent => "unsent",
            Outcome::GeneratorFault => "generator_fault",
            Outcome::StillOpen => "still_open",
            Outcome::PipelineCut => "pipeline_cut",
            Outcome::Deadline => "deadline",
        }
    }

    /// Whose doing it is.
    pub fn blame(self) -> Blame {
        use Outcome::*;
        match self {
            Ok | TailReset => Blame::Nobody,
            RetriableClose => Blame::Retriable,
            WrongId | WrongBody | WrongGeneration | OutOfOrder | Duplicate => Blame::Corrupt,
            KilledWithProcess | Deadline => Blame::Excused,
            Unfinished | Unsent | GeneratorFault | StillOpen => Blame::Generator,
            _ => Blame::Lost,
        }
    }
}

const fn by_byte() -> [Option<Outcome>; Outcome::BYTES] {
    let mut table = [None; Outcome::BYTES];
    let mut n = 0;
    while n < Outcome::ALL.len() {
        table[Outcome::ALL[n] as usize] = Some(Outcome::ALL[n]);
        n += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back_as_the_class_that_wrote_it() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_byte(outcome as u8), Some(outcome), "{}", outcome.name());
            assert!((outcome as usize) < Outcome::BYTES);
        }
        assert_eq!(Outcome::from_byte(25), None);
        assert_eq!(Outcome::from_byte(Outcome::BYTES as u8), None);
    }
}
