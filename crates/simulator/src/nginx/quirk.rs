//! The ways in which nginx hurts, each of which can be taken away.

use core::fmt;

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
    /// `ngx_start_worker_processes` does not look whether it could fork (no descriptor is left for the channel, say): a reload
    /// tells the old workers to leave though there are no new ones, and nobody tries again.
    ForkUnchecked,
    /// With `reuseport` each worker has a queue of its own. Those that a configuration of fewer workers has no worker for are
    /// closed by a reload with what waits in them, and beside a new binary kept by the old master, though nobody accepts from
    /// them.
    ReuseportSurplus,
}

impl Quirk {
    /// All of them, in the order of their bits.
    pub const ALL: [Quirk; 15] = [
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
        Quirk::ForkUnchecked,
        Quirk::ReuseportSurplus,
    ];

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// As files are called that are about it.
    pub fn name(self) -> &'static str {
        match self {
            Quirk::QuitBeforeUsr2 => "quit-before-usr2",
            Quirk::WinchObeyedAlone => "winch-obeyed-alone",
            Quirk::QuitIsFinal => "quit-is-final",
            Quirk::NobodyTakesOver => "nobody-takes-over",
            Quirk::PidFileRenamed => "pid-file-renamed",
            Quirk::ReadinessUnknown => "readiness-unknown",
            Quirk::OrphansServeOn => "orphans-serve-on",
            Quirk::OldBinStays => "old-bin-stays",
            Quirk::LiveNotSet => "live-not-set",
            Quirk::HupMultiplies => "hup-multiplies",
            Quirk::NoacceptingKept => "noaccepting-kept",
            Quirk::NewBinaryInvalid => "new-binary-invalid",
            Quirk::FlagsSleep => "flags-sleep",
            Quirk::ForkUnchecked => "fork-unchecked",
            Quirk::ReuseportSurplus => "reuseport-surplus",
        }
    }
}

/// What nginx does, in a few words.
impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quirk::QuitBeforeUsr2 => "QUIT is looked at before USR2 and stops the server",
            Quirk::WinchObeyedAlone => "WINCH is obeyed though nobody else would serve",
            Quirk::QuitIsFinal => "after QUIT the listening sockets are closed for good",
            Quirk::NobodyTakesOver => "a new generation told to QUIT goes without the old one serving again",
            Quirk::PidFileRenamed => "the pid file is renamed away before another one is written",
            Quirk::ReadinessUnknown => "nobody asks whether the new generation serves",
            Quirk::OrphansServeOn => "workers of a killed master serve on",
            Quirk::OldBinStays => "the old pid file of a killed master stays",
            Quirk::LiveNotSet => "after a rollback by HUP the old master goes without its workers",
            Quirk::HupMultiplies => "HUP beside a new binary forks as many workers again",
            Quirk::NoacceptingKept => "the workers double when a later new binary dies",
            Quirk::NewBinaryInvalid => {
                "after a USR2 that could not be carried out HUP forks workers and reloads nothing"
            }
            Quirk::FlagsSleep => "a signal that comes together with HUP sleeps until another one comes",
            Quirk::ForkUnchecked => "nobody looks whether new workers could be forked before the old ones are told to leave",
            Quirk::ReuseportSurplus => "with reuseport the queues of workers that are too many are kept untended, and closed with what waits in them",
        })
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

    /// These bits of [`crate::scene::Scene::blame`].
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
