//! What a supervisor says in the log.

use core::fmt;

use super::{Configuration, Ending, Others};
use crate::signals::Signal;

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A signal that is nobody's.
    Ignored(Signal),
    /// A signal waits until somebody leads.
    Held(Signal),
    /// A signal ends the pause before the next try.
    TriesNow(Signal),
    /// The last master ended and was not told to; who is left.
    Replaces(Others, Next),
    /// The master that was to serve ended so instead; when the next one is started.
    NotReplaced(Ending, Next),
    /// A master serves without the configuration file as it is now.
    ServesLastInForce,
}

/// When a master is started after one that did not come to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once, with this configuration.
    Now(Configuration),
    /// After so many milliseconds, with the configuration file as it will be then.
    AfterMs(u32),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Ignored(signal) => write!(
                f,
                "supervisor: {} is ignored: a terminal sends it to everybody; send it to the old master, by its pid file",
                signal.name()
            ),
            Remark::Held(signal) => {
                write!(f, "supervisor: {} is deferred until a master leads", signal.name())
            }
            Remark::TriesNow(signal) => {
                write!(f, "supervisor: {} is taken for \"try again now\"", signal.name())
            }
            Remark::Replaces(Others::Workers, next) => {
                write!(f, "supervisor: the last master is gone and its workers serve on: another one starts {next}")
            }
            Remark::Replaces(_, next) => {
                write!(f, "supervisor: the last master is gone with all its workers: another one starts {next}")
            }
            Remark::NotReplaced(ending, next) => {
                write!(f, "supervisor: the master that was to serve {ending} instead: another one starts {next}")
            }
            Remark::ServesLastInForce => f.write_str(
                "supervisor: the configuration that was last in force serves again, and not the file as it is now: \
                 reload (HUP) once that is right",
            ),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Exited(code) => write!(f, "exited with code {code}"),
            Ending::Killed(signal) => write!(f, "was killed by signal {signal}"),
            Ending::Elsewhere => f.write_str("ended"),
        }
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Next::Now(Configuration::OnDisk) => f.write_str("now"),
            Next::Now(Configuration::LastInForce) => {
                f.write_str("now with the configuration that was last in force")
            }
            Next::AfterMs(ms) => write!(f, "in {ms} ms"),
        }
    }
}
