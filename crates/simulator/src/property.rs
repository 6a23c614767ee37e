//! What must hold, and what must happen at least once.

use crate::scene::{Name, Scene};

/// When a property is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In every state.
    Always,
    /// In every state in which nothing more happens by itself, but for clients that stay with a draining worker. Together with
    /// "every run comes to rest" this is "leads to".
    AtRest,
    /// In some state, or the others may hold for want of cases.
    Sometimes,
}

/// A sentence about the server, and the promise it is part of.
pub struct Property {
    /// The sentence.
    pub name: &'static str,
    /// Which promise of the reference server it belongs to.
    pub promise: &'static str,
    /// When it is asked.
    pub when: When,
    /// Whether it is true of a state.
    pub holds: fn(&Scene) -> bool,
}

/// All of them; every profile is asked the same.
pub const PROPERTIES: &[Property] = &[
    always("G1", "the listening sockets stay open", |s| !s.is_promised() || s.listening),
    always("G1", "somebody accepts, unless a fault or a reload's cut-over is being made good", |s| {
        !s.is_promised() || s.faulted || s.cutting_over || s.accepting > 0
    }),
    at_rest("G1", "somebody accepts", |s| !s.is_promised() || s.accepting > 0),
    always("G5", "nobody gives up its workers while no other generation is ready", |s| !s.bared),
    at_rest("G6", "a generation serves with all its workers", |s| {
        !s.is_promised() || s.masters.iter().flatten().any(|master| master.is_whole())
    }),
    at_rest("G6", "no generation has more workers that accept than it was configured for", |s| {
        !s.is_promised() || s.masters.iter().flatten().all(|master| master.accepting <= master.wanted)
    }),
    always("G1", "two configurations of one generation never accept at the same time", |s| {
        s.faulted || !s.mixed
    }),
    always("G8", "the pid file is never absent or empty", |s| {
        !s.is_promised() || matches!(s.pid_file, Name::Of(_))
    }),
    always("G8", "the pid file names a live master, unless its death was not noticed yet", |s| {
        !s.is_promised() || s.unnoticed || !matches!(s.pid_file, Name::Of(_)) || s.named(s.pid_file).is_some()
    }),
    at_rest("G8", "the pid file names a master that serves and obeys", |s| {
        !s.is_promised() || s.named(s.pid_file).is_some_and(|master| master.serving)
    }),
    always("G8", ".oldbin never names the master that the pid file names", |s| {
        s.faulted || s.amid || s.old_bin == Name::Absent || s.old_bin != s.pid_file
    }),
    at_rest("G8", ".oldbin names the living predecessor of that master, or is absent", |s| {
        !s.is_promised() || s.old_bin == predecessor_of_named(s)
    }),
    at_rest("G9", "no worker of a dead generation serves beside a living one", |s| {
        !s.is_promised() || s.stray == 0
    }),
    at_rest("G9", "workers whose master was killed serve on when nobody else would", |s| {
        let excused = s.stopped || s.worker_harmed || s.masters.iter().any(Option::is_some);
        !s.outlived || excused || (s.accepting > 0 && s.listening)
    }),
    always("G6", "the last master leaves only if it was told to", |s| !s.deserted),
    always("G9", "no master leaves before its workers do", |s| !s.abandoned),
    at_rest("G9", "a server that was told to stop leaves no process and no pid file behind", |s| {
        let gone = s.processes == 0 && s.pid_file == Name::Absent;
        // A fast stop may come just when a new generation is ready, and has started the next one.
        let goes_on = s.faulted && s.stray == 0 && s.masters.iter().any(Option::is_some);
        !s.stopped || s.struck || gone || (s.accepting == 0 && s.draining > 0) || goes_on
    }),
    always("G13", "no generation is started beside three that live", |s| !s.crowded),
    always("G13", "a generation that was told to leave comes back only if no other one serves", |s| {
        !s.doubled
    }),
    always("G10", "every delivered signal is carried out, deferred or refused", |s| !s.unanswered),
    at_rest("G10", "no signal sleeps until another one comes", |s| !s.is_promised() || !s.sleeping),
];

fn predecessor_of_named(scene: &Scene) -> Name {
    let predecessor = scene.named(scene.pid_file).and_then(|master| master.predecessor);
    predecessor.filter(|index| scene.masters[usize::from(*index)].is_some()).map_or(Name::Absent, Name::Of)
}

const fn always(promise: &'static str, name: &'static str, holds: fn(&Scene) -> bool) -> Property {
    Property { name, promise, when: When::Always, holds }
}

const fn at_rest(promise: &'static str, name: &'static str, holds: fn(&Scene) -> bool) -> Property {
    Property { name, promise, when: When::AtRest, holds }
}

/// What must be reached.
pub(crate) const fn sometimes(name: &'static str, holds: fn(&Scene) -> bool) -> Property {
    Property { name, promise: "", when: When::Sometimes, holds }
}
