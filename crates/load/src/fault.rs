//! Which outcome a failed attempt is: a pure function of where it was and how it ended (loadgen research, §3.5).

use facts::{Outcome, plan::Method};
use rustix::io::Errno;

/// How far an attempt got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The handshake is not over.
    Connecting,
    /// The request is not completely written; no byte came back.
    Sending,
    /// The request is written; no byte came back.
    Waiting,
    /// Some bytes of the answer came, not its whole head.
    InHead,
    /// The head came, not the whole body.
    InBody,
}

/// How an attempt ended without a complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// End of stream: the other side closed in order.
    Closed,
    /// A call failed.
    Failed(Errno),
    /// Its time was over.
    Deadline,
    /// The other side took its leave properly (a websocket's close frame) and answered nothing more.
    Farewell,
    /// As `Farewell`, because it goes away itself (1001, 1012).
    GoesAway,
    /// What came is not HTTP.
    NotHttp,
    /// Bytes nobody asked for lay on the idle connection.
    Unasked,
}

impl End {
    /// Of the call that failed, if one did.
    pub(crate) fn errno(self) -> Option<Errno> {
        if let End::Failed(errno) = self { Some(errno) } else { None }
    }
}

/// What a reader of the ledger must know besides: the connection had carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// This is its first request.
    Fresh,
    /// It carried a request before.
    Reused,
}

/// The class of a failed attempt.
pub(crate) fn classify(stage: Stage, end: End, connection: Connection, method: Method) -> Outcome {
    use Stage::{Connecting, InBody, InHead, Sending, Waiting};
    match (stage, end) {
        (_, End::Failed(errno)) if is_our_own(errno) => Outcome::GeneratorFault,
        (_, End::NotHttp) => Outcome::StatusOther,
        (_, End::Unasked) => Outcome::WrongId,
        (_, End::Farewell) => closed_unanswered(connection, method),
        (_, End::GoesAway) => Outcome::Deadline,
        (Connecting, End::Deadline | End::Failed(Errno::TIMEDOUT)) => Outcome::ConnectTimeout,
        (Connecting, End::Failed(Errno::CONNREFUSED)) => Outcome::Refused,
        (Connecting, End::Failed(Errno::CONNRESET | Errno::PIPE) | End::Closed) => {
            Outcome::ResetInAcceptQueue
        }
        // No route, no permission: the environment of the run, not the server.
        (Connecting, End::Failed(_)) => Outcome::GeneratorFault,
        (Sending, End::Deadline | End::Failed(Errno::TIMEDOUT)) => Outcome::StuckWrite,
        (Waiting, End::Deadline | End::Failed(Errno::TIMEDOUT)) => Outcome::TimeoutFirstByte,
        (InHead | InBody, End::Deadline | End::Failed(Errno::TIMEDOUT)) => Outcome::TimeoutBody,
        (Sending | Waiting, _) => closed_unanswered(connection, method),
        (InHead, _) => Outcome::CutInHeaders,
        (InBody, _) => Outcome::CutInBody,
    }
}

fn closed_unanswered(connection: Connection, method: Method) -> Outcome {
    match (connection, method) {
        (Connection::Fresh, _) => Outcome::ResetInAcceptQueue,
        (Connection::Reused, Method::Get) => Outcome::RetriableClose,
        (Connection::Reused, Method::Post) => Outcome::UnsafeClose,
    }
}

/// The generator ran out of something: never the server's fault.
fn is_our_own(errno: Errno) -> bool {
    let all =
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL, Errno::ADDRINUSE];
    all.contains(&errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_an_unanswered_request_has_its_class() {
        use Connection::{Fresh, Reused};
        use Method::{Get, Post};
        let reset = End::Failed(Errno::CONNRESET);
        let table = [
            (Stage::Connecting, End::Failed(Errno::CONNREFUSED), Fresh, Get, "refused"),
            (Stage::Connecting, End::Deadline, Fresh, Get, "connect_timeout"),
            (Stage::Connecting, End::Failed(Errno::ADDRNOTAVAIL), Fresh, Get, "generator_fault"),
            (Stage::Connecting, End::Failed(Errno::MFILE), Fresh, Get, "generator_fault"),
            (Stage::Connecting, End::Failed(Errno::NETUNREACH), Fresh, Get, "generator_fault"),
            (Stage::Connecting, reset, Fresh, Get, "reset_in_accept_queue"),
            (Stage::Sending, End::Failed(Errno::PIPE), Fresh, Post, "reset_in_accept_queue"),
            (Stage::Waiting, End::Closed, Fresh, Get, "reset_in_accept_queue"),
            (Stage::Waiting, reset, Fresh, Post, "reset_in_accept_queue"),
            (Stage::Waiting, End::Closed, Reused, Get, "retriable_close"),
            (Stage::Sending, End::Failed(Errno::PIPE), Reused, Get, "retriable_close"),
            (Stage::Waiting, reset, Reused, Post, "unsafe_close"),
            (Stage::Sending, End::Failed(Errno::PIPE), Reused, Post, "unsafe_close"),
            (Stage::InHead, End::Closed, Reused, Get, "cut_in_headers"),
            (Stage::InHead, reset, Fresh, Get, "cut_in_headers"),
            (Stage::InBody, reset, Fresh, Get, "cut_in_body"),
            (Stage::InBody, End::Closed, Reused, Post, "cut_in_body"),
            (Stage::Sending, End::Deadline, Fresh, Post, "stuck_write"),
            (Stage::Waiting, End::Deadline, Reused, Get, "timeout_first_byte"),
            (Stage::InHead, End::Deadline, Fresh, Get, "timeout_body"),
            (Stage::InBody, End::Deadline, Fresh, Get, "timeout_body"),
            (Stage::InHead, End::NotHttp, Fresh, Get, "status_other"),
            (Stage::Connecting, End::Unasked, Reused, Get, "wrong_id"),
            (Stage::Waiting, End::Farewell, Reused, Get, "retriable_close"),
            (Stage::Waiting, End::GoesAway, Reused, Get, "deadline"),
        ];
        for (stage, end, connection, method, expected) in table {
            let row = format!("{stage:?} {end:?} {connection:?} {method:?}");
            assert_eq!(classify(stage, end, connection, method).name(), expected, "{row}");
        }
    }
}
