//! Whether the reactions of the scenario happened at all: a fault that never struck shows nothing about who stood it.

use facts::{Event, Stamped, Verdict};

use crate::Index;

/// Every reaction that is not left to chance did something at least once.
pub(crate) fn reactions(index: &Index) -> Verdict {
    let certain = |number: &usize| index.plan.reactions[*number].probability >= 1.0;
    let number = index.plan.reactions.len();
    match (0..number).filter(certain).find_map(|reaction| idle(index, reaction)) {
        Some(why) => Verdict::unknown(why),
        None if number == 0 => Verdict::unknown("the scenario has no reaction"),
        None => Verdict::pass(format!("{number} reactions")),
    }
}

/// One line for a reaction that never did anything: why, as far as the log tells.
pub(crate) fn idle(index: &Index, reaction: usize) -> Option<String> {
    let events = &index.history.events;
    let began =
        |line: &Stamped| matches!(line.event, Event::ReactionBegan { reaction: r, .. } if r == reaction);
    let acted = (0..events.len())
        .any(|number| began(&events[number]) && came_to_something(reaction, &events[number + 1..]));
    if acted {
        return None;
    }
    let planned = &index.plan.reactions[reaction];
    let place = &planned.place;
    let failure = events.iter().rev().find_map(|line| match &line.event {
        Event::ReactionFailed { reaction: r, why } if *r == reaction => Some(why.as_str()),
        _ => None,
    });
    let why = match failure {
        Some(why) => format!("did nothing: {why}"),
        None if planned.probability < 1.0 => "did nothing: its event never came, or its chance".into(),
        None => "did nothing: its event never came".into(),
    };
    Some(format!("reaction `{}`, {}:{}:{}, {why}", planned.text, place.file, place.line, place.column))
}

/// Whether a reaction that has just begun could do what it was to do.
pub(crate) fn came_to_something(reaction: usize, later: &[Stamped]) -> bool {
    let next = later.iter().find_map(|line| match line.event {
        Event::ReactionBegan { reaction: r, .. } if r == reaction => Some(true),
        Event::ReactionFailed { reaction: r, .. } if r == reaction => Some(false),
        _ => None,
    });
    next.unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use facts::{
        Event,
        plan::{Action, Place, Reaction, Trigger},
    };

    use crate::built::{Built, PASS, UNKNOWN, check};

    fn with_reaction(probability: f64) -> Built {
        let mut built = Built::good();
        built.plan.reactions.push(Reaction {
            place: Place::default(),
            event: Trigger::Phase { phase: 1 },
            times: None,
            after_ms: 0,
            probability,
            seed: 1,
            action: Action::Mark { text: String::new() },
            text: "kill web.new.*".into(),
        });
        built
    }

    fn began() -> Event {
        Event::ReactionBegan { reaction: 0, doing: "kill".into() }
    }

    fn failed() -> Event {
        Event::ReactionFailed { reaction: 0, why: "nobody to do it to".into() }
    }

    #[test]
    fn a_reaction_that_never_did_anything_shows_nothing() {
        check("reactions", Built::good(), UNKNOWN);
        check("reactions", with_reaction(1.0), UNKNOWN);
        check("reactions", with_reaction(1.0).inserted(1100, began()).inserted(1101, failed()), UNKNOWN);
        check("reactions", with_reaction(1.0).inserted(1100, began()), PASS);
    }

    #[test]
    fn once_is_enough_and_chance_owes_nothing() {
        let once =
            with_reaction(1.0).inserted(1100, began()).inserted(1101, failed()).inserted(1200, began());
        check("reactions", once, PASS);
        let first =
            with_reaction(1.0).inserted(1100, began()).inserted(1200, began()).inserted(1201, failed());
        check("reactions", first, PASS);
        check("reactions", with_reaction(0.5), PASS);
    }
}
