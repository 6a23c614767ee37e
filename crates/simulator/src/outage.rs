//! nginx's outages: which promise is broken, by the fewest quirks that suffice, and a shortest way there.

use crate::{
    bounds::{Bounds, Budget},
    explore::{Exploration, Violation, explore},
    nginx::{Action, Nginx, QUEUES, Quirks},
    property::{PROPERTIES, Property},
};

/// One way in which nginx breaks a promise.
pub struct Outage {
    /// The sentence that does not hold.
    pub property: &'static Property,
    /// The quirks to blame: with any of them taken away this does not happen.
    pub quirks: Quirks,
    /// A shortest way there.
    pub trace: Vec<Action>,
}

/// What may be done to nginx by default: enough for each of its quirks.
pub const NGINX: Bounds =
    Bounds { workers: 2, signals: Budget::each(1, 1, 0, 1, 1), together: 2, faults: 1, delays: 0 };

/// States after which an exploration has gone astray.
const MOST: usize = 10_000_000;

/// Every outage of nginx with these quirks, shortest first: with a configuration that stays as it is, and what is found besides
/// when a changed one may ask for fewer workers. The second is what was explored.
pub fn outages(bounds: Bounds, quirks: Quirks) -> (Vec<Outage>, [Exploration<Action>; 2]) {
    let asked: Vec<&'static Property> = PROPERTIES.iter().chain(QUEUES).collect();
    let explored = [0, 1].map(|fewer| explore(&Nginx { bounds, quirks, fewer }, &asked, MOST));
    let found: Vec<&Violation<Action>> = explored.iter().flat_map(|found| &found.violations).collect();
    let minimal = found.iter().enumerate().filter(|(at, violation)| {
        !found.iter().enumerate().any(|(other, simpler)| is_explained((*at, violation), (other, simpler)))
    });
    let mut all: Vec<Outage> = minimal
        .map(|(_, violation)| Outage {
            property: asked[violation.property],
            quirks: Quirks::blamed(violation.blame),
            trace: violation.trace.clone(),
        })
        .collect();
    all.sort_by_key(|outage| outage.trace.len());
    (all, explored)
}

/// Fewer quirks suffice for it, or the same in a simpler exploration.
fn is_explained(
    (at, violation): (usize, &Violation<Action>),
    (other, simpler): (usize, &Violation<Action>),
) -> bool {
    let fewer = Quirks::blamed(simpler.blame).is_within(Quirks::blamed(violation.blame));
    simpler.property == violation.property && fewer && (simpler.blame != violation.blame || other < at)
}
