//! Why an attempt got no answer, where facts show it and not only suggest it. What the kernel lists is a socket's and a
//! connection's own, so it is evidence in any network; counters, which are nobody's, are not used here.

use std::collections::HashMap;

use facts::{
    Event, History, Moment, Nanos, Outcome, Plan,
    kernel::{Activity, Keeper},
    record::{NEVER, nanos},
};
use serde::Serialize;

use crate::{Holder, attempt::Attempt};

/// A client on a busy machine may read a reset that late.
const RESET_IS_SEEN_WITHIN: Nanos = 250_000_000;

/// Why an attempt got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// Nothing shows it.
    Unknown,
    /// Its connection waited at a listening socket that was closed with everybody who waited there.
    QueueClosed {
        /// When, at the latest; nanoseconds from the start of the run.
        by_ns: Nanos,
        /// How many waited, as last seen.
        waiting: u32,
        /// Who kept the socket, as last seen; empty where we may not know.
        kept_by: Vec<Holder>,
    },
    /// Its connection waited to the end at a listening socket that nobody accepted from.
    QueueLeft {
        /// Since when nobody did, nanoseconds from the start of the run.
        since_ns: Nanos,
        /// Who kept the socket meanwhile.
        keepers: Vec<Keeper>,
    },
    /// Nobody listened at the address.
    NobodyListened {
        /// Since when, at the latest, and not later than the refusal; nanoseconds from the start of the run.
        since_ns: Nanos,
        /// Who kept the last socket there, as last seen; empty where we may not know.
        kept_by: Vec<Holder>,
    },
}

/// A connection that nobody accepted.
struct Stay {
    /// When it was first seen waiting.
    came: Moment,
    /// When it was gone; `None`: it never was.
    left: Option<Moment>,
    /// At one of these sockets.
    sockets: Vec<u64>,
}

struct Closed<'h> {
    at: Moment,
    waiting: u32,
    keepers: &'h [Keeper],
}

/// A stretch of time in which nobody did something.
struct Lapse<'h> {
    from: Moment,
    until: Option<Moment>,
    keepers: &'h [Keeper],
}

/// All that a history shows of causes.
#[derive(Default)]
pub(crate) struct Causes<'h> {
    started: Nanos,
    /// By target and the client's port.
    stays: HashMap<(&'h str, u16), Vec<Stay>>,
    closed: HashMap<u64, Closed<'h>>,
    left: HashMap<u64, Vec<Lapse<'h>>>,
    /// By target.
    deserted: HashMap<&'h str, Vec<Lapse<'h>>>,
}

impl<'h> Causes<'h> {
    pub(crate) fn of(history: &'h History) -> Causes<'h> {
        let events = &history.events;
        let started = events.first().map_or(0, |line| line.at.earliest);
        let mut causes = Causes { started, ..Causes::default() };
        events.iter().for_each(|line| causes.take(&line.event, line.at));
        causes
    }

    fn take(&mut self, event: &'h Event, at: Moment) {
        let close = |lapses: Option<&mut Vec<Lapse<'h>>>| {
            if let Some(open) = lapses.and_then(|lapses| lapses.last_mut()).filter(|l| l.until.is_none()) {
                open.until = Some(at);
            }
        };
        match event {
            Event::Waiting { target, sockets, came, left } => {
                for port in left {
                    let stays = self.stays.get_mut(&(target.as_str(), *port));
                    if let Some(stay) = stays.and_then(|stays| stays.last_mut()) {
                        stay.left = Some(at);
                    }
                }
                for port in came {
                    let stay = Stay { came: at, left: None, sockets: sockets.clone() };
                    self.stays.entry((target, *port)).or_default().push(stay);
                }
            }
            Event::QueueClosed { socket, waiting, keepers, .. } => {
                close(self.left.get_mut(socket));
                let keepers = keepers.as_deref().unwrap_or_default();
                self.closed.insert(*socket, Closed { at, waiting: *waiting, keepers });
            }
            Event::QueueLeft { socket, keepers, .. } => {
                let lapses = self.left.entry(*socket).or_default();
                // Told again because others keep it: it has been left alone all the time.
                match lapses.last_mut().filter(|lapse| lapse.until.is_none()) {
                    Some(lapse) => lapse.keepers = keepers,
                    None => lapses.push(Lapse { from: at, until: None, keepers }),
                }
            }
            Event::QueueTaken { socket, .. } => close(self.left.get_mut(socket)),
            Event::NobodyListens { target, keepers } => {
                let keepers = keepers.as_deref().unwrap_or_default();
                let lapse = Lapse { from: at, until: None, keepers };
                self.deserted.entry(target).or_default().push(lapse);
            }
            Event::SomebodyListens { target } => close(self.deserted.get_mut(target.as_str())),
            _ => {}
        }
    }

    /// Why an attempt got no answer.
    pub(crate) fn cause(&self, plan: &Plan, attempt: &Attempt) -> Cause {
        let population = plan.populations.get(usize::from(attempt.record.population));
        let target = population.and_then(|population| plan.targets.get(population.target));
        let Some(target) = target.map(|target| target.name.as_str()) else { return Cause::Unknown };
        let cause = match attempt.outcome {
            Outcome::Refused => self.refused(target, attempt.done_at()),
            Outcome::ResetInAcceptQueue | Outcome::UnsafeClose => {
                self.stay(target, attempt).and_then(|stay| self.closed(stay, attempt.done_at()))
            }
            Outcome::TimeoutFirstByte | Outcome::StuckWrite => {
                self.stay(target, attempt).and_then(|stay| self.left_alone(stay, attempt.done_at()))
            }
            _ => None,
        };
        cause.unwrap_or(Cause::Unknown)
    }

    fn refused(&self, target: &str, at: Nanos) -> Option<Cause> {
        let lapses = self.deserted.get(target)?;
        let covers =
            |lapse: &&Lapse| lapse.from.earliest <= at && lapse.until.is_none_or(|until| at <= until.latest);
        let lapse = lapses.iter().find(covers)?;
        Some(Cause::NobodyListened {
            // A refusal before the look that found nobody there is the earlier witness.
            since_ns: lapse.from.latest.min(at).saturating_sub(self.started),
            kept_by: lapse.keepers.iter().map(holder).collect(),
        })
    }

    /// The wait of its connection, if it was seen to wait and never carried another request.
    fn stay<'s>(&'s self, target: &'s str, attempt: &Attempt) -> Option<&'s Stay> {
        let record = &attempt.record;
        if record.reused() || record.connected == NEVER || record.bytes_in > 0 {
            return None;
        }
        let connected = record.intended + nanos(record.connected);
        let its = |stay: &&Stay| connected <= stay.came.latest && stay.came.earliest <= attempt.done_at();
        self.stays.get(&(target, record.local_port))?.iter().find(its)
    }

    /// It waited at one of these sockets: all of them must have gone when it did.
    fn closed(&self, stay: &Stay, done: Nanos) -> Option<Cause> {
        let left = stay.left?;
        let sockets = stay.sockets.iter().map(|socket| self.closed.get(socket));
        let closed: Vec<&Closed> = sockets.collect::<Option<_>>()?;
        let together = |closed: &&Closed| {
            closed.at.earliest <= left.latest
                && left.earliest <= closed.at.latest
                && closed.at.earliest <= done
                && done <= closed.at.latest + RESET_IS_SEEN_WITHIN
        };
        if closed.is_empty() || !closed.iter().all(together) {
            return None;
        }
        let mut kept_by: Vec<Holder> = closed.iter().flat_map(|closed| closed.keepers).map(holder).collect();
        kept_by.dedup();
        Some(Cause::QueueClosed {
            by_ns: closed.iter().map(|closed| closed.at.latest).max()?.saturating_sub(self.started),
            waiting: closed.iter().map(|closed| closed.waiting).sum(),
            kept_by,
        })
    }

    /// It waited to its end at one of these sockets: nobody may have accepted from any of them then.
    fn left_alone(&self, stay: &Stay, done: Nanos) -> Option<Cause> {
        if stay.left.is_some_and(|left| left.latest < done) {
            return None;
        }
        let at_its_end = |lapse: &&Lapse| {
            lapse.from.earliest <= done && lapse.until.is_none_or(|until| done <= until.latest)
        };
        let lapses = stay.sockets.iter().map(|socket| self.left.get(socket)?.iter().find(at_its_end));
        let lapses: Vec<&Lapse> = lapses.collect::<Option<_>>()?;
        let mut keepers: Vec<Keeper> = lapses.iter().flat_map(|lapse| lapse.keepers).copied().collect();
        keepers.dedup();
        let since = lapses.iter().map(|lapse| lapse.from.earliest).max()?;
        Some(Cause::QueueLeft { since_ns: since.saturating_sub(self.started), keepers })
    }
}

fn holder(keeper: &Keeper) -> Holder {
    Holder { pid: keeper.pid, generation: keeper.generation }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = |ns: &Nanos| *ns as f64 / 1e9;
        match self {
            Cause::Unknown => write!(f, "cause unknown"),
            Cause::QueueClosed { by_ns, waiting, kept_by } => {
                let at = seconds(by_ns);
                write!(
                    f,
                    "cause: the queue it waited in was closed at +{at:.3}s with {waiting} connections in it"
                )?;
                last_kept(f, kept_by)
            }
            Cause::QueueLeft { since_ns, keepers } => {
                let since = seconds(since_ns);
                let kept = kept(keepers);
                write!(
                    f,
                    "cause: it waited in a queue that nobody accepted from since +{since:.3}s; kept by {kept}"
                )
            }
            Cause::NobodyListened { since_ns, kept_by } => {
                write!(f, "cause: nobody listened, at the latest since +{:.3}s", seconds(since_ns))?;
                last_kept(f, kept_by)
            }
        }
    }
}

/// `pid 11 of generation 1 (stopped)`, for each.
pub(crate) fn kept(keepers: &[Keeper]) -> String {
    let does = |keeper: &Keeper| match keeper.activity {
        Activity::Stopped => "stopped",
        Activity::ServesNothing => "a master, which serves nothing",
        Activity::MayAccept => "running",
    };
    let words = keepers.iter().map(|keeper| format!("{} ({})", holder(keeper), does(keeper)));
    words.collect::<Vec<_>>().join(", ")
}

fn last_kept(f: &mut std::fmt::Formatter<'_>, kept_by: &[Holder]) -> std::fmt::Result {
    let holders: Vec<String> = kept_by.iter().map(Holder::to_string).collect();
    match kept_by {
        [] => Ok(()),
        _ => write!(f, "; as last seen it was kept by {}", holders.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome, Role,
        kernel::{Activity, Keeper},
    };

    use crate::{built::Built, judge};

    fn web() -> String {
        "web".into()
    }

    fn keeper(activity: Activity) -> Keeper {
        Keeper { pid: 10, generation: 1, role: Role::Master, activity }
    }

    fn waiting(sockets: &[u64], came: &[u16], left: &[u16]) -> Event {
        Event::Waiting { target: web(), sockets: sockets.to_vec(), came: came.to_vec(), left: left.to_vec() }
    }

    fn closed(socket: u64) -> Event {
        let keepers = Some(vec![keeper(Activity::MayAccept)]);
        Event::QueueClosed { target: web(), socket, waiting: 3, keepers }
    }

    /// What is told of request 120, which began at 1200 ms with the client's port 5, took so long and ended so.
    fn cause(mut built: Built, outcome: Outcome, took_ms: u32) -> String {
        built = built.outcome(120, outcome);
        let record = &mut built.history.records[119];
        (record.local_port, record.done) = (5, took_ms * 10_000);
        let told = judge(&built.plan, &built.history).lost[0].to_string();
        told.split("; ").skip_while(|part| !part.starts_with("cause")).collect::<Vec<_>>().join("; ")
    }

    /// Port 5 waits at these sockets from 1205 to 1300 ms.
    fn waits(sockets: &[u64]) -> Built {
        let came = waiting(sockets, &[5], &[]);
        Built::good().inserted(1205, came).inserted_between(1290, 1300, waiting(&[], &[], &[5]))
    }

    #[test]
    fn a_reset_is_explained_by_the_socket_it_waited_at_when_that_was_closed() {
        let reset = Outcome::ResetInAcceptQueue;
        let seen = waits(&[7]).inserted_between(1290, 1300, closed(7));
        assert_eq!(
            cause(seen.clone(), reset, 96),
            "cause: the queue it waited in was closed at +1.300s with 3 connections in it; \
             as last seen it was kept by pid 10 of generation 1"
        );
        let unknown = "cause unknown";
        assert_eq!(cause(seen.clone(), reset, 40), unknown, "it was reset before that");
        assert_eq!(cause(seen, reset, 500), unknown, "it was reset long after that");
        assert_eq!(cause(waits(&[7]), reset, 96), unknown, "no socket was closed");
        let other = waits(&[8]).inserted_between(1290, 1300, closed(7));
        assert_eq!(cause(other, reset, 96), unknown, "it waited at another");
        let either = waits(&[7, 8]).inserted_between(1290, 1300, closed(7));
        assert_eq!(cause(either, reset, 96), unknown, "it may have waited at the other");
        let never_seen = Built::good().inserted_between(1290, 1300, closed(7));
        assert_eq!(cause(never_seen, reset, 96), unknown, "nobody saw it wait");
    }

    #[test]
    fn a_hang_is_explained_by_a_queue_that_nobody_accepted_from_to_its_end() {
        let left = |socket| {
            let keepers = vec![keeper(Activity::Stopped)];
            Event::QueueLeft { target: web(), socket, waiting: 3, keepers }
        };
        let hang = Outcome::TimeoutFirstByte;
        let seen = waits(&[7]).inserted_between(1100, 1210, left(7));
        assert_eq!(
            cause(seen.clone(), hang, 95),
            "cause: it waited in a queue that nobody accepted from since +1.100s; \
             kept by pid 10 of generation 1 (stopped)"
        );
        assert_eq!(cause(seen.clone(), hang, 150), "cause unknown", "it was accepted before its end");
        let taken = seen.inserted(1250, Event::QueueTaken { target: web(), socket: 7 });
        assert_eq!(cause(taken, hang, 95), "cause unknown", "somebody accepted from it again");
        let either = waits(&[7, 8]).inserted_between(1100, 1210, left(7));
        assert_eq!(cause(either, hang, 95), "cause unknown", "it may have waited at the other");
    }

    #[test]
    fn a_refusal_is_explained_by_an_address_that_nobody_listened_at() {
        let deserted = || Event::NobodyListens { target: web(), keepers: None };
        let built = Built::good().inserted_between(1190, 1198, deserted());
        let refused = Outcome::Refused;
        assert_eq!(cause(built.clone(), refused, 1), "cause: nobody listened, at the latest since +1.198s");
        let before_the_look = Built::good().inserted_between(1190, 1230, deserted());
        assert_eq!(cause(before_the_look, refused, 1), "cause: nobody listened, at the latest since +1.201s");
        let back = built.inserted(1199, Event::SomebodyListens { target: web() });
        assert_eq!(cause(back, refused, 1), "cause unknown");
        assert_eq!(cause(Built::good(), refused, 1), "cause unknown");
    }
}
