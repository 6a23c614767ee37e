//! The reference server keeps its promises within bounds; how much was explored is a snapshot, so that a model that shrinks
//! unnoticed is noticed.

use simulator::{
    Bounds, Budget, Model, PORTFOLIO, PROPERTIES, Property, Reference, When, explore, reference,
};

/// States after which an exploration has gone astray.
const MOST: usize = 20_000_000;

/// Explores; how many states and edges there are, and what happened.
fn explored(bounds: Bounds, asked: &[&Property]) -> (String, Vec<usize>) {
    let model = Reference { bounds };
    let found = explore(&model, asked, MOST);
    assert!(found.exhausted, "more than {MOST} states: {bounds}");
    if let Some(violation) = found.violations.first() {
        panic!("{}\n{}", asked[violation.property].name, timeline(&model, &violation.trace));
    }
    if let Some(trace) = &found.restless {
        panic!("never comes to rest\n{}", timeline(&model, trace));
    }
    (format!("{} states, {} edges, {} deep", found.states, found.edges, found.depth), found.happened)
}

fn timeline(model: &Reference, trace: &[reference::Action]) -> String {
    let mut state = model.initial();
    let mut lines = Vec::new();
    for action in trace {
        lines.push(model.tell(&state, *action));
        state = model.apply(&state, *action);
    }
    format!("{}\n{:#?}", lines.join("\n"), model.scene(&state))
}

#[test]
fn what_happens_is_told_in_words() {
    let one = Property {
        name: "there is one generation",
        promise: "",
        when: When::Always,
        holds: |scene| scene.masters[1].is_none(),
    };
    let signals = Budget::each(0, 0, 0, 1, 0);
    let model = Reference { bounds: Bounds { workers: 1, signals, together: 1, faults: 0, delays: 0 } };
    let found = explore(&model, &[&one], MOST);
    let mut state = model.initial();
    let mut lines = Vec::new();
    for action in &found.violations[0].trace {
        lines.push(model.tell(&state, *action));
        state = model.apply(&state, *action);
    }
    assert_eq!(lines.join("\n"), STORY);
}

const STORY: &str = "\
master 1 wakes (starting): starts worker 1 of configuration 1
worker 1 of generation 1 (preparing) takes a step
master 1 wakes (starting): introduces worker 1 to the other masters, tells worker 1 to accept
worker 1 of generation 1 (prepared) takes a step
master 1 wakes (announcing itself): writes the pid file
USR2 to master 1; master 1 wakes (serving): says \"generation 1 is ready: all its workers accept\", announces that it serves, \
removes the old master's pid file, starts a new master";

#[test]
fn the_reference_keeps_its_promises_and_as_much_is_explored_as_ever() {
    let asked: Vec<&Property> = PROPERTIES.iter().chain(reference::SOMETIMES).collect();
    let mut happened = vec![0; asked.len()];
    let mut counts = Vec::new();
    for case in PORTFOLIO {
        let (count, times) = explored(case.bounds, &asked);
        counts.push(format!("{}: {count}", case.name));
        happened.iter_mut().zip(times).for_each(|(sum, more)| *sum += more);
    }
    let expected: Vec<&str> = COUNTS.lines().collect();
    assert_eq!(
        counts, expected,
        "if the protocol changed, so do the counts; a smaller number needs a reason"
    );
    for (property, times) in
        asked.iter().zip(happened).filter(|(property, _)| property.when == When::Sometimes)
    {
        assert!(times > 0, "never happened: {}", property.name);
    }
}

const COUNTS: &str = "\
every signal, in any order: 375938 states, 1299007 edges, 53 deep
upgrade after upgrade: 148536 states, 731451 edges, 65 deep
upgrade after upgrade, and a fault: 263585 states, 906670 edges, 60 deep
upgrade and two faults: 331956 states, 1238737 edges, 56 deep
every signal, in any order, and a fault: 1925267 states, 7015867 edges, 66 deep
three generations, a fault and a delay: 151744 states, 549417 edges, 41 deep
three generations, two faults and a delay: 1144836 states, 4168443 edges, 43 deep
three generations, a fast stop, a fault and a delay: 1729670 states, 6261102 edges, 47 deep
a fast stop, everybody told to leave, two faults and two delays: 1078266 states, 4482683 edges, 35 deep
four generations, a fault and a delay: 123719 states, 446715 edges, 42 deep
reload after reload, and a fault: 45090 states, 145963 edges, 50 deep
fast stops, and a fault: 30950 states, 91560 edges, 39 deep";
