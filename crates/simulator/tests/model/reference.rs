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
every signal, in any order: 374825 states, 1301415 edges, 53 deep
upgrade after upgrade: 140886 states, 694482 edges, 65 deep
upgrade after upgrade, and a fault: 264203 states, 907020 edges, 60 deep
upgrade and two faults: 338331 states, 1261339 edges, 56 deep
every signal, in any order, and a fault: 1914223 states, 6997438 edges, 66 deep
three generations, a fault and a delay: 154897 states, 560060 edges, 41 deep
three generations, two faults and a delay: 1146850 states, 4164570 edges, 43 deep
three generations, a fast stop, a fault and a delay: 1714925 states, 6192227 edges, 47 deep
a fast stop, everybody told to leave, two faults and two delays: 1110725 states, 4659419 edges, 35 deep
four generations, a fault and a delay: 119870 states, 433617 edges, 42 deep
reload after reload, and a fault: 45170 states, 147124 edges, 50 deep
fast stops, and a fault: 30538 states, 90610 edges, 39 deep";
