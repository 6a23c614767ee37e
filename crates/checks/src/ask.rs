//! What the functions of a scenario's expectations are worth in a history. Functions of an instant are answered
//! from the last look at the settled target, functions of the ledger from the attempts.

use facts::{
    Blame, Outcome,
    event::View,
    expression::{Argument, Function, Kind},
};

use crate::{
    Index,
    attempt::{self, Attempt},
    clients, executions, exposure, idle,
    index::Scope,
    latency,
    proof::Shown,
    shifts, spelling, steps,
};

/// The worth of one call.
pub(crate) fn ask(index: &Index, function: Function, arguments: &[Argument]) -> Shown {
    let scope = Scope::of(arguments);
    match function {
        Function::Lost => tally(index, scope, |a| a.blame() == Blame::Lost).and_up_to(untold(index, scope)),
        Function::Retriable => tally(index, scope, |a| a.blame() == Blame::Retriable),
        Function::Corrupt => tally(index, scope, |a| a.blame() == Blame::Corrupt),
        Function::Ok => tally(index, scope, Attempt::is_answered),
        Function::Count => count(index, scope),
        Function::Class(class) if is_told_by_a_journal(class) && !attempt::has_journal(index.history) => {
            Shown::unknown(format!("no journal has a request of this run: nothing can show {}", class.name()))
        }
        Function::Class(class) => tally(index, scope, |a| a.outcome == class),
        Function::IdleClosesSeen => idle::idle_closes_seen(index, scope),
        Function::Percentile(per_mille) => latency::percentile(index, scope, per_mille),
        Function::Max => latency::max(index, scope),
        Function::LongestGap => latency::longest_gap(index, scope),
        Function::Share => share(index, scope),
        Function::Idle => idle::idle(index, scope),
        Function::IdleLost => idle::idle_lost(index, scope),
        Function::StrayLost => idle::stray_lost(index, scope),
        Function::Took => took(index, scope),
        Function::Done => match steps::done(index, scope.steps.unwrap_or_default()) {
            Some(done) => Shown::Truth(done),
            None => Shown::unknown("the log does not tell how the step ended"),
        },
        Function::Clients => clients::clients(index, scope),
        Function::Moved => clients::moved(index, arguments),
        Function::MovedMinimum => clients::moved_minimum(index, arguments),
        Function::Left => clients::left(index, arguments),
        Function::Flaps => clients::flaps(index, scope),
        Function::Variants => clients::variants(index, scope),
        Function::Started => executions::started(index, scope),
        Function::Unfinished => executions::unfinished(index, scope),
        Function::FirstStart => executions::first_start(index, scope),
        Function::LastStart => executions::last_start(index, scope),
        Function::LastEnd => executions::last_end(index, scope),
        Function::Exposed => exposure::exposed(index, scope),
        Function::Shifts => shifts::shifts(index, scope),
        Function::FirstNew(per_mille) => shifts::first_new(index, scope, per_mille),
        Function::LastOld(per_mille) => shifts::last_old(index, scope, per_mille),
        _ => of_settled(index, function, arguments),
    }
}

/// A client cannot tell these; only who executed the request can.
fn is_told_by_a_journal(class: Outcome) -> bool {
    matches!(class, Outcome::ExecutedNoReply | Outcome::Duplicate)
}

/// True for an attempt the generator really began.
pub(crate) fn was_sent(attempt: &Attempt) -> bool {
    !matches!(attempt.outcome, Outcome::Unsent | Outcome::GeneratorFault)
}

/// How many attempts of a scope were sent. Here none is an answer, too: the phase began, and nobody sent anything.
fn count(index: &Index, scope: Scope) -> Shown {
    match index.attempts(scope).next() {
        None if index.interval(scope).is_some() => Shown::between(0.0, index.unseen(scope)),
        _ => tally(index, scope, was_sent),
    }
}

/// How many attempts of a scope are such, at least and at most. Of no attempts nothing is shown.
pub(crate) fn tally(index: &Index, scope: Scope, is_such: impl Fn(&Attempt) -> bool) -> Shown {
    if index.attempts(scope).next().is_none() {
        return Shown::unknown(format!("no attempt in {}", spelling::scope(index, scope)));
    }
    let count = index.attempts(scope).filter(|a| is_such(a)).count() as f64;
    Shown::between(count, count + index.unseen(scope))
}

/// Attempts that may have been lost inside the head of an answer, or not lost at all: their client does not tell, and no
/// journal says that the request was never executed.
fn untold(index: &Index, scope: Scope) -> f64 {
    index.attempts(scope).filter(|a| a.is_untold()).count() as f64
}

/// The part of the complete answers in a scope that one origin gave.
fn share(index: &Index, scope: Scope) -> Shown {
    let answered = |scope| index.attempts(scope).filter(|a| a.is_answered()).count() as f64;
    let all = answered(Scope { origin: None, ..scope });
    let unseen = index.unseen(scope);
    if all == 0.0 || unseen.is_infinite() {
        return Shown::unknown(format!("no complete answer in {}", spelling::scope(index, scope)));
    }
    let own = answered(scope);
    Shown::Number { low: own / (all + unseen), high: (own + unseen) / (all + unseen), kind: Kind::Number }
}

/// How long the phases of a scope lasted; one that was cut off would have lasted longer.
fn took(index: &Index, scope: Scope) -> Shown {
    let last = scope.phases.map_or(u8::MAX, |(_, last)| last);
    let is_over = index.history.is_sealed() || index.has_phase_after(last);
    match index.interval(scope) {
        Some(stretch) => {
            let low = stretch.end.saturating_sub(stretch.begin) as f64;
            Shown::Number { low, high: if is_over { low } else { f64::INFINITY }, kind: Kind::Duration }
        }
        None => Shown::unknown(format!("{} did not begin", spelling::scope(index, scope))),
    }
}

fn of_settled(index: &Index, function: Function, arguments: &[Argument]) -> Shown {
    let target = Scope::of(arguments).target.unwrap_or(0);
    let Some(view) = index.settled(target) else {
        return Shown::unknown("the run ended before the target had settled");
    };
    if function == Function::Fds && !were_counted(view, arguments) {
        return Shown::unknown("nobody lives whose descriptors could be counted");
    }
    match view.answer(function, arguments) {
        Some(value) => value.into(),
        None => {
            Shown::unknown(format!("`{}` cannot be asked of a finished run", spelling::function(function)))
        }
    }
}

/// Whether there was somebody, and each had some: a process without an open descriptor is one that could not be
/// looked into.
fn were_counted(view: &View, arguments: &[Argument]) -> bool {
    let Some(Argument::Processes(selector)) = arguments.first() else { return true };
    let meant = view.select(selector);
    !meant.is_empty() && meant.iter().all(|process| process.fds > 0)
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        expression::{Argument, Function, Operator, Value},
        journal::Entry,
        plan::{Members, Selector, Which},
        record::flag,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, in_phase};

    #[test]
    fn a_close_of_which_its_client_does_not_tell_the_whole_may_be_a_loss() {
        let closed = |flags: u8| {
            let mut built = Built::good().outcome(120, Outcome::RetriableClose);
            (built.history.records[119].flags, built.history.records[119].bytes_in) = (flags, 0);
            built
        };
        let none_lost = |built: Built, expected: &str| {
            built.holds(Function::Lost, &[], Operator::Equal, Value::Number(0.0), expected);
        };
        none_lost(closed(0), PASS);
        none_lost(closed(flag::HEAD_UNTOLD), UNKNOWN);
        // A server that writes down whatever it executes has not executed this one: no byte of an answer was written.
        let mut never_executed = closed(flag::HEAD_UNTOLD);
        let entry = |id| Entry { id, started: 1, answered: 2, pid: 11, status: 200, repeats: 0 };
        never_executed.history.journals.push(("web".into(), vec![entry(1)]));
        none_lost(never_executed, PASS);
        let mut executed = closed(flag::HEAD_UNTOLD);
        executed.history.journals.push(("web".into(), vec![entry(120)]));
        none_lost(executed, FAIL);
    }

    #[test]
    fn a_proven_loss_is_a_fail_even_in_a_run_that_was_not_seen_whole() {
        let none_lost = |built: Built, expected: &str| {
            built.holds(Function::Lost, &in_phase(1), Operator::Equal, Value::Number(0.0), expected);
        };
        none_lost(Built::good(), PASS);
        none_lost(Built::default(), UNKNOWN);
        none_lost(Built::good().outcome(120, Outcome::Refused), FAIL);
        none_lost(Built::good().outcome(20, Outcome::Refused), PASS);
        none_lost(Built::good().outcome(120, Outcome::Unsent), UNKNOWN);
        none_lost(Built::good().outcome(120, Outcome::Refused).outcome(121, Outcome::Unsent), FAIL);
    }

    #[test]
    fn a_planted_loss_is_shown_by_one_and_not_by_an_attempt_that_nobody_saw() {
        let some_lost = |built: Built, expected: &str| {
            built.holds(Function::Lost, &[], Operator::Greater, Value::Number(0.0), expected);
        };
        some_lost(Built::good(), FAIL);
        some_lost(Built::good().outcome(9, Outcome::CutInBody), PASS);
        some_lost(Built::good().outcome(9, Outcome::StillOpen), UNKNOWN);
    }

    #[test]
    fn counts_are_of_their_class() {
        let one = Value::Number(1.0);
        let built = Built::good().outcome(9, Outcome::RetriableClose).outcome(10, Outcome::WrongBody);
        built.holds(Function::Retriable, &[], Operator::Equal, one, PASS);
        built.holds(Function::Corrupt, &[], Operator::Equal, one, PASS);
        built.holds(Function::Class(Outcome::WrongBody), &[], Operator::Equal, one, PASS);
        built.holds(Function::Lost, &[], Operator::Equal, one, FAIL);
        built.holds(Function::Count, &[], Operator::Equal, Value::Number(289.0), PASS);
        built.holds(Function::Ok, &[], Operator::Equal, Value::Number(287.0), PASS);
        built.holds(Function::Count, &in_phase(7), Operator::Equal, Value::Number(0.0), UNKNOWN);
    }

    #[test]
    fn nobody_sent_is_a_count_and_no_loss_is_shown_by_it() {
        let zero = |built: &Built, function, expected| {
            built.holds(function, &in_phase(1), Operator::Equal, Value::Number(0.0), expected);
        };
        let mut quiet = Built::good();
        quiet.history.records.retain(|record| record.phase_intended != 1);
        quiet.amend(|event| {
            if let Event::LoadStopped { planned, sent, .. } = event {
                (*planned, *sent) = (*planned - 100, *sent - 100);
            }
        });
        zero(&quiet, Function::Count, PASS);
        zero(&quiet, Function::Lost, UNKNOWN);
        zero(&quiet, Function::Ok, UNKNOWN);
        zero(&quiet.clone().then(3001, Event::RunEnded { interrupted: true }), Function::Count, UNKNOWN);
        let begun = |e: &Event| matches!(e, Event::PhaseBegan { phase: 1, .. });
        zero(&quiet.without(begun), Function::Count, UNKNOWN);
        zero(&Built::default(), Function::Count, UNKNOWN);
    }

    #[test]
    fn a_phase_that_was_cut_off_would_have_lasted_longer() {
        let took = |built: &Built, phase, operator, expected| {
            built.holds(Function::Took, &in_phase(phase), operator, Value::Duration(1.5e9), expected);
        };
        let cut = Built::good().then(3001, Event::RunEnded { interrupted: true });
        took(&Built::good(), 2, Operator::Greater, FAIL);
        took(&cut, 2, Operator::Greater, UNKNOWN);
        took(&cut, 2, Operator::Less, UNKNOWN);
        took(&cut, 0, Operator::Greater, FAIL);
    }

    #[test]
    fn nobody_has_no_few_descriptors() {
        let fds = |members, expected| {
            let who = Argument::Processes(Selector { target: 0, generation: Which::Current, members });
            Built::good().holds(Function::Fds, &[who], Operator::Less, Value::Number(10.0), expected);
        };
        fds(Members::Worker(0), PASS);
        fds(Members::Worker(9), UNKNOWN);
    }

    #[test]
    fn what_only_a_journal_can_tell_is_unknown_without_one() {
        for class in [Outcome::ExecutedNoReply, Outcome::Duplicate] {
            let none = |built: Built, expected| {
                built.holds(Function::Class(class), &[], Operator::Equal, Value::Number(0.0), expected);
            };
            none(Built::good(), UNKNOWN);
            none(Built::good().executed("web", facts::journal::PROBE_BIT | 1), UNKNOWN);
            none(Built::good().executed("web", 9), PASS);
        }
    }

    #[test]
    fn a_share_is_of_the_complete_answers() {
        let share = |origin, value: f64, expected: &str| {
            let arguments = [Argument::Origin(origin), Argument::Phases { first: 0, last: 2 }];
            Built::good().holds(Function::Share, &arguments, Operator::Equal, Value::Number(value), expected);
        };
        share(0, 1.0, PASS);
        share(1, 0.0, PASS);
        share(1, 1.0, FAIL);
    }

    #[test]
    fn an_instant_is_asked_of_the_settled_target() {
        let oldbin = |built: Built, expected| {
            built.holds(
                Function::OldBin,
                &[Argument::Target(0)],
                Operator::Equal,
                Value::Pid(Some(1)),
                expected,
            );
        };
        oldbin(Built::good(), FAIL);
        oldbin(Built::default(), UNKNOWN);
        oldbin(Built::good().then(3001, facts::Event::RunEnded { interrupted: true }), UNKNOWN);
        Built::good().holds(
            Function::Workers,
            &[Argument::Target(0)],
            Operator::Equal,
            Value::Number(1.0),
            PASS,
        );
    }
}
