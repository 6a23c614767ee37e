//! The reference server keeps its promises within bounds; how much was explored is a snapshot, so that a model that shrinks
//! unnoticed is noticed.

use simulator::{Bounds, Model, PORTFOLIO, PROPERTIES, Property, Reference, When, explore, reference};

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
every signal, in any order: 561367 states, 1840355 edges, 53 deep
upgrade after upgrade: 243427 states, 1122545 edges, 65 deep
upgrade after upgrade, and a fault: 325051 states, 1093163 edges, 58 deep
upgrade and two faults: 410362 states, 1490378 edges, 55 deep
upgrade and rollback by hand, and a fault: 483158 states, 1675063 edges, 64 deep
three generations, a fault and a delay: 283027 states, 941960 edges, 41 deep
three generations and two faults: 390760 states, 1193325 edges, 43 deep
three generations, fast stops and a fault: 108657 states, 288935 edges, 37 deep
four generations, a fault and a delay: 225821 states, 738054 edges, 43 deep
reload after reload, and a fault: 73771 states, 229451 edges, 50 deep
fast stops, and a fault: 37775 states, 107644 edges, 39 deep";
