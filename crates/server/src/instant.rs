//! The instants before and after each effect. Nothing happens there: `changeoverd-failpoints`, which is built from the same
//! sources with another module in the place of this one, is the program that can be made to fail at them.

use protocol::{Generation, master, worker};

/// On which side of an effect.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Before,
    After,
}

/// A master is about to perform an effect, or has done so.
pub(crate) fn of_master(_: Generation, _: Side, _: &master::Effect) {}

/// A worker is about to perform an effect, or has done so.
pub(crate) fn of_worker(_: Generation, _: Side, _: &worker::Effect) {}
