//! What the scenario itself did to the path from the clients to a target. What a client loses then may be no loss of the
//! server's.

use facts::{
    Event, Nanos, Stamped,
    plan::{Action, NetFault},
};

use crate::{Index, attempt::Attempt};

/// The fault that was in force on the path of an attempt while it was under way, as a log says it.
pub(crate) fn in_the_path(index: &Index, attempt: &Attempt) -> Option<String> {
    let target = index.target_of(attempt)?;
    let events = &index.history.events;
    let (begun, over) = (attempt.record.intended, attempt.done_at());
    (0..events.len()).rev().find_map(|number| {
        let line = &events[number];
        let (fault, doing) = net(index, &line.event, target)?;
        let later = &events[number + 1..];
        let was_there = line.at.earliest <= over && end(index, later, target, doing) >= begun;
        (fault != NetFault::None && was_there).then(|| doing.to_owned())
    })
}

/// What an event does to the path to a target, and how a log says it.
fn net<'a>(index: &'a Index, event: &'a Event, wanted: usize) -> Option<(NetFault, &'a str)> {
    let (action, doing) = match event {
        Event::StepBegan { step, doing } => (&index.plan.steps.get(*step)?.action, doing),
        Event::ReactionBegan { reaction, doing } => (&index.plan.reactions.get(*reaction)?.action, doing),
        _ => return None,
    };
    match action {
        Action::Net { target, fault, .. } if *target == wanted => Some((*fault, doing)),
        _ => None,
    }
}

/// Until it is undone, or another takes its place.
fn end(index: &Index, later: &[Stamped], target: usize, doing: &str) -> Nanos {
    let ends = |line: &&Stamped| match &line.event {
        Event::FaultUndone { doing: undone } => undone == doing,
        event => net(index, event, target).is_some(),
    };
    later.iter().find(ends).map_or(Nanos::MAX, |line| line.at.latest)
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        plan::{Action, NetFault},
    };

    use crate::{built::Built, judge};

    /// The first step resets the path from 1000 to 1200 ms.
    fn reset(lost: u64, target: usize) -> Option<String> {
        let mut built = Built::good().outcome(lost, Outcome::Refused);
        built.plan.steps[0].action = Action::Net { target, fault: NetFault::Reset, for_ms: Some(200) };
        built.amend(|event| {
            if let Event::StepBegan { step: 0, doing } = event {
                *doing = "net web reset".into();
            }
        });
        let built = built.inserted(1200, Event::FaultUndone { doing: "net web reset".into() });
        judge(&built.plan, &built.history).lost[0].fault.clone()
    }

    #[test]
    fn a_loss_on_a_path_that_the_scenario_cut_says_so() {
        assert_eq!(reset(110, 0).as_deref(), Some("net web reset"));
        assert_eq!(reset(120, 0).as_deref(), Some("net web reset"), "meant to start as it ended");
        for lost in [90, 130] {
            assert_eq!(reset(lost, 0), None, "{lost}");
        }
        assert_eq!(reset(110, 1), None, "another target's");
    }

    #[test]
    fn a_life_tells_it() {
        let mut built = Built::good().outcome(110, Outcome::Refused);
        built.plan.steps[0].action = Action::Net { target: 0, fault: NetFault::Blackhole, for_ms: None };
        let told = judge(&built.plan, &built.history).lost[0].to_string();
        assert!(told.contains("; while the scenario's own `signal` was in force"), "{told}");
    }
}
