//! What is explored by default: each signal and each fault in the company of the others, as far as it can be exhausted.

use crate::bounds::{Bounds, Budget};

/// Bounds with a name.
pub struct Case {
    /// What it is about.
    pub name: &'static str,
    /// What may be done.
    pub bounds: Bounds,
}

/// What is exhausted by default. Every signal at once, all of them twice, with two faults, has more states than anybody can wait
/// for ([`WHOLE`]); these are parts of that whole, and each is exhausted: every signal once with a fault, and those that matter to
/// each other more often, with more faults, and with delays. In all of them up to three generations may live, of two workers
/// each; where it is about the masters alone, of one.
pub const PORTFOLIO: &[Case] = &[
    case("every signal, in any order", Budget::each(1, 1, 1, 1, 1), 0, 1),
    case("upgrade after upgrade", Budget::each(0, 2, 0, 2, 2), 0, 1),
    case("upgrade after upgrade, and a fault", Budget::each(0, 2, 0, 2, 0), 1, 0),
    case("upgrade and two faults", Budget::each(0, 1, 0, 1, 1), 2, 0),
    case("every signal, in any order, and a fault", Budget::each(1, 1, 1, 1, 1), 1, 0),
    alone("three generations, a fault and a delay", Budget::each(0, 1, 0, 2, 1), 1, 1),
    alone("three generations, two faults and a delay", Budget::each(0, 1, 0, 2, 0), 2, 1),
    alone("three generations, a fast stop, a fault and a delay", Budget::each(0, 2, 1, 2, 0), 1, 1),
    alone(
        "a fast stop, everybody told to leave, two faults and two delays",
        Budget::each(0, 2, 1, 1, 0),
        2,
        2,
    ),
    alone("four generations, a fault and a delay", Budget::each(0, 1, 0, 3, 0), 1, 1),
    case("reload after reload, and a fault", Budget::each(2, 1, 0, 0, 1), 1, 0),
    case("fast stops, and a fault", Budget::each(0, 1, 2, 1, 0), 1, 0),
];

/// All of it at once: three generations of two workers, each signal twice, two faults. It cannot be exhausted: 6,238,160 states are
/// found within 18 steps, when the second generation has hardly begun. What is searched of it is every schedule of so many steps.
pub const WHOLE: Case = case("all at once", Budget::each(2, 2, 2, 2, 2), 2, 0);

/// States of the whole after which it is left at that.
pub const ENOUGH: usize = 300_000;

const fn case(name: &'static str, signals: Budget, faults: u8, delays: u8) -> Case {
    Case { name, bounds: Bounds { workers: 2, signals, together: 2, faults, delays } }
}

/// One worker stands for all.
const fn alone(name: &'static str, signals: Budget, faults: u8, delays: u8) -> Case {
    Case { name, bounds: Bounds { workers: 1, signals, together: 1, faults, delays } }
}
