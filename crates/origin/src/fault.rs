//! Losses on purpose.

use std::str::FromStr;

/// A loss on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Each n-th request: a reset before any byte of an answer. It is not executed.
    ResetEvery(u64),
    /// Each n-th request: executed, and never answered.
    SwallowEvery(u64),
    /// On SIGUSR2: closes the listener while connections are queued on it, as a careless upgrade does.
    DropQueueOnUsr2,
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answer,
    Reset,
    Swallow,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Fault, String> {
        let wrong = || {
            format!(
                "`{text}` is not a fault; known are reset-every=N, swallow-every=N (N from 1) and drop-queue-on-usr2"
            )
        };
        let every = |number: &str| number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong);
        match text.split_once('=') {
            None if text == "drop-queue-on-usr2" => Ok(Fault::DropQueueOnUsr2),
            Some(("reset-every", number)) => Ok(Fault::ResetEvery(every(number)?)),
            Some(("swallow-every", number)) => Ok(Fault::SwallowEvery(every(number)?)),
            _ => Err(wrong()),
        }
    }
}

/// What happens to the n-th request (from 1).
pub(crate) fn fate(faults: &[Fault], number: u64) -> Fate {
    let struck = faults.iter().find_map(|fault| match fault {
        Fault::ResetEvery(n) if number.is_multiple_of(*n) => Some(Fate::Reset),
        Fault::SwallowEvery(n) if number.is_multiple_of(*n) => Some(Fate::Swallow),
        _ => None,
    });
    struck.unwrap_or(Fate::Answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_spelled_or_refused() {
        assert_eq!("reset-every=1000".parse(), Ok(Fault::ResetEvery(1000)));
        assert_eq!("swallow-every=3".parse(), Ok(Fault::SwallowEvery(3)));
        assert_eq!("drop-queue-on-usr2".parse(), Ok(Fault::DropQueueOnUsr2));
        for text in ["reset-every", "reset-every=0", "swallow-every=x", "drop-queue-on-usr2=1", ""] {
            let error = text.parse::<Fault>().unwrap_err();
            assert!(error.starts_with(&format!("`{text}` is not a fault")), "{error}");
        }
    }

    #[test]
    fn each_nth_request_is_struck() {
        let faults = [Fault::ResetEvery(3), Fault::SwallowEvery(2)];
        let fates: Vec<Fate> = (1..=4).map(|n| fate(&faults, n)).collect();
        assert_eq!(fates, [Fate::Answer, Fate::Swallow, Fate::Reset, Fate::Swallow]);
    }
}
