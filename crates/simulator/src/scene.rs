//! What a property can see of a state, whichever server is modelled.

/// Masters that can be told apart: one for each generation.
pub const GENERATIONS: usize = 3;

/// One moment as an observer of the whole machine would see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// The first generation was ready once: before that nothing is promised.
    pub served: bool,
    /// An operator stopped the last generation: from here on nothing is promised.
    pub stopped: bool,
    /// A fault struck: what it hit may take a moment to be made good.
    pub faulted: bool,
    /// A fault struck that was no order: TERM may be one, for what it cuts.
    pub struck: bool,
    /// A worker was killed, stopped or told to leave from outside.
    pub worker_harmed: bool,
    /// A reload's workers change places right now.
    pub cutting_over: bool,
    /// A master died, and a living one that knows it has not noticed yet.
    pub unnoticed: bool,
    /// By generation; `None` for one that is dead or was never born.
    pub masters: [Option<Master>; GENERATIONS],
    /// Some live process holds the listening sockets: a connection is not refused.
    pub listening: bool,
    /// Live workers that accept.
    pub accepting: u8,
    /// Live workers without a live master that are not on their way out.
    pub stray: u8,
    /// Live workers that only wait for their last client.
    pub draining: u8,
    /// Live processes.
    pub processes: u8,
    /// A master was overtaken in the middle of what it does.
    pub amid: bool,
    /// The pid file.
    pub pid_file: Name,
    /// The old master's pid file.
    pub old_bin: Name,
    /// Workers of two configurations of one generation accept.
    pub mixed: bool,
    /// A generation gave up its workers and no other one was ready.
    pub bared: bool,
    /// A generation that was told to leave came back by itself although another one served.
    pub doubled: bool,
    /// A generation was to be started beside as many as there may be.
    pub crowded: bool,
    /// A generation that had given up its workers serves again.
    pub came_back: bool,
    /// An accept queue was closed while others were open, with what waited in it.
    pub cut: bool,
    /// An accept queue is open that nobody accepts from, while others are accepted from.
    pub untended: bool,
    /// A master was killed whose workers accepted, and nobody else meant to serve.
    pub outlived: bool,
    /// The last master decided to leave, and nobody had told it to.
    pub deserted: bool,
    /// A master left by itself while workers of its own accepted.
    pub abandoned: bool,
    /// A signal was delivered that was neither carried out, deferred nor refused.
    pub unanswered: bool,
    /// A signal was accepted and waits, and nothing is going on that it could wait for.
    pub sleeping: bool,
    /// Deviations of the modelled server that made a difference on the way here, as bits.
    pub blame: u32,
}

/// What a pid file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// There is no file.
    #[default]
    Absent,
    /// Truncated and not written yet.
    Empty,
    /// It names the master of this generation, counted from 0.
    Of(u8),
}

/// A live master.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Master {
    /// Wants to serve, and obeys signals.
    pub serving: bool,
    /// Has decided to exit, and is in the middle of its last acts.
    pub exits: bool,
    /// Its live workers that accept.
    pub accepting: u8,
    /// Workers its configuration asks for.
    pub wanted: u8,
    /// Its live workers.
    pub workers: u8,
    /// The generation that started it, while that lives.
    pub predecessor: Option<u8>,
}

impl Scene {
    /// Whether anything is promised: the server served, nobody stopped it, and a master lives and is not about to exit.
    pub fn is_promised(&self) -> bool {
        self.served && !self.stopped && self.masters.iter().flatten().any(|master| !master.exits)
    }

    /// The master a file names, if it lives.
    pub fn named(&self, name: Name) -> Option<Master> {
        match name {
            Name::Of(generation) => self.masters[usize::from(generation)],
            _ => None,
        }
    }
}

impl Master {
    /// Serves with every worker it should have, and no more.
    pub fn is_whole(&self) -> bool {
        self.serving && self.accepting == self.wanted
    }
}
