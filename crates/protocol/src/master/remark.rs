//! What a master says in the log: every delivered signal gets an answer.

use core::fmt;

use crate::{Generation, signals::Signal};

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remark {
    /// A signal arrived.
    Received(Signal),
    /// It is carried out later.
    Deferred(Signal, &'static str),
    /// It is not carried out, and why.
    Refused(Signal, &'static str),
    /// It was deferred, and is now not carried out.
    Dropped(Signal, &'static str),
    /// All workers accept.
    Serving(Generation),
    /// A generation that had given up its workers was called back (HUP).
    Resumed(Generation),
    /// The successor is ready.
    SuccessorReady(Generation),
    /// The successor is dead, and had served: everything is ours again.
    RolledBack(Generation),
    /// The successor (the first) is dead and never served; we (the second) serve on.
    UpgradeFailed(Generation, Generation),
    /// The successor is dead and never served, and we leave, too.
    Abandoned(Generation),
    /// The successor was not ready in time.
    SuccessorLate(Generation),
    /// The successor is dead, and the one it started follows us now.
    HeirFollows(Generation, Generation),
    /// An upgrade is refused: as many generations as there may be live already, and the oldest is in the way.
    Crowded(Generation),
    /// The predecessor is gone.
    PredecessorGone(Generation),
    /// A worker died that nobody told to.
    WorkerDied,
    /// A worker did not come up while a generation started: the start is given up.
    StartFailed,
    /// The start was given up for a generation that is gone, too: it is tried again.
    StartedAnew,
    /// The configuration of a reload could not be used: the old one stays.
    ConfigurationRefused,
    /// The workers of a reload did not come up: the old ones stay.
    ReloadFailed,
    /// A reload is complete.
    Reloaded(u32),
    /// Workers die faster than they come up, and the predecessor still lives: leave the service to it.
    GaveUp,
    /// The pid file could not be written, so nobody could talk to this generation: the start is given up.
    Unnamed,
    /// The predecessor did not take over in time: we go on serving.
    NotRelieved,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Received(signal) => write!(f, "signal {} received", signal.name()),
            Remark::Deferred(signal, until) => write!(f, "{} is deferred {until}", signal.name()),
            Remark::Refused(signal, why) => write!(f, "{} is refused: {why}", signal.name()),
            Remark::Dropped(signal, why) => write!(f, "deferred {} is dropped: {why}", signal.name()),
            Remark::Serving(generation) => {
                write!(f, "generation {generation} is ready: all its workers accept")
            }
            Remark::Resumed(generation) => write!(f, "generation {generation} serves again"),
            Remark::SuccessorReady(generation) => {
                write!(f, "generation {generation} is ready beside this one")
            }
            Remark::RolledBack(generation) => {
                write!(f, "generation {generation} is gone: rolled back to this one")
            }
            Remark::UpgradeFailed(failed, stays) => {
                write!(f, "the upgrade failed: generation {failed} never served, and {stays} goes on")
            }
            Remark::Abandoned(generation) => {
                write!(f, "generation {generation} is gone before it served")
            }
            Remark::SuccessorLate(generation) => {
                write!(f, "generation {generation} was not ready by its deadline: it is killed")
            }
            Remark::HeirFollows(gone, heir) => {
                write!(f, "generation {gone} is gone: generation {heir} follows this one")
            }
            Remark::Crowded(oldest) => write!(
                f,
                "USR2 is refused: three generations live, and generation {oldest} waits for its last connections"
            ),
            Remark::PredecessorGone(generation) => write!(f, "generation {generation} is gone"),
            Remark::WorkerDied => write!(f, "a worker died: replacing it"),
            Remark::StartFailed => {
                write!(f, "a worker died before this generation was ready: giving up the start")
            }
            Remark::StartedAnew => write!(f, "nobody else would serve: this generation tries to start again"),
            Remark::ConfigurationRefused => write!(f, "the new configuration is refused: the old one stays"),
            Remark::ReloadFailed => {
                write!(f, "the workers of the new configuration did not come up: the old configuration stays")
            }
            Remark::Reloaded(revision) => write!(f, "configuration {revision} is in force"),
            Remark::GaveUp => {
                write!(f, "workers die before they accept: leaving the service to the old generation")
            }
            Remark::Unnamed => write!(f, "the pid file could not be written: giving up the start"),
            Remark::NotRelieved => {
                write!(f, "the old generation did not take over in time: QUIT is dropped, serving on")
            }
        }
    }
}
