//! The table of what is done wrong, to whom, and what must be said of it.

use facts::{
    Outcome,
    fault::Fault,
    plan::{Behaviour, Framing, Method, Pace, Population},
};

/// One kind of client and one thing that goes wrong.
pub(crate) struct Cell {
    /// What happens, in a few words; also the name of the population.
    pub(crate) name: &'static str,
    pub(crate) doing: Doing,
    pub(crate) clients: Clients,
    pub(crate) class: Class,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// All is well: whatever is found here is a false alarm.
    Nothing,
    /// An origin with this fault, to each tenth.
    Fault(Fault),
    /// A listening socket.
    Socket(Trouble),
}

/// What is wrong with a listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody listens.
    Nobody,
    /// The queue is full and nobody accepts.
    Full,
    /// Closed with connections in its queue.
    Dropped,
    /// Nobody reads.
    Deaf,
    /// Nobody answers.
    Mute,
    /// Not of a kind that a client could connect to: what is wrong is on this side.
    Foreign,
}

/// To whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// A connection per request.
    Short,
    /// As `Short`; closes its sending side behind the request, and reads to the end.
    Closing,
    /// Connections are kept.
    Kept,
    /// Connections are kept, and requests must not be repeated.
    Posting,
    /// More than fits into all buffers.
    Flooding,
    /// All want the same connection: most are never sent.
    Queueing,
    /// Ask again and again, whatever happens.
    Patient,
    /// An upload each, whose bytes the server counts.
    Uploading,
    /// Four requests at a time.
    Pipelining,
    /// Messages on websockets.
    Talking,
    /// Server-sent events.
    Following,
    /// reqwest.
    Ordinary,
    /// reqwest, and requests must not be repeated.
    OrdinaryPosting,
}

/// What the engine must say of a struck attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// This.
    Is(Outcome),
    /// On a fresh connection that a queue was lost, on a reused one this.
    Unanswered { reused: Outcome },
    /// It was answered; the next one on its connection is this.
    Next(Outcome),
    /// So many of these each time it happened: a message or event has no number that its server knows. At the end this many may
    /// be missing or too many.
    Counted { outcome: Outcome, each: u64, unseen: u64 },
}

/// Time for an answer where none will come.
const HANGS_MS: u32 = 2_000;
/// Time for an answer elsewhere: a machine that is busy makes no false alarm.
const ANSWERS_MS: u32 = 5_000;

/// Clients that wait in a queue until it is thrown away.
pub(crate) const PATIENT: u32 = 8;

/// Clients that follow events: at the end each may miss one gap, or see one more.
const FOLLOWERS: u64 = 2;

const fn cell(name: &'static str, doing: Doing, clients: Clients, class: Class) -> Cell {
    Cell { name, doing, clients, class }
}

const fn fault(name: &'static str, fault: Fault, clients: Clients, class: Class) -> Cell {
    cell(name, Doing::Fault(fault), clients, class)
}

const fn socket(name: &'static str, trouble: Trouble, clients: Clients, class: Outcome) -> Cell {
    cell(name, Doing::Socket(trouble), clients, Class::Is(class))
}

const fn ordinary(name: &'static str, of: Fault, class: Class) -> Cell {
    fault(name, of, Clients::Ordinary, class)
}

const UNANSWERED: Class = Class::Unanswered { reused: Outcome::RetriableClose };
const UNSAFE: Class = Class::Unanswered { reused: Outcome::UnsafeClose };
const OK: Class = Class::Is(Outcome::Ok);

/// Every cell.
pub(crate) const CELLS: &[Cell] = &[
    cell("nothing at all", Doing::Nothing, Clients::Short, OK),
    cell("nothing at all", Doing::Nothing, Clients::Closing, OK),
    cell("nothing at all", Doing::Nothing, Clients::Kept, OK),
    cell("nothing at all", Doing::Nothing, Clients::Posting, OK),
    cell("nothing at all", Doing::Nothing, Clients::Uploading, OK),
    cell("nothing at all", Doing::Nothing, Clients::Pipelining, OK),
    cell("nothing at all", Doing::Nothing, Clients::Talking, OK),
    cell("nothing at all", Doing::Nothing, Clients::Following, OK),
    socket("nobody listens", Trouble::Nobody, Clients::Short, Outcome::Refused),
    socket("a full queue", Trouble::Full, Clients::Short, Outcome::ConnectTimeout),
    socket("a queue thrown away", Trouble::Dropped, Clients::Patient, Outcome::ResetInAcceptQueue),
    socket("no socket for this", Trouble::Foreign, Clients::Short, Outcome::GeneratorFault),
    socket("one connection for all", Trouble::Mute, Clients::Queueing, Outcome::Unsent),
    socket("nobody reads", Trouble::Deaf, Clients::Flooding, Outcome::StuckWrite),
    fault("reset before a byte", Fault::Reset, Clients::Short, UNANSWERED),
    fault("reset before a byte", Fault::Reset, Clients::Kept, UNANSWERED),
    fault("reset before a byte", Fault::Reset, Clients::Posting, UNSAFE),
    fault("closed before a byte", Fault::Close, Clients::Short, UNANSWERED),
    fault("closed before a byte", Fault::Close, Clients::Kept, UNANSWERED),
    fault("closed before a byte", Fault::Close, Clients::Posting, UNSAFE),
    fault("never answered", Fault::Ignore, Clients::Short, Class::Is(Outcome::TimeoutFirstByte)),
    fault("never answered", Fault::Ignore, Clients::Kept, Class::Is(Outcome::TimeoutFirstByte)),
    fault("executed, never answered", Fault::Swallow, Clients::Short, Class::Is(Outcome::ExecutedNoReply)),
    fault("executed, then closed", Fault::LoseAnswer, Clients::Short, Class::Is(Outcome::ExecutedNoReply)),
    fault("executed, then closed", Fault::LoseAnswer, Clients::Posting, Class::Is(Outcome::ExecutedNoReply)),
    fault("executed twice", Fault::ExecuteTwice, Clients::Short, Class::Is(Outcome::Duplicate)),
    fault("executed twice", Fault::ExecuteTwice, Clients::Kept, Class::Is(Outcome::Duplicate)),
    fault("closed inside the head", Fault::CutHead, Clients::Short, Class::Is(Outcome::CutInHeaders)),
    fault("closed inside the head", Fault::CutHead, Clients::Kept, Class::Is(Outcome::CutInHeaders)),
    fault("reset inside the head", Fault::ResetHead, Clients::Short, Class::Is(Outcome::CutInHeaders)),
    fault("closed inside the body", Fault::CutBody, Clients::Short, Class::Is(Outcome::CutInBody)),
    fault("closed inside the body", Fault::CutBody, Clients::Kept, Class::Is(Outcome::CutInBody)),
    fault("reset inside the body", Fault::ResetBody, Clients::Short, Class::Is(Outcome::CutInBody)),
    fault("closed when idle", Fault::CloseIdle, Clients::Kept, Class::Next(Outcome::RetriableClose)),
    fault("closed when idle", Fault::CloseIdle, Clients::Posting, Class::Next(Outcome::UnsafeClose)),
    fault("answered, then reset", Fault::ResetTail, Clients::Closing, Class::Is(Outcome::TailReset)),
    fault("answered, then reset", Fault::ResetTail, Clients::Kept, Class::Next(Outcome::RetriableClose)),
    fault("closed as announced", Fault::AnnounceClose, Clients::Kept, OK),
    fault("a byte each 20 ms", Fault::Drip, Clients::Short, Class::Is(Outcome::TimeoutBody)),
    fault("503", Fault::Unavailable, Clients::Short, Class::Is(Outcome::Status5xx)),
    fault("503", Fault::Unavailable, Clients::Kept, Class::Is(Outcome::Status5xx)),
    fault("wrong body, right length", Fault::WrongBody, Clients::Short, Class::Is(Outcome::WrongBody)),
    fault("wrong body, right length", Fault::WrongBody, Clients::Kept, Class::Is(Outcome::WrongBody)),
    fault("404 for 200", Fault::WrongStatus, Clients::Short, Class::Is(Outcome::StatusOther)),
    fault("404 for 200", Fault::WrongStatus, Clients::Kept, Class::Is(Outcome::StatusOther)),
    fault("not HTTP", Fault::NotHttp, Clients::Kept, Class::Is(Outcome::StatusOther)),
    fault("another request's id", Fault::WrongId, Clients::Short, Class::Is(Outcome::WrongId)),
    fault("another request's id", Fault::WrongId, Clients::Kept, Class::Is(Outcome::WrongId)),
    fault("one byte less counted", Fault::Miscount, Clients::Uploading, Class::Is(Outcome::UploadShort)),
    fault(
        "cut without a close frame",
        Fault::CutWebsocket,
        Clients::Talking,
        Class::Counted { outcome: Outcome::WebsocketAbnormal, each: 1, unseen: 0 },
    ),
    fault(
        "an event left out",
        Fault::SkipEvent,
        Clients::Following,
        Class::Counted { outcome: Outcome::EventGap, each: 1, unseen: FOLLOWERS },
    ),
    fault(
        "answers swapped",
        Fault::SwapAnswers,
        Clients::Pipelining,
        Class::Counted { outcome: Outcome::OutOfOrder, each: 2, unseen: 0 },
    ),
    fault("bytes behind the end", Fault::Surplus, Clients::Kept, Class::Is(Outcome::WrongBody)),
    cell("nothing at all", Doing::Nothing, Clients::Ordinary, OK),
    cell("nothing at all", Doing::Nothing, Clients::OrdinaryPosting, OK),
    socket("nobody listens", Trouble::Nobody, Clients::Ordinary, Outcome::Refused),
    socket("a full queue", Trouble::Full, Clients::Ordinary, Outcome::ConnectTimeout),
    ordinary("reset before a byte", Fault::Reset, UNANSWERED),
    fault("reset before a byte", Fault::Reset, Clients::OrdinaryPosting, UNSAFE),
    ordinary("closed before a byte", Fault::Close, UNANSWERED),
    fault("closed before a byte", Fault::Close, Clients::OrdinaryPosting, UNSAFE),
    ordinary("never answered", Fault::Ignore, Class::Is(Outcome::TimeoutFirstByte)),
    ordinary("executed, never answered", Fault::Swallow, Class::Is(Outcome::ExecutedNoReply)),
    ordinary("executed, then closed", Fault::LoseAnswer, Class::Is(Outcome::ExecutedNoReply)),
    ordinary("executed twice", Fault::ExecuteTwice, Class::Is(Outcome::Duplicate)),
    // The library does not tell that a part of a head came; the journal tells that it was executed.
    ordinary("closed inside the head", Fault::CutHead, Class::Is(Outcome::ExecutedNoReply)),
    ordinary("reset inside the head", Fault::ResetHead, Class::Is(Outcome::ExecutedNoReply)),
    ordinary("closed inside the body", Fault::CutBody, Class::Is(Outcome::CutInBody)),
    ordinary("reset inside the body", Fault::ResetBody, Class::Is(Outcome::CutInBody)),
    ordinary("closed as announced", Fault::AnnounceClose, OK),
    ordinary("a byte each 20 ms", Fault::Drip, Class::Is(Outcome::ExecutedNoReply)),
    ordinary("503", Fault::Unavailable, Class::Is(Outcome::Status5xx)),
    ordinary("wrong body, right length", Fault::WrongBody, Class::Is(Outcome::WrongBody)),
    ordinary("another request's id", Fault::WrongId, Class::Is(Outcome::WrongId)),
    // Thrown away by the library: its users never see them.
    ordinary("bytes behind the end", Fault::Surplus, OK),
];

impl Cell {
    /// The population that is measured; it sends to the target of the same number.
    pub(crate) fn population(&self, number: usize) -> Population {
        let hangs = match self.doing {
            Doing::Fault(Fault::Ignore | Fault::Swallow | Fault::Drip) => true,
            Doing::Socket(trouble) => matches!(trouble, Trouble::Full | Trouble::Deaf | Trouble::Mute),
            _ => false,
        };
        let clients = self.clients;
        let behaviour = match clients {
            Clients::Short => Behaviour::Short,
            Clients::Closing => Behaviour::HalfClose,
            Clients::Uploading => Behaviour::Upload { over_ms: 0, framing: Framing::Chunked },
            Clients::Pipelining => Behaviour::Pipelined { depth: 4 },
            Clients::Talking => Behaviour::Websocket { lasts_ms: None },
            Clients::Following => Behaviour::Events,
            Clients::Ordinary | Clients::OrdinaryPosting => Behaviour::Reqwest,
            Clients::Kept | Clients::Posting | Clients::Flooding | Clients::Patient | Clients::Queueing => {
                Behaviour::Keepalive
            }
        };
        let pace = match clients {
            Clients::Flooding | Clients::Patient | Clients::Pipelining => Pace::Think { nanos: 250_000_000 },
            Clients::Talking | Clients::Following => Pace::Think { nanos: 50_000_000 },
            // All of them share what reqwest keeps up with.
            Clients::Ordinary | Clients::OrdinaryPosting => Pace::Poisson { per_second: 20.0 },
            _ => Pace::Poisson { per_second: 60.0 },
        };
        let posts = matches!(
            clients,
            Clients::Posting | Clients::Flooding | Clients::Uploading | Clients::OrdinaryPosting
        );
        Population {
            name: format!("{number} {}", self.name),
            target: number,
            behaviour,
            pace,
            connections: match clients {
                Clients::Short | Clients::Closing | Clients::Uploading => 128,
                Clients::Ordinary | Clients::OrdinaryPosting => 64,
                Clients::Patient => PATIENT,
                Clients::Flooding => 2,
                Clients::Queueing => 1,
                // As few as will do: most requests are to find their connection used.
                Clients::Kept | Clients::Posting if hangs => 32,
                Clients::Kept | Clients::Posting | Clients::Pipelining | Clients::Talking => 4,
                Clients::Following => FOLLOWERS as u32,
            },
            looks: false,
            method: if posts { Method::Post } else { Method::Get },
            path: match clients {
                Clients::Uploading => "/sink",
                Clients::Talking => "/websocket",
                Clients::Following => "/events?every_ms=50",
                _ => "/",
            }
            .into(),
            body_bytes: match clients {
                Clients::Posting | Clients::Uploading | Clients::OrdinaryPosting => 300,
                Clients::Flooding => 32 << 20,
                _ => 0,
            },
            timeout_ms: if hangs { HANGS_MS } else { ANSWERS_MS },
            ..Population::default()
        }
    }

    /// True when requests are to wait until it is too late for them.
    pub(crate) fn queues(&self) -> bool {
        self.clients == Clients::Queueing
    }

    /// What the class of a struck attempt must be.
    pub(crate) fn expected(&self, reused: bool) -> Outcome {
        match self.class {
            Class::Is(outcome) => outcome,
            Class::Unanswered { reused: outcome } if reused => outcome,
            Class::Unanswered { .. } => Outcome::ResetInAcceptQueue,
            Class::Next(_) | Class::Counted { .. } => Outcome::Ok,
        }
    }
}

impl Clients {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Clients::Short => "short",
            Clients::Closing => "half-closed",
            Clients::Kept => "kept",
            Clients::Posting => "kept, POST",
            Clients::Flooding => "kept, 32 MiB",
            Clients::Patient => "kept, patient",
            Clients::Queueing => "kept, one",
            Clients::Uploading => "upload",
            Clients::Pipelining => "pipelined",
            Clients::Talking => "websocket",
            Clients::Following => "events",
            Clients::Ordinary => "reqwest",
            Clients::OrdinaryPosting => "reqwest, POST",
        }
    }
}
