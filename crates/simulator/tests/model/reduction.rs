//! The search that skips what is covered finds what the one that skips nothing finds: the same broken properties after as many steps,
//! the same situations, and rest where there is rest.

use simulator::{
    Allowance, Bounds, Budget, Exploration, Kind, Model, NGINX, PROPERTIES, Property, Reference, Scene, When,
    explore, fingerprint,
    nginx::{Nginx, Quirks},
    reference,
};

const MOST: usize = 3_000_000;

/// The same model, of whose states none covers another.
struct Unreduced<M>(M);

impl<M: Model> Model for Unreduced<M> {
    type State = M::State;
    type Action = M::Action;

    fn initial(&self) -> M::State {
        self.0.initial()
    }

    fn actions(&self, state: &M::State, out: &mut Vec<M::Action>) {
        self.0.actions(state, out);
    }

    fn kind(&self, action: M::Action) -> Kind {
        self.0.kind(action)
    }

    fn apply(&self, state: &M::State, action: M::Action) -> M::State {
        self.0.apply(state, action)
    }

    fn scene(&self, state: &M::State) -> Scene {
        self.0.scene(state)
    }

    fn allowance(&self, _: &M::State) -> Allowance {
        Allowance::default()
    }

    fn situation(&self, state: &M::State) -> u64 {
        fingerprint(state)
    }

    fn tell(&self, before: &M::State, action: M::Action) -> String {
        self.0.tell(before, action)
    }
}

const fn never(name: &'static str, when: When, holds: fn(&Scene) -> bool) -> Property {
    Property { name, promise: "", when, holds }
}

/// Sentences that do not hold, each broken in another way.
const FALSE: &[Property] = &[
    never("there is one generation", When::Always, |s| s.masters[1].is_none()),
    never("there are two generations", When::Always, |s| s.masters[2].is_none()),
    never("nobody comes back", When::Always, |s| !s.came_back),
    never("no reload cuts over", When::Always, |s| !s.cutting_over),
    never("three accept at most", When::Always, |s| s.accepting < 4),
    never("workers do not outlive their master", When::Always, |s| !s.outlived),
    never("whatever happens somebody accepts", When::Always, |s| !s.is_promised() || s.accepting > 0),
    never("the first generation stays", When::AtRest, |s| s.stopped || s.masters[0].is_some()),
    never("nothing is stopped", When::AtRest, |s| !s.stopped),
    // Forgiven to whom a fault struck: the one that is still held to it must be explored.
    never("without a fault nobody drains", When::Always, |s| s.faulted || s.draining == 0),
    never("without a fault the first stays", When::AtRest, |s| s.faulted || s.masters[0].is_some()),
];

/// Which property is broken by whom, and after how many steps.
fn broken<A>(found: &Exploration<A>) -> Vec<(usize, u32, usize)> {
    assert!(found.exhausted);
    let mut all: Vec<_> =
        found.violations.iter().map(|broken| (broken.property, broken.blame, broken.trace.len())).collect();
    all.sort_unstable();
    all
}

fn check<M: Model>(model: impl Fn() -> M, asked: &[&Property]) -> (usize, usize) {
    let (reduced, whole) = (explore(&model(), asked, MOST), explore(&Unreduced(model()), asked, MOST));
    assert_eq!(broken(&reduced), broken(&whole));
    assert_eq!(reduced.restless.is_some(), whole.restless.is_some());
    assert!(reduced.depth <= whole.depth);
    for (property, (some, all)) in asked.iter().zip(reduced.happened.iter().zip(&whole.happened)) {
        assert_eq!(*some > 0, *all > 0, "{}", property.name);
    }
    (reduced.states, whole.states)
}

#[test]
fn the_reference_is_explored_as_well_with_less() {
    let asked: Vec<&Property> = PROPERTIES.iter().chain(FALSE).chain(reference::SOMETIMES).collect();
    let cases = [
        (Budget::each(0, 1, 0, 1, 1), 1, 1),
        (Budget::each(2, 2, 0, 1, 0), 0, 1),
        (Budget::each(1, 1, 1, 1, 0), 1, 0),
        (Budget::each(0, 1, 0, 2, 0), 1, 0),
    ];
    for (signals, faults, delays) in cases {
        let bounds = Bounds { workers: 1, signals, together: 2, faults, delays };
        let (reduced, whole) = check(|| Reference { bounds }, &asked);
        assert!(reduced * 10 < whole * 9, "{bounds}: {reduced} of {whole} states");
    }
}

#[test]
fn nginx_is_explored_as_well_with_less() {
    let asked: Vec<&Property> = PROPERTIES.iter().chain(FALSE).collect();
    let (reduced, whole) = check(|| Nginx { bounds: NGINX, quirks: Quirks::ALL, fewer: 1 }, &asked);
    assert!(reduced < whole, "{reduced} of {whole} states");
}
