//! Whether anybody would have noticed. An upgrade that no request touched shows nothing about requests.

use facts::{
    Event, Moment, Nanos, Verdict,
    plan::{Action, FailpointAct},
};

use crate::{Index, ask::was_sent, attempt::Attempt, index::Scope, reactions, steps};

/// A request is under way around something that is done when it was no farther from it than this.
const AROUND: Nanos = 50_000_000;
/// What is done to a target sets off something that is not over when it is done.
const AFTERMATH: Nanos = 1_000_000_000;
/// Fewer requests between the first thing done and the end of what the last one set off show nothing.
const LEAST: usize = 20;

/// Requests were under way around everything that was done to a target under load, and enough of them altogether.
pub(crate) fn covered(index: &Index) -> Verdict {
    if index.loaded().is_none() {
        return Verdict::unknown("the load never started");
    }
    Verdict::worst((0..index.plan.targets.len()).map(|target| of_target(index, target)))
}

/// Something that was done to a target, from its begin to its end.
struct Deed<'a> {
    at: Moment,
    what: &'a str,
}

fn of_target(index: &Index, target: usize) -> Verdict {
    let name = &index.plan.targets[target].name;
    let deeds = deeds(index, target);
    let first = deeds.iter().map(|deed| deed.at.earliest).min();
    let last = deeds.iter().map(|deed| deed.at.latest).max();
    let Some((first, last)) = first.zip(last) else {
        return Verdict::pass(format!("nothing was done to {name}: there is nothing to cover"));
    };
    let scope = Scope { target: Some(target), ..Scope::default() };
    let sent: Vec<&Attempt> = index.attempts(scope).filter(|a| was_sent(a)).collect();
    if let Some(deed) = deeds.iter().find(|deed| !sent.iter().any(|a| is_around(a, deed.at))) {
        let (phase, what) = (index.phase_at(deed.at.latest), deed.what);
        return Verdict::unknown(format!("no request to {name} was under way around {what} in {phase}"));
    }
    let during = first..=last + AFTERMATH;
    match sent.iter().filter(|a| during.contains(&a.record.intended)).count() {
        few if few < LEAST => Verdict::unknown(format!(
            "only {few} requests to {name} were meant to start from the first thing that was done to it until 1 s \
             after the last; {LEAST} are the least"
        )),
        many => Verdict::pass(format!("{many} requests around {} things done to {name}", deeds.len())),
    }
}

/// What the scenario did under load. The signals that end the target come after it.
fn deeds<'a>(index: &'a Index, target: usize) -> Vec<Deed<'a>> {
    let events = &index.history.events;
    let stopped = events.iter().position(|line| matches!(line.event, Event::LoadStopped { .. }));
    let under_load = 0..stopped.unwrap_or(events.len());
    under_load.filter_map(|number| deed(index, number, target)).collect()
}

fn deed<'a>(index: &'a Index, number: usize, target: usize) -> Option<Deed<'a>> {
    let line = &index.history.events[number];
    let later = &index.history.events[number + 1..];
    match &line.event {
        Event::SignalSent { target: to, signal, .. } if *to == index.plan.targets[target].name => {
            Some(Deed { at: line.at, what: signal })
        }
        Event::FailpointReached { target: of, act, .. }
            if *of == index.plan.targets[target].name && *act != FailpointAct::Note =>
        {
            Some(Deed { at: line.at, what: "a failpoint" })
        }
        Event::StepBegan { step, .. } => {
            let step_of_plan = index.plan.steps.get(*step)?;
            let what = acts_on(&step_of_plan.action, target)?;
            let end = later.iter().find(|line| steps::is_end_of(&line.event, *step));
            let latest = end.map_or(line.at.latest, |end| end.at.latest);
            Some(Deed { at: Moment { latest, ..line.at }, what })
        }
        Event::ReactionBegan { reaction, .. } if reactions::came_to_something(*reaction, later) => {
            let what = acts_on(&index.plan.reactions.get(*reaction)?.action, target)?;
            Some(Deed { at: line.at, what })
        }
        _ => None,
    }
}

/// What is done without a signal and may cost a request at once. Another program, other weights or a full disk only
/// set the stage: nothing comes of them before the server is told something.
fn acts_on(action: &Action, target: usize) -> Option<&'static str> {
    match action {
        Action::Exec { target: of, .. } if *of == target => Some("exec"),
        Action::Net { target: of, .. } if *of == target => Some("net"),
        Action::Limit { to, .. } if to.target == target => Some("limit"),
        _ => None,
    }
}

fn is_around(attempt: &Attempt, deed: Moment) -> bool {
    let begin = deed.earliest.saturating_sub(AROUND);
    attempt.record.intended <= deed.latest + AROUND && attempt.done_at() >= begin
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        plan::{Action, Command, Lasts, NetFault},
    };

    use crate::built::{Built, PASS, UNKNOWN, check};

    const MS: u64 = 1_000_000;

    fn keeping(which: impl Fn(u64) -> bool) -> Built {
        let mut built = Built::good();
        built.history.records.retain(|record| which(record.intended / MS));
        built
    }

    #[test]
    fn a_signal_that_no_request_was_near_is_not_covered() {
        check("covered", Built::good(), PASS);
        check("covered", Built::default(), UNKNOWN);
        // WINCH is sent at 1500 ms.
        check("covered", keeping(|at| !(1440..=1560).contains(&at)), UNKNOWN);
        check("covered", keeping(|at| !(1460..=1560).contains(&at)), PASS);
        let unsent = Built::good().outcomes(|r| (1440..1560).contains(&(r.intended / MS)), Outcome::Unsent);
        check("covered", unsent, UNKNOWN);
    }

    #[test]
    fn a_request_that_is_in_flight_for_long_is_near_every_signal() {
        let mut built = keeping(|at| !(1440..=1560).contains(&at));
        built.history.records[130].done = 5_000_000;
        check("covered", built, PASS);
    }

    #[test]
    fn a_handful_of_requests_shows_nothing() {
        check("covered", keeping(|at| at < 1000 || at % 100 == 0), UNKNOWN);
        check("covered", keeping(|at| at < 1000 || at % 50 == 0), PASS);
    }

    #[test]
    fn a_run_in_which_nothing_is_done_has_nothing_to_cover() {
        check("covered", unsignalled(), PASS);
    }

    fn unsignalled() -> Built {
        Built::good().without(|e| matches!(e, Event::SignalSent { .. }))
    }

    /// An upgrade that no signal begins: the first step, from 1000 to 1000 ms, does something else.
    fn doing(action: Action, which: impl Fn(u64) -> bool) -> Built {
        let mut built = unsignalled();
        built.plan.steps[0].action = action;
        built.history.records.retain(|record| which(record.intended / MS));
        built
    }

    #[test]
    fn what_is_done_without_a_signal_wants_requests_too() {
        let argv = vec![];
        let exec = |target| {
            let lasts = Lasts::Ends { status: 0, within_ms: 1 };
            let command =
                Command { argv: argv.clone(), environment: Default::default(), lasts, upgrades: true };
            Action::Exec { target, command }
        };
        let net = Action::Net { target: 0, fault: NetFault::Reset, for_ms: None };
        let near = |at: u64| (940..=1060).contains(&at);
        check("covered", doing(exec(0), |_| true), PASS);
        check("covered", doing(exec(0), |at| at < 500), UNKNOWN);
        check("covered", doing(exec(0), |at| !near(at)), UNKNOWN);
        check("covered", doing(exec(0), |at| at % 100 == 0), UNKNOWN);
        check("covered", doing(net, |at| !near(at)), UNKNOWN);
        check("covered", doing(exec(1), |at| at < 500), PASS);
        let target = 0;
        check(
            "covered",
            doing(Action::Configure { target, options: Default::default() }, |at| at < 500),
            PASS,
        );
    }

    #[test]
    fn what_lasts_is_covered_by_a_request_in_the_midst_of_it() {
        let action = Action::Net { target: 0, fault: NetFault::Blackhole, for_ms: None };
        let built = doing(action, |at| !(840..=1060).contains(&at));
        let built = built.without(|e| matches!(e, Event::StepBegan { step: 0, .. }));
        check("covered", built.inserted(900, Event::StepBegan { step: 0, doing: "net".into() }), UNKNOWN);
        let action = Action::Net { target: 0, fault: NetFault::Blackhole, for_ms: None };
        let built = doing(action, |at| !(840..=1060).contains(&at));
        let built = built.without(|e| matches!(e, Event::StepDone { step: 0 }));
        check("covered", built.inserted(1200, Event::StepDone { step: 0 }), PASS);
    }
}
