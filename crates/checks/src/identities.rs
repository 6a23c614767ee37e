//! Whether the books balance. An account that does not is our own mistake or a lost fact, and voids the run; an
//! execution of an id that nobody sent is the server's.

use std::collections::HashSet;

use facts::{Event, IdSet, Outcome, Record, Verdict};

use crate::{Index, attempt::journalled, index::Scope, possible};

/// planned = sent + unsent, sent = sum of outcomes, ids unique, every journalled id known to a client, every record
/// possible, and no journal missing.
pub(crate) fn identities(index: &Index) -> Verdict {
    if index.attempts.is_empty() {
        return Verdict::unknown("there is no record");
    }
    let books = [unique(index), balanced(index), known(index), journals(index)];
    Verdict::worst(books.into_iter().chain([possible::run(index), possible::records(index)]))
}

/// Every back end, and every target that was started with one, left its journal.
fn journals(index: &Index) -> Verdict {
    let kept = |name: &str| index.history.journals.iter().find(|(journal, _)| journal == name);
    let origins = index.plan.origins.iter().map(|origin| &origin.name);
    let targets = index.plan.targets.iter().map(|target| &target.name).zip(0..);
    let own: Vec<_> = targets.filter(|(_, target)| keeps_a_journal(index, *target)).collect();
    if let Some(gone) = origins.chain(own.iter().map(|(name, _)| *name)).find(|name| kept(name).is_none()) {
        return Verdict::unknown(format!("{gone} kept a journal, and it is not there"));
    }
    let answered = |target: usize| {
        let scope = Scope { target: Some(target), ..Scope::default() };
        index.attempts(scope).filter(|a| a.is_answered()).count()
    };
    let is_empty = |name: &str| kept(name).is_some_and(|(_, entries)| entries.is_empty());
    match own.iter().find(|(name, target)| is_empty(name) && answered(*target) > 0) {
        Some((name, target)) => Verdict::unknown(format!(
            "the journal of {name} is empty, and clients got {} answers",
            answered(*target)
        )),
        None => Verdict::pass(format!("{} journals are there", index.history.journals.len())),
    }
}

/// True for a target whose command line names a journal in the run directory.
fn keeps_a_journal(index: &Index, target: usize) -> bool {
    index.plan.targets[target].start.iter().any(|argument| argument.contains("journal-"))
}

fn unique(index: &Index) -> Verdict {
    // An attempt that is repeated on purpose keeps its id and counts up.
    let (mut first, mut repeated) = (IdSet::for_about(index.attempts.len()), HashSet::new());
    let mut is_twice = |record: &Record| match record.attempt {
        1 => !first.insert(record.id),
        attempt => !repeated.insert((record.id, attempt)),
    };
    match index.attempts.iter().find(|a| is_twice(&a.record)) {
        Some(twice) => Verdict::unknown(format!("id {:016x} was given twice", twice.record.id)),
        None => Verdict::pass(format!("{} ids are unique", index.attempts.len())),
    }
}

fn balanced(index: &Index) -> Verdict {
    let totals = index.history.events.iter().filter_map(|line| match line.event {
        Event::LoadStopped { planned, sent, unsent } => Some((planned, sent, unsent)),
        _ => None,
    });
    let Some((planned, sent, unsent)) = totals.reduce(|a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2)) else {
        return Verdict::unknown("the load never stopped by itself, so there is nothing to balance");
    };
    let begun = index.attempts.iter().filter(|a| a.outcome != Outcome::Unsent).count() as u64;
    if planned != sent + unsent {
        return Verdict::unknown(format!("planned {planned} is not sent {sent} + unsent {unsent}"));
    }
    if begun != sent {
        return Verdict::unknown(format!("{sent} were sent and {begun} have an outcome"));
    }
    Verdict::pass(format!("{planned} planned = {sent} sent + {unsent} unsent, each with one outcome"))
}

fn known(index: &Index) -> Verdict {
    let mut sent = IdSet::for_about(index.attempts.len());
    sent.extend(index.attempts.iter().map(|a| a.record.id));
    let unknown: Vec<u64> = journalled(index.history).filter(|id| !sent.contains(*id)).collect();
    match unknown.first() {
        Some(first) => Verdict::fail(format!(
            "{} executed ids were sent by no client, the first is {first:016x}",
            unknown.len()
        )),
        None => Verdict::pass(format!("{} executions are known", journalled(index.history).count())),
    }
}

#[cfg(test)]
mod tests {
    use facts::Event;

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    #[test]
    fn books_that_do_not_balance_void_the_run() {
        check("identities", Built::good(), PASS);
        check("identities", Built::default(), UNKNOWN);
        let mut twice = Built::good();
        twice.history.records[4].id = twice.history.records[5].id;
        check("identities", twice, UNKNOWN);
        let mut gone = Built::good();
        gone.history.records.pop();
        check("identities", gone, UNKNOWN);
        let mut wrong = Built::good();
        wrong.amend(|event| {
            if let Event::LoadStopped { planned, .. } = event {
                *planned += 1;
            }
        });
        check("identities", wrong, UNKNOWN);
        check("identities", Built::good().without(|e| matches!(e, Event::LoadStopped { .. })), UNKNOWN);
    }

    #[test]
    fn a_journal_that_is_gone_voids_the_run() {
        let mut gone = Built::good();
        gone.history.journals.pop();
        check("identities", gone, UNKNOWN);
        let mut target = Built::good();
        target.plan.targets[0].start = vec!["--journal".into(), "${run}/journal-web.bin".into()];
        check("identities", target.clone(), UNKNOWN);
        check("identities", target.clone().executed("web", 9), PASS);
        target.history.journals.push(("web".into(), vec![]));
        check("identities", target, UNKNOWN);
    }

    #[test]
    fn an_execution_that_nobody_asked_for_is_the_servers() {
        check("identities", Built::good().executed("blue", 3), PASS);
        check("identities", Built::good().executed("blue", 0xdead), FAIL);
        check("identities", Built::good().executed("blue", facts::journal::PROBE_BIT | 1), PASS);
    }
}
