//! nginx's master, after `ngx_process_cycle.c` and `ngx_process.c` of 1.22 (unchanged in 1.31 in what matters here), in the
//! same make-believe kernel as the reference server and asked the same properties.
//!
//! Every known way in which it hurts is a [`Quirk`], and each can be taken away. A state remembers which quirks made a
//! difference on the way to it, so that a broken promise can be blamed on the fewest that suffice.
//!
//! The accept queue of a shared socket lives as long as any process holds that socket, so it is no state of its own: what waits
//! in it is reset in the very step in which the last holder closes, and that is what "the listening sockets stay open" looks
//! at. With `SO_REUSEPORT` each worker has a queue of its own: see `queues`.
//!
//! Not modelled: worker crashes (a worker is respawned at once), a worker without a descriptor for a connection (it waits and tries
//! again), the 100 ms overlap of two configurations at a reload, unix sockets, the first start's own races.

mod cycle;
mod enabled;
mod gone;
mod happens;
mod look;
mod new_binary;
mod orders;
mod queues;
mod quirk;
mod workers;
mod world;
mod written;

pub use queues::QUEUES;
pub use quirk::{Quirk, Quirks};
pub use world::{Action, World};
pub use written::written;

use crate::{
    allowance::Allowance,
    bounds::{Bounds, Budget},
    fingerprint::fingerprint,
    model::{Kind, Model},
    scene::Scene,
};

/// nginx within bounds.
pub struct Nginx {
    /// What may be done to it.
    pub bounds: Bounds,
    /// What it is known for, and has in this exploration.
    pub quirks: Quirks,
    /// How many workers fewer a changed configuration may ask for; each takes the place of a fault.
    pub fewer: u8,
}

impl Model for Nginx {
    type State = World;
    type Action = Action;

    fn initial(&self) -> World {
        World::new(&self.bounds, self.quirks, self.fewer)
    }

    fn actions(&self, state: &World, out: &mut Vec<Action>) {
        state.list(out);
    }

    fn kind(&self, action: Action) -> Kind {
        match action {
            Action::Turn(_, signals) if !signals.is_empty() => Kind::Outside,
            Action::Turn(..) | Action::Boot(_) | Action::Work(_) => Kind::Step,
            Action::Finish(_) => Kind::Ending,
            Action::Kill(_)
            | Action::KillAll(_)
            | Action::Fail(_)
            | Action::Cripple(_)
            | Action::CannotFork(..)
            | Action::Fewer => Kind::Outside,
        }
    }

    fn apply(&self, state: &World, action: Action) -> World {
        let mut next = state.clone();
        next.apply(action);
        next.workers.sort_unstable();
        next
    }

    fn scene(&self, state: &World) -> Scene {
        look::scene(state)
    }

    fn allowance(&self, state: &World) -> Allowance {
        Allowance::of(state.signals.left().into_iter().chain([state.faults, u8::from(!state.faulted)]))
    }

    fn situation(&self, state: &World) -> u64 {
        let same = (Budget::default(), 0, false);
        let mut state = state.clone();
        (state.signals, state.faults, state.faulted) = same;
        fingerprint(&state)
    }

    fn tell(&self, before: &World, action: Action) -> String {
        look::tell(before, action)
    }
}
