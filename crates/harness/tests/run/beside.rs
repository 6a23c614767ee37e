//! What goes on beside the steps, and steps whose turn depends on others.

use facts::{Event, Expression, expression::*, plan::*};

use crate::{Ran, SERVE, alive, masters, plan, run, wait};

fn accepting() -> Condition {
    let left =
        Box::new(Expression::Call { function: Function::Accepting, arguments: vec![Argument::Target(0)] });
    let right = Box::new(Expression::Literal(Value::Number(0.0)));
    let holds = Expression::Binary { operator: Operator::Greater, left, right };
    Condition { holds, within_ms: 100, text: "accepting(web) > 0".into() }
}

fn mark(text: &str) -> Action {
    Action::Mark { text: text.into() }
}

fn marks(ran: &Ran) -> Vec<String> {
    ran.story(|event| match event {
        Event::Marked { text } => Some(text.clone()),
        _ => None,
    })
}

fn reaction(event: Trigger, action: Action) -> Reaction {
    Reaction {
        place: Place::default(),
        event,
        times: None,
        after_ms: 0,
        probability: 1.0,
        seed: 1,
        action,
        text: "react".into(),
    }
}

#[test]
fn a_watched_condition_is_told_whenever_it_changes() {
    let argv = SERVE.iter().map(|word| Word::Text((*word).to_owned())).collect();
    let lasts = Lasts::Ends { status: 0, within_ms: 5000 };
    let again = Command { argv, environment: [].into(), lasts, upgrades: true };
    let mut plan = plan(
        SERVE,
        vec![
            Action::Sleep { ms: 50 },
            Action::Signal { to: masters(Which::Current), signals: vec![Signal::Term] },
            wait(alive(Which::Any, 0.0), 5000),
            Action::Sleep { ms: 150 },
            Action::Exec { target: 0, command: again },
            wait(alive(Which::New, 1.0), 5000),
            Action::Sleep { ms: 150 },
        ],
    );
    let claim = Claim::Always(accepting());
    plan.expectations = vec![Expectation { place: None, text: "always".into(), claim }];
    let ran = run(&plan, false);
    assert_eq!(ran.failure(), "no step failed");
    let changes = ran.history.events.iter().filter_map(|line| match &line.event {
        Event::ConditionChanged { condition, holds, .. } if condition == "accepting(web) > 0" => {
            Some((line.at, *holds))
        }
        _ => None,
    });
    let changes: Vec<_> = changes.collect();
    let told: Vec<Option<bool>> = changes.iter().map(|(_, holds)| *holds).collect();
    assert_eq!(told, [Some(true), Some(false), Some(true)]);
    // Nobody listened for 150 ms and more.
    let at_least = changes[2].0.earliest.saturating_sub(changes[1].0.latest);
    assert!(at_least > 100_000_000, "{at_least} ns are proven");
}

#[test]
fn reactions_act_on_what_happens() {
    let mut plan = plan(
        SERVE,
        vec![Action::Sleep { ms: 250 }, Action::Kill { to: masters(Which::Old) }, Action::Sleep { ms: 100 }],
    );
    plan.reactions = vec![
        Reaction { times: Some(2), ..reaction(Trigger::Every { ms: 50 }, mark("tick")) },
        reaction(Trigger::Step { step: 1 }, mark("the step")),
        reaction(Trigger::Exited { who: masters(Which::Old) }, mark("it is gone")),
        reaction(Trigger::Appeared { who: masters(Which::Old) }, mark("never")),
        Reaction { probability: 0.0, ..reaction(Trigger::StateChanged { target: 0 }, mark("never")) },
    ];
    let ran = run(&plan, false);
    assert_eq!(marks(&ran), ["tick", "tick", "the step", "it is gone"]);
}

#[test]
fn a_reaction_that_finds_nobody_is_noted_and_the_run_goes_on() {
    let mut plan = plan(SERVE, vec![Action::Sleep { ms: 100 }]);
    let nobody = Action::Kill { to: masters(Which::New) };
    plan.reactions = vec![Reaction { times: Some(1), ..reaction(Trigger::Every { ms: 10 }, nobody) }];
    let ran = run(&plan, false);
    assert_eq!(ran.count(|e| matches!(e, Event::ReactionFailed { reaction: 0, .. })), 1);
    assert_eq!(ran.failure(), "no step failed");
    assert!(ran.history.is_sealed());
}

fn analysis(success: Function, failure_limit: u32) -> Action {
    let left = Box::new(Expression::Call { function: success, arguments: vec![] });
    let right = Box::new(Expression::Literal(Value::Number(5.0)));
    let success = Expression::Binary { operator: Operator::Greater, left, right };
    let (every_ms, count) = (400, 3);
    Action::Analysis(Analysis { every_ms, count, success, text: "enough".into(), failure_limit })
}

fn analysed(success: Function, failure_limit: u32) -> Vec<String> {
    let mut plan = plan(SERVE, vec![analysis(success, failure_limit), mark("rescue"), mark("onward")]);
    plan.steps[1].rescues = Some(0);
    let ran = run(&plan, false);
    ran.story(|event| match event {
        Event::Measured { success, .. } => Some(format!("{success:?}")),
        Event::Marked { text } => Some(text.clone()),
        Event::StepSkipped { step, .. } => Some(format!("skipped {step}")),
        Event::StepFailed { step, .. } => Some(format!("failed {step}")),
        _ => None,
    })
}

#[test]
fn an_analysis_measures_and_is_rescued_when_it_fails() {
    let good = ["Some(true)", "Some(true)", "Some(true)", "skipped 1", "onward"];
    assert_eq!(analysed(Function::Ok, 0), good);
    let bad = ["Some(false)", "Some(false)", "failed 0", "rescue", "skipped 2"];
    assert_eq!(analysed(Function::Lost, 1), bad);
    assert_eq!(analysed(Function::LongestGap, 0), ["None", "failed 0", "rescue", "skipped 2"]);
}

#[test]
fn a_step_that_may_fail_does_not_end_the_run() {
    let mut plan = plan(SERVE, vec![Action::Kill { to: masters(Which::New) }, mark("onward")]);
    plan.steps[0].may_fail = true;
    let ran = run(&plan, false);
    assert_eq!(ran.count(|e| matches!(e, Event::StepFailed { step: 0, .. })), 1);
    assert_eq!(marks(&ran), ["onward"]);
}

#[test]
fn steps_come_at_their_time() {
    let mut plan = plan(SERVE, vec![mark("at"), mark("after")]);
    plan.steps[0].begins = Begins::At { ms: 120 };
    plan.steps[1].begins = Begins::After { ms: 80 };
    let ran = run(&plan, false);
    let at = |wanted: &str| {
        let found = ran.history.events.iter().find(|line| match &line.event {
            Event::Marked { text } => text == wanted,
            Event::LoadStarted => wanted == "load",
            _ => false,
        });
        found.expect("it happened").at.earliest
    };
    assert!(at("at") >= at("load") + 120_000_000);
    assert!(at("after") >= at("at") + 80_000_000);
}

#[test]
fn a_wait_for_who_answers_says_that_answers_name_nobody() {
    let words = |argv: &[&str]| argv.iter().map(|word| Word::Text((*word).to_owned())).collect();
    let lasts = Lasts::Ends { status: 0, within_ms: 5000 };
    let elsewhere = ["${program}", "serve-nameless", "${ip}:4000", "${run}/server.pid"];
    let again = Command { argv: words(&elsewhere), environment: [].into(), lasts, upgrades: true };
    let nobody = Argument::Processes(Selector { target: 0, generation: Which::New, members: Members::All });
    let ready = Expression::Call { function: Function::Ready, arguments: vec![nobody] };
    let steps = vec![
        Action::Exec { target: 0, command: again },
        wait(alive(Which::New, 1.0), 5000),
        wait(ready, 300),
    ];
    let start = ["${program}", "serve-nameless", "${address}", "${run}/server.pid"];
    let ran = run(&plan(&start, steps), false);
    assert!(ran.failure().contains(" answers of web carry no X-Changeover-Pid: "), "{}", ran.failure());
}
