//! nginx's outages: which promise is broken, by the fewest quirks that suffice, and a shortest way there.

use crate::{
    bounds::{Bounds, Budget},
    explore::{Exploration, explore},
    nginx::{Action, Nginx, Quirks},
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

/// Every outage of nginx with these quirks, shortest first.
pub fn outages(bounds: Bounds, quirks: Quirks) -> (Vec<Outage>, Exploration<Action>) {
    let asked: Vec<&Property> = PROPERTIES.iter().collect();
    let found = explore(&Nginx { bounds, quirks }, &asked, MOST);
    let fewest = |property: usize, blame: u32| {
        let fewer = |other: u32| other != blame && Quirks::blamed(other).is_within(Quirks::blamed(blame));
        !found.violations.iter().any(|other| other.property == property && fewer(other.blame))
    };
    let minimal = found.violations.iter().filter(|violation| fewest(violation.property, violation.blame));
    let mut all: Vec<Outage> = minimal
        .map(|violation| Outage {
            property: &PROPERTIES[violation.property],
            quirks: Quirks::blamed(violation.blame),
            trace: violation.trace.clone(),
        })
        .collect();
    all.sort_by_key(|outage| outage.trace.len());
    (all, found)
}
