//! The life of one attempt, told from all facts.

use facts::{Event, Generation, Nanos, Outcome, Role, SocketState, record::flag};
use serde::Serialize;

use crate::{Cause, Counted, Execution, Index, attempt::Attempt, fault, kernel};

/// A process that had a connection or gave an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// Its pid, or 0.
    pub pid: u32,
    /// Its generation, or 0.
    pub generation: Generation,
}

/// A signal that came before something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignalBefore {
    /// `WINCH`
    pub signal: String,
    /// The process it was sent to.
    pub to: Holder,
    /// What that process was.
    pub role: Role,
    /// How long before the attempt ended, in nanoseconds.
    pub before_ns: Nanos,
}

/// The life of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LifeStory {
    /// What `X-Changeover-Id` carried.
    pub id: u64,
    /// How it ended, in the light of all facts.
    pub outcome: Outcome,
    /// What the client saw.
    pub seen_as: Outcome,
    /// Nanoseconds from the start of the load to when it was meant to start.
    pub intended_ns: Nanos,
    /// Nanoseconds from then to its end.
    pub took_ns: Nanos,
    /// Phase in which it was meant to start.
    pub phase: String,
    /// Whose it was.
    pub population: String,
    /// Connection, from 1 in the run.
    pub connection: u32,
    /// Position on that connection; 0 is a fresh connection.
    pub sequence: u16,
    /// Bytes handed to the kernel.
    pub bytes_out: u32,
    /// Bytes received.
    pub bytes_in: u32,
    /// Whether a part of an answer's head had come is not told by its client.
    pub head_untold: bool,
    /// Name of the errno that ended it; empty for an end of stream or a deadline.
    pub errno: String,
    /// HTTP status, or 0.
    pub status: u16,
    /// Who answered.
    pub answered_by: Option<Holder>,
    /// Who answered the request before it on the same connection.
    pub held_by: Option<Holder>,
    /// Whether a server executed it.
    pub execution: Execution,
    /// What the kernel knew of the connection when it failed.
    pub socket: Option<SocketState>,
    /// The nearest signal before its end.
    pub signal: Option<SignalBefore>,
    /// What the scenario itself did to the path meanwhile: `net web reset`. It may be that, and not the server.
    pub fault: Option<String>,
    /// What the kernel counted in the phases it was under way in, of what bears on its outcome. No counter knows
    /// whose connection it counted.
    pub kernel: Option<Counted>,
    /// Why it got no answer, where that is shown.
    pub cause: Cause,
}

/// Tells the life of an attempt.
pub(crate) fn story(index: &Index, attempt: &Attempt) -> LifeStory {
    let record = attempt.record;
    let started = index.loaded().map_or(0, |loaded| loaded.begin);
    let population = index.plan.populations.get(usize::from(record.population));
    LifeStory {
        id: record.id,
        outcome: attempt.outcome,
        seen_as: record.outcome(),
        intended_ns: record.intended.saturating_sub(started),
        took_ns: attempt.done_at() - record.intended,
        phase: index.phase_name(record.phase_intended).to_owned(),
        population: population.map_or_else(|| "?".into(), |p| p.name.clone()),
        connection: record.connection,
        sequence: record.sequence,
        bytes_out: record.bytes_out,
        bytes_in: record.bytes_in,
        head_untold: record.has(flag::HEAD_UNTOLD),
        errno: errno_name(record.errno),
        status: record.status,
        answered_by: attempt.answered_by,
        held_by: attempt.held_by,
        execution: attempt.execution,
        socket: socket_of(index, record.id),
        signal: signal_before(index, attempt.done_at()),
        fault: fault::in_the_path(index, attempt),
        kernel: kernel::counted_about(index, (record.phase_intended, record.phase_done), attempt.outcome),
        cause: index.causes.cause(index.plan, attempt),
    }
}

/// They are in order of id.
fn socket_of(index: &Index, id: u64) -> Option<SocketState> {
    let sockets = &index.history.sockets;
    let found = sockets.binary_search_by_key(&id, |socket| socket.id).ok()?;
    sockets.get(found).copied()
}

fn signal_before(index: &Index, instant: Nanos) -> Option<SignalBefore> {
    let before = index.history.events.iter().filter(|line| line.at.earliest <= instant);
    let sent = |line: &facts::Stamped| match &line.event {
        Event::SignalSent { pid, generation, role, signal, .. } => Some(SignalBefore {
            signal: signal.clone(),
            to: Holder { pid: *pid, generation: *generation },
            role: *role,
            before_ns: instant.saturating_sub(line.at.latest),
        }),
        _ => None,
    };
    before.filter_map(sent).min_by_key(|signal| signal.before_ns)
}

/// Names of the errnos a client meets (Linux, asm-generic).
fn errno_name(errno: u8) -> String {
    let name = match errno {
        0 => "",
        4 => "EINTR",
        11 => "EAGAIN",
        23 => "ENFILE",
        24 => "EMFILE",
        32 => "EPIPE",
        99 => "EADDRNOTAVAIL",
        101 => "ENETUNREACH",
        103 => "ECONNABORTED",
        104 => "ECONNRESET",
        105 => "ENOBUFS",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        other => return format!("errno {other}"),
    };
    name.to_owned()
}

impl std::fmt::Display for LifeStory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let connection = match self.sequence {
            0 if self.connection == 0 => "conn unknown".to_owned(),
            0 => format!("conn {} fresh", self.connection),
            nth => format!("conn {} reused ({} before)", self.connection, nth),
        };
        let at = self.intended_ns as f64 / 1e9;
        write!(f, "#{:016x} +{at:.3}s phase={} {} {connection}: ", self.id, self.phase, self.population)?;
        write!(f, "{}", self.outcome.name())?;
        if self.seen_as != self.outcome {
            write!(f, " (client saw {})", self.seen_as.name())?;
        }
        let ending = match self.errno.as_str() {
            "" if was_closed(self.seen_as) => " by end of stream".into(),
            "" => String::new(),
            errno => format!(" by {errno}"),
        };
        let status = if self.status == 0 { String::new() } else { format!(" status {}", self.status) };
        let took = self.took_ns as f64 / 1e6;
        write!(f, "{ending}{status} after {took:.1} ms, {} B out, {} B in", self.bytes_out, self.bytes_in)?;
        if self.head_untold {
            f.write_str(" (or a part of a head: its client does not tell)")?;
        }
        self.write_holders(f)
    }
}

/// True when the other side ended the connection.
pub(crate) fn was_closed(outcome: Outcome) -> bool {
    use Outcome::{
        CutInBody, CutInHeaders, PipelineCut, ResetInAcceptQueue, RetriableClose, UnsafeClose,
        WebsocketAbnormal,
    };
    matches!(
        outcome,
        ResetInAcceptQueue
            | RetriableClose
            | UnsafeClose
            | CutInHeaders
            | CutInBody
            | PipelineCut
            | WebsocketAbnormal
    )
}

impl LifeStory {
    fn write_holders(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(by) = self.answered_by {
            write!(f, "; answered by {by}")?;
        }
        if let Some(by) = self.held_by {
            write!(f, "; connection was held by {by}")?;
        }
        match self.execution {
            Execution::NeverSeen => f.write_str("; no server executed it")?,
            // Its outcome says so.
            Execution::Executed if self.outcome == Outcome::ExecutedNoReply => {}
            Execution::Executed => f.write_str("; it was executed")?,
            Execution::Unknown => {}
        }
        // Of one that was closed the kernel knows no more than that.
        if let Some(socket) = self.socket.filter(|_| !was_closed(self.seen_as)) {
            write!(f, "; its socket was {socket}")?;
        }
        if let Some(signal) = &self.signal {
            let role = format!("{:?}", signal.role).to_lowercase();
            let before = signal.before_ns as f64 / 1e6;
            write!(f, "; {before:.1} ms after {} to {role} {}", signal.signal, signal.to)?;
        }
        if let Some(fault) = &self.fault {
            write!(f, "; while the scenario's own `{fault}` was in force")?;
        }
        if let Some(counted) = &self.kernel {
            write!(f, "; kernel meanwhile: {counted}")?;
        }
        write!(f, "; {}", self.cause)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Holder { pid: 0, generation } => write!(f, "generation {generation}"),
            Holder { pid, generation: 0 } => write!(f, "pid {pid}"),
            Holder { pid, generation } => write!(f, "pid {pid} of generation {generation}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use facts::{Event, Outcome};

    use crate::{built::Built, judge};

    #[test]
    fn a_life_is_told_from_all_facts() {
        let mut built = Built::good().outcome(152, Outcome::RetriableClose);
        let record = &mut built.history.records[151];
        (record.connection, record.sequence, record.errno) = (149, 1, 104);
        let judgement = judge(&built.plan, &built.history);
        assert_eq!(
            judgement.retriable[0].to_string(),
            "#0000000000000098 +1.510s phase=upgrade users conn 149 reused (1 before): retriable_close by ECONNRESET \
             after 1.0 ms, 100 B out, 0 B in; connection was held by pid 11 of generation 1; \
             21.0 ms after WINCH to master pid 10 of generation 1; cause unknown"
        );
        assert!(judgement.lost.is_empty());
    }

    #[test]
    fn a_kill_is_the_signal_before() {
        let built = Built::good().outcome(152, Outcome::RetriableClose);
        let (pid, generation, role) = (20, 2, facts::Role::Master);
        let kill = Event::SignalSent { target: "web".into(), pid, generation, role, signal: "KILL".into() };
        let built = built.inserted(1505, kill);
        let told = judge(&built.plan, &built.history).retriable[0].to_string();
        assert!(told.contains(" after KILL to master pid 20 of generation 2"), "{told}");
    }

    #[test]
    fn whether_a_lost_request_was_executed_is_told_where_a_journal_says() {
        let lost = |executed| {
            let mut built = Built::good().outcome(9, Outcome::CutInBody).executed("web", executed);
            built.history.records[8].bytes_in = 7;
            judge(&built.plan, &built.history).lost[0].to_string()
        };
        assert!(lost(8).contains("; no server executed it"), "{}", lost(8));
        assert!(lost(9).contains("; it was executed"), "{}", lost(9));
    }

    #[test]
    fn the_socket_of_a_hang_is_shown() {
        let mut built = Built::good().outcome(9, Outcome::TimeoutFirstByte);
        let socket = |id| facts::SocketState {
            id,
            state: 1,
            retransmits: 0,
            unacked: 2,
            total_retransmits: 3,
            notsent_bytes: 70,
            rtt_us: 41,
        };
        built.history.sockets = vec![socket(7), socket(9), socket(11)];
        let told = judge(&built.plan, &built.history).lost[0].to_string();
        let expected =
            "; its socket was ESTABLISHED, 2 segments unacknowledged, 70 B not sent, 3 sent again, rtt 41 us";
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn what_the_client_saw_stands_beside_what_it_was() {
        let built = Built::good().outcome(9, Outcome::TimeoutFirstByte).executed("web", 9);
        let told = judge(&built.plan, &built.history).lost[0].to_string();
        assert!(told.contains("executed_no_reply (client saw timeout_first_byte)"), "{told}");
    }
}
