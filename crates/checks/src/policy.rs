//! What users of ordinary clients would have seen: retries as rules over what happened. The engine never repeats a
//! request; here it is asked who would have, what it would have got, and what would have been executed twice.

use facts::{Blame, IdSet, Nanos, Record, record::flag};
use serde::Serialize;

use crate::{
    Index,
    attempt::{Attempt, executed, has_journal},
    story::was_closed,
};

/// A rule of some client for sending a request again.
struct Rule {
    name: &'static str,
    /// Whether it does after this attempt; the connection was closed and not one byte of the answer had come.
    repeats: fn(&Record) -> bool,
}

const RULES: [Rule; 4] = [
    Rule { name: "none", repeats: |_| false },
    // Once, what is idempotent, and only on a connection that was good before.
    Rule { name: "browser", repeats: |record| record.reused() && !record.has(flag::UNSAFE_METHOD) },
    // net/http, `Request.isReplayable` and `nothingWrittenError`: on a reused connection what is idempotent, and
    // anything of which nothing was written.
    Rule {
        name: "go",
        repeats: |record| record.reused() && (!record.has(flag::UNSAFE_METHOD) || record.bytes_out == 0),
    },
    // `retry_canceled_requests`: only what was never written, on a pooled connection.
    Rule { name: "hyper-util", repeats: |record| record.reused() && record.bytes_out == 0 },
];

/// What users of one kind of client would have seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retried {
    /// `none`, `browser`, `go`, `hyper-util`.
    pub policy: &'static str,
    /// Requests it would have sent again.
    pub repeated: u64,
    /// Requests whose user would have got no answer.
    pub failed: u64,
    /// Requests that would have been executed twice; `None` without a journal that could tell.
    pub executed_twice: Option<u64>,
}

/// What each policy comes to. A repeated request is answered if the next request to the same server was: the rest of the
/// run is the same whoever asks.
pub(crate) fn retried(index: &Index) -> Vec<Retried> {
    let unanswered: Vec<&Attempt> = index.attempts.iter().filter(|a| is_unanswered(a)).collect();
    let nexts = if unanswered.is_empty() { Vec::new() } else { nexts(index) };
    let executed = has_journal(index.history).then(|| executed(index.history));
    let row = |rule: &Rule| {
        let again = |a: &&&Attempt| was_closed_unanswered(&a.record) && (rule.repeats)(&a.record);
        let repeated: Vec<&&Attempt> = unanswered.iter().filter(again).collect();
        let saved = repeated.iter().filter(|a| answered_next(index, &nexts, a)).count();
        let twice = |ids: &IdSet| repeated.iter().filter(|a| ids.contains(a.record.id)).count() as u64;
        Retried {
            policy: rule.name,
            repeated: repeated.len() as u64,
            failed: (unanswered.len() - saved) as u64,
            executed_twice: executed.as_ref().map(twice),
        }
    };
    RULES.iter().map(row).collect()
}

/// Whoever's fault it was: the user of the client got nothing.
fn is_unanswered(attempt: &Attempt) -> bool {
    matches!(attempt.blame(), Blame::Lost | Blame::Retriable | Blame::Excused)
}

fn was_closed_unanswered(record: &Record) -> bool {
    record.bytes_in == 0 && was_closed(record.outcome()) && !record.has(flag::MESSAGE)
}

/// When each request to a server was begun, in order, and whether it was answered.
type Nexts = Vec<Vec<(Nanos, bool)>>;

fn nexts(index: &Index) -> Nexts {
    let mut nexts = vec![Vec::new(); index.plan.targets.len()];
    for attempt in index.attempts.iter().filter(|a| a.blame() != Blame::Generator) {
        if let Some(all) = target_of(index, attempt).and_then(|target| nexts.get_mut(target)) {
            all.push((attempt.began_at(), attempt.is_answered()));
        }
    }
    nexts.iter_mut().for_each(|all| all.sort_unstable());
    nexts
}

fn target_of(index: &Index, attempt: &Attempt) -> Option<usize> {
    Some(index.plan.populations.get(usize::from(attempt.record.population))?.target)
}

fn answered_next(index: &Index, nexts: &Nexts, attempt: &Attempt) -> bool {
    let Some(all) = target_of(index, attempt).and_then(|target| nexts.get(target)) else { return false };
    let after = all.partition_point(|(began, _)| *began <= attempt.done_at());
    all.get(after).is_some_and(|(_, answered)| *answered)
}

#[cfg(test)]
mod tests {
    use facts::{Outcome, record::flag};

    use super::{Retried, retried};
    use crate::{Index, built::Built};

    fn told(built: &Built) -> Vec<(&'static str, u64, u64, Option<u64>)> {
        let index = Index::new(&built.plan, &built.history);
        retried(&index)
            .into_iter()
            .map(|r: Retried| (r.policy, r.repeated, r.failed, r.executed_twice))
            .collect()
    }

    /// Attempt 120 was closed on a reused connection before any byte of its answer.
    fn closed(bytes_out: u32, flags: u8) -> Built {
        let mut built = Built::good().outcome(120, Outcome::RetriableClose);
        let record = &mut built.history.records[119];
        (record.sequence, record.bytes_in, record.bytes_out, record.flags) = (3, 0, bytes_out, flags);
        built
    }

    #[test]
    fn a_run_without_loss_is_the_same_for_everybody() {
        assert!(told(&Built::good()).iter().all(|(_, repeated, failed, _)| (*repeated, *failed) == (0, 0)));
    }

    #[test]
    fn who_repeats_what_is_as_its_code_says() {
        assert_eq!(
            told(&closed(100, 0)),
            [("none", 0, 1, None), ("browser", 1, 0, None), ("go", 1, 0, None), ("hyper-util", 0, 1, None)]
        );
        assert_eq!(
            told(&closed(100, flag::UNSAFE_METHOD)),
            [("none", 0, 1, None), ("browser", 0, 1, None), ("go", 0, 1, None), ("hyper-util", 0, 1, None)]
        );
        assert_eq!(
            told(&closed(0, flag::UNSAFE_METHOD)),
            [("none", 0, 1, None), ("browser", 0, 1, None), ("go", 1, 0, None), ("hyper-util", 1, 0, None)]
        );
    }

    #[test]
    fn nobody_repeats_on_a_fresh_connection_or_after_a_byte() {
        let mut fresh = closed(100, 0);
        fresh.history.records[119].sequence = 0;
        let mut begun = closed(100, 0);
        begun.history.records[119].bytes_in = 7;
        for built in [fresh, begun, Built::good().outcome(120, Outcome::Refused)] {
            assert!(told(&built).iter().all(|(_, repeated, failed, _)| (*repeated, *failed) == (0, 1)));
        }
    }

    #[test]
    fn a_request_that_was_executed_is_then_executed_twice() {
        let executed = closed(100, 0).executed("web", 120);
        assert_eq!(
            told(&executed),
            [
                ("none", 0, 1, Some(0)),
                ("browser", 1, 0, Some(1)),
                ("go", 1, 0, Some(1)),
                ("hyper-util", 0, 1, Some(0))
            ]
        );
    }

    #[test]
    fn a_repeated_request_fails_where_the_next_one_did() {
        let outage = closed(100, 0).outcome(121, Outcome::Refused);
        assert_eq!(told(&outage)[1], ("browser", 1, 2, None));
    }
}
