//! `proxy_next_upstream`: whether another peer is asked (`ngx_http_upstream_next`, `ngx_http_upstream_test_next`).

use std::time::Duration;

use conf::{NextCondition, NextUpstream};
use hyper::{Method, StatusCode};

/// What is known of the request when a peer did not answer it well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Asking another peer cannot do a thing twice that is to be done once.
    pub(super) safety: Safety,
    /// Since the first peer was asked.
    pub(super) elapsed: Duration,
}

/// Whether a request can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Safety {
    /// As often as one likes.
    Repeatable,
    /// The peer may have done what is not to be done twice.
    MayBeDone,
    /// Some of its body is gone.
    Spent,
}

/// Whether doing it twice is doing it once. Those that nginx names; it takes all others for it.
pub(super) fn is_idempotent(method: &Method) -> bool {
    *method != Method::POST && *method != Method::PATCH && method.as_str() != "LOCK"
}

/// Whether the configuration goes on to another peer for this reason, if there is one.
pub(super) fn goes_on(next: &NextUpstream, reason: NextCondition, standing: Standing) -> bool {
    let has = |condition: NextCondition| next.conditions.contains(&condition);
    let in_time = next.timeout.is_zero() || standing.elapsed < next.timeout;
    let is_safe = match standing.safety {
        Safety::Repeatable => true,
        Safety::MayBeDone => has(NextCondition::NonIdempotent),
        Safety::Spent => false,
    };
    has(reason) && is_safe && in_time
}

/// The statuses that nginx does not hold against the peer.
pub(super) fn is_failure(status: StatusCode) -> bool {
    !matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_must_be_named_and_repeating_must_be_safe() {
        let next = |conditions: &[NextCondition], timeout: u64| NextUpstream {
            conditions: conditions.to_vec(),
            tries: 0,
            timeout: Duration::from_secs(timeout),
        };
        let check = |next: NextUpstream, safety: Safety, seconds: u64, expected: bool| {
            let standing = Standing { safety, elapsed: Duration::from_secs(seconds) };
            assert_eq!(goes_on(&next, NextCondition::Error, standing), expected, "{next:?} {standing:?}");
        };
        use NextCondition::{Error, NonIdempotent, Timeout};
        check(next(&[Error], 0), Safety::Repeatable, 99, true);
        check(next(&[Timeout], 0), Safety::Repeatable, 0, false);
        check(next(&[], 0), Safety::Repeatable, 0, false);
        check(next(&[Error], 0), Safety::MayBeDone, 0, false);
        check(next(&[Error, NonIdempotent], 0), Safety::MayBeDone, 0, true);
        check(next(&[Error, NonIdempotent], 0), Safety::Spent, 0, false);
        check(next(&[Error], 2), Safety::Repeatable, 1, true);
        check(next(&[Error], 2), Safety::Repeatable, 2, false);
    }
}
