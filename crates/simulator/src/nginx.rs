//! nginx's master, after `ngx_process_cycle.c` and `ngx_process.c` of 1.22 (unchanged in 1.31 in what matters here), in the
//! same make-believe kernel as the reference server and asked the same properties.
//!
//! Every known way in which it hurts is a [`Quirk`], and each can be taken away. A state remembers which quirks made a
//! difference on the way to it, so that a broken promise can be blamed on the fewest that suffice.
//!
//! The accept queue of a shared socket lives as long as any process holds that socket, so it is no state of its own: what waits
//! in it is reset in the very step in which the last holder closes, and that is what "the listening sockets stay open" looks
//! at. With `SO_REUSEPORT` each worker's socket has a queue of its own; that is not modelled.
//!
//! Not modelled either: worker crashes (a worker is respawned at once), the 100 ms overlap of two configurations at a reload, unix
//! sockets, the first start's own races.

mod cycle;
mod look;
mod world;
mod written;

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
}

/// A way in which nginx hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Quirk {
    /// QUIT is looked at before USR2, and ends the loop: both pending together are a shutdown.
    QuitBeforeUsr2,
    /// WINCH is obeyed when no other generation would serve, even if that one's death is noticed in the same turn.
    WinchObeyedAlone,
    /// After QUIT the listening sockets are closed, and the death of the new generation changes nothing.
    QuitIsFinal,
    /// A new generation told to QUIT leaves without the old one serving again, and is named by the pid file until its last
    /// client has left.
    NobodyTakesOver,
    /// The pid file is renamed away before the new binary runs, truncated before it is written, and unlinked before it is
    /// renamed back.
    PidFileRenamed,
    /// Nobody asks whether the new generation serves: it is named before it forks a worker, one without workers lives on,
    /// and the old one obeys WINCH and QUIT all the same.
    ReadinessUnknown,
    /// Workers do not notice that their master died.
    OrphansServeOn,
    /// `.oldbin` of a killed old master stays.
    OldBinStays,
    /// HUP as a rollback forks workers without setting `live`: told to leave, the master goes without them.
    LiveNotSet,
    /// HUP while a new binary lives forks as many workers again, whether any had left or not.
    HupMultiplies,
    /// A HUP that is a reload does not clear `ngx_noaccepting`: when a later new binary dies the workers double.
    NoacceptingKept,
    /// `continue` after a HUP or a QUIT leaves later flags for the next signal that comes, or for ever.
    FlagsSleep,
    /// When the new binary cannot be forked, or the pid file not be renamed, `ngx_new_binary` is -1 from then on: "there is no new
    /// binary" to USR2, and "there is one" to HUP, which forks workers and reads no configuration any more.
    NewBinaryInvalid,
}

impl Quirk {
    /// All of them, in the order of their bits.
    pub const ALL: [Quirk; 13] = [
        Quirk::QuitBeforeUsr2,
        Quirk::WinchObeyedAlone,
        Quirk::QuitIsFinal,
        Quirk::NobodyTakesOver,
        Quirk::PidFileRenamed,
        Quirk::ReadinessUnknown,
        Quirk::OrphansServeOn,
        Quirk::OldBinStays,
        Quirk::LiveNotSet,
        Quirk::HupMultiplies,
        Quirk::NoacceptingKept,
        Quirk::FlagsSleep,
        Quirk::NewBinaryInvalid,
    ];

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A set of quirks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quirks(u32);

impl Quirks {
    /// As nginx is.
    pub const ALL: Quirks = Quirks((1 << Quirk::ALL.len()) - 1);
    /// As it might be.
    pub const NONE: Quirks = Quirks(0);

    /// These bits of [`Scene::blame`].
    pub fn blamed(bits: u32) -> Quirks {
        Quirks(bits)
    }

    /// All of these but one.
    #[must_use]
    pub fn without(self, quirk: Quirk) -> Quirks {
        Quirks(self.0 & !quirk.bit())
    }

    /// Whether it is among them.
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// Whether all of these are among those.
    pub fn is_within(self, others: Quirks) -> bool {
        self.0 & !others.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.into_iter().filter(move |quirk| self.has(*quirk))
    }
}

impl Model for Nginx {
    type State = World;
    type Action = Action;

    fn initial(&self) -> World {
        World::new(&self.bounds, self.quirks)
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
            | Action::CannotFork(_) => Kind::Outside,
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
