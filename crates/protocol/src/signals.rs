//! Signals as a set: two equal pending signals are one, and a set has no order.

use core::fmt;

/// A signal a master or worker listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
#[repr(u8)]
pub enum Signal {
    /// Reload; on an old master: take back what WINCH gave away.
    Hup,
    /// Fast stop.
    Int,
    /// Graceful stop; beside a ready new generation: commit.
    Quit,
    /// Fast stop.
    Term,
    /// Reopen the logs.
    Usr1,
    /// Upgrade.
    Usr2,
    /// Drain the workers, keep the listeners.
    Winch,
}

impl Signal {
    /// Every signal, in no particular order.
    pub const ALL: [Signal; 7] =
        [Signal::Hup, Signal::Int, Signal::Quit, Signal::Term, Signal::Usr1, Signal::Usr2, Signal::Winch];

    /// The name an operator types after `kill -`.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Hup => "HUP",
            Signal::Int => "INT",
            Signal::Quit => "QUIT",
            Signal::Term => "TERM",
            Signal::Usr1 => "USR1",
            Signal::Usr2 => "USR2",
            Signal::Winch => "WINCH",
        }
    }
}

/// A set of pending signals.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signals(u8);

impl Signals {
    /// No signal.
    pub const NONE: Signals = Signals(0);

    /// Adds a signal; adding it twice changes nothing.
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= 1 << signal as u8;
    }

    /// Takes a signal out; true if it was there.
    pub fn take(&mut self, signal: Signal) -> bool {
        let was = self.contains(signal);
        self.0 &= !(1 << signal as u8);
        was
    }

    /// Whether the signal is pending.
    pub fn contains(self, signal: Signal) -> bool {
        self.0 & (1 << signal as u8) != 0
    }

    /// Whether nothing is pending.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The pending signals.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL.into_iter().filter(move |signal| self.contains(*signal))
    }
}

impl FromIterator<Signal> for Signals {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Signals {
        let mut set = Signals::NONE;
        signals.into_iter().for_each(|signal| set.insert(signal));
        set
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Signals {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Signals {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Signals, D::Error> {
        let signals: alloc::vec::Vec<Signal> = serde::Deserialize::deserialize(deserializer)?;
        Ok(signals.into_iter().collect())
    }
}

/// The names, as in a sentence.
impl fmt::Display for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(at, signal)| {
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{}", signal.name())
        })
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Signal::name)).finish()
    }
}
