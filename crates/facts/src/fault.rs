//! What a back end of the harness's own does wrong on purpose, so that whoever looks for it can be shown to find it.

use std::fmt;

use crate::Nanos;

/// Something done wrong to each n-th request (message, event) that it can be done to. A request that is *executed* is in
/// the journal; one that is not, is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    Reset,
    Close,
    Ignore,
    Unavailable,
    Swallow,
    LoseAnswer,
    ExecuteTwice,
    CutHead,
    ResetHead,
    CutBody,
    ResetBody,
    CloseIdle,
    AnnounceClose,
    ResetTail,
    WrongBody,
    WrongStatus,
    NotHttp,
    WrongId,
    Surplus,
    Drip,
    SwapAnswers,
    Miscount,
    CutWebsocket,
    SkipEvent,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 24] = [
        Fault::Reset,
        Fault::Close,
        Fault::Ignore,
        Fault::Unavailable,
        Fault::Swallow,
        Fault::LoseAnswer,
        Fault::ExecuteTwice,
        Fault::CutHead,
        Fault::ResetHead,
        Fault::CutBody,
        Fault::ResetBody,
        Fault::CloseIdle,
        Fault::AnnounceClose,
        Fault::ResetTail,
        Fault::WrongBody,
        Fault::WrongStatus,
        Fault::NotHttp,
        Fault::WrongId,
        Fault::Surplus,
        Fault::Drip,
        Fault::SwapAnswers,
        Fault::Miscount,
        Fault::CutWebsocket,
        Fault::SkipEvent,
    ];

    /// Its name, and what it does in a few words.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Fault::Reset => ("reset", "a reset before any byte of an answer; not executed"),
            Fault::Close => ("close", "closed before any byte of an answer; not executed"),
            Fault::Ignore => ("ignore", "never answered; not executed"),
            Fault::Unavailable => ("unavailable", "503; not executed"),
            Fault::Swallow => ("swallow", "executed, never answered"),
            Fault::LoseAnswer => ("lose-answer", "executed, then closed before any byte of the answer"),
            Fault::ExecuteTwice => ("execute-twice", "executed twice, answered once"),
            Fault::CutHead => ("cut-head", "closed inside the head of the answer"),
            Fault::ResetHead => ("reset-head", "reset inside the head of the answer"),
            Fault::CutBody => ("cut-body", "closed inside the body of the answer"),
            Fault::ResetBody => ("reset-body", "reset inside the body of the answer"),
            Fault::CloseIdle => ("close-idle", "answered, then closed without having said so"),
            Fault::AnnounceClose => {
                ("announce-close", "answered with `Connection: close`, then closed: no fault at all")
            }
            Fault::ResetTail => ("reset-tail", "answered, then reset"),
            Fault::WrongBody => ("wrong-body", "a body of the right length with a wrong byte"),
            Fault::WrongStatus => ("wrong-status", "404 instead of 200"),
            Fault::NotHttp => ("not-http", "bytes that are not HTTP instead of an answer"),
            Fault::WrongId => ("wrong-id", "the id of another request"),
            Fault::Surplus => ("surplus", "bytes behind the end of the answer"),
            Fault::Drip => ("drip", "an answer of which a byte comes each 20 ms"),
            Fault::SwapAnswers => {
                ("swap-answers", "the answer to the request pipelined behind it comes first")
            }
            Fault::Miscount => ("miscount", "an upload of which one byte less is counted"),
            Fault::CutWebsocket => {
                ("cut-websocket", "a websocket that ends without a close frame instead of an echo")
            }
            Fault::SkipEvent => ("skip-event", "a server-sent event that is left out"),
        }
    }

    /// `reset`; a scenario writes `reset-every=N`.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What it does, in a few words.
    pub fn says(self) -> &'static str {
        self.words().1
    }
}

/// A fault and how often it strikes: `reset-every=1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    /// What is done.
    pub fault: Fault,
    /// To each one of so many, from 1.
    pub every: u64,
}

/// Why a text is no planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPlanted {
    /// It does not begin with the name of a fault and `-every`.
    Unknown,
    /// What follows is not `=N` with N from 1.
    NoNumber(Fault),
}

impl Planted {
    /// `reset-every=1000`.
    pub fn parse(text: &str) -> Result<Planted, NotPlanted> {
        let (word, number) = text.split_once('=').unwrap_or((text, ""));
        let name = word.strip_suffix("-every").ok_or(NotPlanted::Unknown)?;
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or(NotPlanted::Unknown)?;
        let every = number.parse().ok().filter(|every| *every > 0).ok_or(NotPlanted::NoNumber(fault))?;
        Ok(Planted { fault, every })
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}-every={}", self.fault.name(), self.every)
    }
}

/// One thing done wrong, as the back end that did it wrote it down: `0000000000000002 close 8125000123`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The request that it was done to.
    pub id: u64,
    /// What was done.
    pub fault: Fault,
    /// Right before it was done.
    pub at: Nanos,
}

impl Strike {
    /// A line of the log; `None` for one that was cut.
    pub fn parse(line: &str) -> Option<Strike> {
        let mut words = line.split(' ');
        let (id, name, at) = (words.next()?, words.next()?, words.next()?);
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name)?;
        Some(Strike { id: u64::from_str_radix(id, 16).ok()?, fault, at: at.parse().ok()? })
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{:016x} {} {}", self.id, self.fault.name(), self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_is_read_as_it_was_written() {
        let strike = Strike { id: 0xbeef, fault: Fault::LoseAnswer, at: 12 };
        assert_eq!(strike.to_string(), "000000000000beef lose-answer 12");
        assert_eq!(Strike::parse(&strike.to_string()), Some(strike));
        for cut in ["", "000000000000beef", "000000000000beef lose-answer", "000000000000beef lose-answer x"]
        {
            assert_eq!(Strike::parse(cut), None, "{cut}");
        }
    }

    #[test]
    fn a_fault_is_spelled_or_refused() {
        for fault in Fault::ALL {
            let planted = Planted { fault, every: 30 };
            assert_eq!(Planted::parse(&planted.to_string()), Ok(planted));
        }
        for text in ["reset-every", "reset-every=", "reset-every=0", "reset-every=x"] {
            assert_eq!(Planted::parse(text), Err(NotPlanted::NoNumber(Fault::Reset)), "{text}");
        }
        for text in ["", "reset", "reset=3", "rest-every=3"] {
            assert_eq!(Planted::parse(text), Err(NotPlanted::Unknown), "{text}");
        }
    }
}
