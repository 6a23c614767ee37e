//! Whether somebody accepted from every queue.

use facts::{Event, Nanos, Stamped, Verdict, kernel::Keeper};

use crate::{Index, cause::kept};

/// No connection was left waiting at a listening socket that nobody who kept it accepted from.
pub(crate) fn queues_tended(index: &Index) -> Verdict {
    let started = index.history.events.first().map_or(0, |line| line.at.earliest);
    let events = &index.history.events;
    let lines: Vec<String> = events.iter().filter_map(|line| left(line, started)).collect();
    if !lines.is_empty() {
        return Verdict::Fail { lines };
    }
    let unwatched = events.iter().find_map(|line| match &line.event {
        Event::QueuesUnwatched { target, why } => Some(format!("queues of {target}: {why}")),
        _ => None,
    });
    let is_watched = |target: &String| {
        events.iter().any(|line| matches!(&line.event, Event::QueuesWatched { target: t } if t == target))
    };
    let unseen = index.plan.targets.iter().find(|target| !is_watched(&target.name));
    match (unwatched, unseen) {
        (Some(why), _) => Verdict::unknown(why),
        (None, Some(target)) => Verdict::unknown(format!("nobody looked at the queues of {}", target.name)),
        (None, None) if index.plan.targets.is_empty() => Verdict::unknown("there is no target"),
        (None, None) => Verdict::pass("somebody accepted from every queue"),
    }
}

fn left(line: &Stamped, started: Nanos) -> Option<String> {
    let Event::QueueLeft { target, waiting, keepers, .. } = &line.event else { return None };
    let keepers: &[Keeper] = keepers;
    let since = line.at.earliest.saturating_sub(started) as f64 / 1e9;
    Some(format!(
        "{target}: {waiting} connections waited, nobody accepted since +{since:.3}s; kept by {}",
        kept(keepers)
    ))
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Role, Verdict,
        kernel::{Activity, Keeper},
        plan::{Claim, Expectation},
    };

    use crate::{
        built::{Built, FAIL, PASS, UNKNOWN, check},
        judge,
    };

    fn watched() -> Built {
        Built::good().inserted(10, Event::QueuesWatched { target: "web".into() })
    }

    fn left() -> Event {
        let keeper = |pid, activity| Keeper { pid, generation: 1, role: Role::Worker, activity };
        let keepers = vec![keeper(10, Activity::ServesNothing), keeper(11, Activity::Stopped)];
        Event::QueueLeft { target: "web".into(), socket: 7, waiting: 3, keepers }
    }

    #[test]
    fn a_queue_that_nobody_accepts_from_is_named_with_who_keeps_it() {
        check("queues-tended", watched(), PASS);
        let built = watched().inserted_between(1100, 1205, left());
        check("queues-tended", built.clone(), FAIL);
        let mut plan = built.plan.clone();
        let claim = Claim::Check("queues-tended".into());
        plan.expectations = vec![Expectation { place: None, text: "it".into(), claim }];
        let verdict = judge(&plan, &built.history).verdicts.remove(0).verdict;
        let line = "web: 3 connections waited, nobody accepted since +1.100s; kept by pid 10 of generation 1 (a \
                    master, which serves nothing), pid 11 of generation 1 (stopped)";
        assert_eq!(verdict, Verdict::fail(line));
    }

    #[test]
    fn what_was_not_watched_is_unknown() {
        check("queues-tended", Built::good(), UNKNOWN);
        let why = || Event::QueuesUnwatched { target: "web".into(), why: "we may not know".into() };
        check("queues-tended", watched().inserted(1500, why()), UNKNOWN);
        check("queues-tended", watched().inserted(1500, why()).inserted(1600, left()), FAIL);
    }
}
