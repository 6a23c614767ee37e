//! What a reader should know of a run that no verdict says: what the scenario asked for and did not come to pass, and
//! was allowed not to.

use facts::{Event, Outcome};

use crate::{Index, reactions, steps};

/// One line each.
pub(crate) fn remarks(index: &Index) -> Vec<String> {
    failed_steps(index).chain(idle_reactions(index)).chain(reset_tails(index)).collect()
}

/// Nobody lost anything. Who reads more slowly would have.
fn reset_tails(index: &Index) -> Option<String> {
    let count = index.attempts.iter().filter(|a| a.outcome == Outcome::TailReset).count();
    (count > 0).then(|| {
        format!("{count} answers were complete, and then their connections were reset (`tail_reset`): a slower reader loses them")
    })
}

/// Steps that may fail, and did.
fn failed_steps<'a>(index: &'a Index) -> impl Iterator<Item = String> + 'a {
    index.history.events.iter().filter_map(|line| match &line.event {
        Event::StepFailed { step, why } if steps::may_fail(index, *step) => {
            let why = why.lines().next().unwrap_or_default();
            Some(format!("step {} failed, as it may: {why}", steps::text(index, *step)))
        }
        _ => None,
    })
}

/// Of those that are not left to chance, the check `reactions` speaks.
fn idle_reactions<'a>(index: &'a Index) -> impl Iterator<Item = String> + 'a {
    let by_chance = |number: &usize| index.plan.reactions[*number].probability < 1.0;
    (0..index.plan.reactions.len()).filter(by_chance).filter_map(|number| reactions::idle(index, number))
}

#[cfg(test)]
mod tests {
    use facts::{
        Event, Outcome,
        plan::{Action, Place, Reaction, Trigger},
    };

    use crate::{
        built::{Built, PASS, check},
        judge,
    };

    fn remarks(built: &Built) -> Vec<String> {
        judge(&built.plan, &built.history).remarks
    }

    #[test]
    fn a_step_that_failed_as_it_may_is_told() {
        let mut built = Built::good().without(|e| matches!(e, Event::StepDone { step: 1 }));
        built = built.inserted(1700, Event::StepFailed { step: 1, why: "no such process\nlog".into() });
        assert!(remarks(&built).is_empty(), "the check `steps` tells it");
        built.plan.steps[1].may_fail = true;
        let told = "step `signal web.old.master QUIT`, a.toml:1:1 failed, as it may: no such process";
        assert_eq!(remarks(&built), [told]);
        assert!(remarks(&Built::good()).is_empty());
    }

    #[test]
    fn an_answer_with_a_reset_behind_it_is_told_and_is_no_loss() {
        let mut built = Built::good();
        built.history.records[8].outcome = Outcome::TailReset as u8;
        let judgement = judge(&built.plan, &built.history);
        assert_eq!((judgement.total.ok, judgement.total.lost), (289, 0));
        assert!(judgement.remarks[0].starts_with("1 answers were complete"), "{:?}", judgement.remarks);
        for name in ["every-attempt-ok", "no-corruption", "identities"] {
            check(name, built.clone(), PASS);
        }
    }

    #[test]
    fn a_reaction_whose_chance_never_came_is_told() {
        let mut built = Built::good();
        let reaction = |probability| Reaction {
            place: Place { file: "a.toml".into(), line: 3, column: 1 },
            event: Trigger::Phase { phase: 1 },
            times: None,
            after_ms: 0,
            probability,
            seed: 1,
            action: Action::Mark { text: String::new() },
            text: "mark it".into(),
        };
        built.plan.reactions = vec![reaction(1.0), reaction(0.5)];
        let told = "reaction `mark it`, a.toml:3:1, did nothing: its event never came, or its chance";
        assert_eq!(remarks(&built), [told]);
        let acted = built.inserted(1500, Event::ReactionBegan { reaction: 1, doing: "mark it".into() });
        assert!(remarks(&acted).is_empty());
    }
}
