//! The reference server: the state machines of `protocol`, as the server runs them, in a make-believe kernel.
//!
//! What is in the kernel: up to three masters with their workers, pending signals as sets, stopped processes, deaths
//! that wait to be noticed, channels, introductions, who holds the listening sockets, two pid files. A master's effects
//! happen one by one: it can be killed, overtaken or denied a system call between any two.
//!
//! What is taken together, because nobody could tell the difference: a signal is sent just before the turn that finds
//! it (nothing else looks at pending signals); `Say` and `ReopenLogs` are no steps; workers of one generation that are in the same
//! situation are the same. A worker takes its step before its master takes the next one of its own accord; that a master
//! does not wait costs a *delay*, of which the bounds allow a few. Time passes only when no process has anything to
//! do, and then the next deadline of any master may be the one that comes.

mod enabled;
mod look;
mod order;
mod perform;
mod told;
mod turn;
mod world;

use protocol::{master::Stage, worker};

pub use world::{Action, Cut, World};

use crate::{
    allowance::Allowance,
    bounds::Bounds,
    model::{Kind, Model},
    property::{Property, sometimes},
    scene::Scene,
};

/// The reference server within bounds.
pub struct Reference {
    /// What may be done to it.
    pub bounds: Bounds,
}

/// What must happen within the default bounds.
pub const SOMETIMES: &[Property] = &[
    sometimes("an upgrade is committed", |s| s.masters[0].is_none() && whole(s, 1)),
    sometimes("two upgrades are committed", |s| {
        s.masters[0].is_none() && s.masters[1].is_none() && whole(s, 2)
    }),
    sometimes("three generations live, and the newest is ready", |s| {
        s.masters.iter().all(Option::is_some) && whole(s, 2)
    }),
    sometimes("the oldest and the newest are left of three", |s| {
        s.masters[0].is_some() && s.masters[1].is_none() && whole(s, 2)
    }),
    sometimes("a generation is back after it had given up its workers", |s| s.came_back),
    sometimes("nobody accepts for a moment", |s| s.is_promised() && s.accepting == 0),
    sometimes("workers outlive their last master", |s| {
        s.served && !s.stopped && s.masters.iter().all(Option::is_none) && s.accepting > 0
    }),
    sometimes("the server is stopped", |s| s.stopped && s.processes == 0),
    sometimes("a reload cuts over", |s| s.cutting_over),
];

fn whole(scene: &Scene, generation: usize) -> bool {
    scene.masters[generation].is_some_and(|master| master.is_whole())
}

impl Model for Reference {
    type State = World;
    type Action = Action;

    fn initial(&self) -> World {
        World::new(&self.bounds)
    }

    fn actions(&self, state: &World, out: &mut Vec<Action>) {
        enabled::list(state, out);
    }

    fn kind(&self, action: Action) -> Kind {
        action.kind()
    }

    fn apply(&self, state: &World, action: Action) -> World {
        let mut next = state.clone();
        let touched = next.touched(action);
        next.apply(action);
        order::tidy(&mut next, touched);
        next
    }

    fn scene(&self, state: &World) -> Scene {
        look::scene(state)
    }

    fn allowance(&self, state: &World) -> Allowance {
        state.allowance()
    }

    fn situation(&self, state: &World) -> u64 {
        state.apart_from_allowance()
    }

    fn tell(&self, before: &World, action: Action) -> String {
        told::tell(before, action)
    }
}

/// Whether a worker in this stage takes new connections.
fn accepts(stage: worker::Stage) -> bool {
    stage == worker::Stage::Accepting
}

/// Whether a master in this stage means to serve.
fn means_to_serve(stage: Stage) -> bool {
    matches!(stage, Stage::Starting | Stage::Announcing | Stage::Serving | Stage::Yielding { .. })
}
