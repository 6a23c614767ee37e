//! The instants at which this program can be made to fail, in the place of the module of the same name that does nothing.

mod arming;
mod point;

pub(crate) use point::names;
use protocol::{Generation, master, worker};

use self::arming::{Role, reached};

/// On which side of an effect.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Before,
    After,
}

impl Side {
    const ALL: [Side; 2] = [Side::Before, Side::After];

    fn name(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}

/// A master is about to perform an effect, or has done so.
pub(crate) fn of_master(generation: Generation, side: Side, effect: &master::Effect) {
    reached(Role::Master, generation, &point::of_master(effect), side);
}

/// A worker is about to perform an effect, or has done so.
pub(crate) fn of_worker(generation: Generation, side: Side, effect: &worker::Effect) {
    reached(Role::Worker, generation, &point::of_worker(effect), side);
}
