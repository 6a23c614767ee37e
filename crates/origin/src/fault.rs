//! Which request a planted fault strikes, and the log that says so: whoever looks for faults is measured by it.

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    str::FromStr,
    sync::Arc,
};

use facts::{
    fault::{Fault, NotPlanted, Planted, Strike},
    journal::PROBE_BIT,
};
use ledger::clock;

use crate::error::Error;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To requests.
    Planted(Planted),
    /// On SIGUSR2: closes the listener while connections are queued on it, as a careless upgrade does.
    DropQueueOnUsr2,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Asked, String> {
        if text == "drop-queue-on-usr2" {
            return Ok(Asked::DropQueueOnUsr2);
        }
        Planted::parse(text).map(Asked::Planted).map_err(|why| match why {
            NotPlanted::NoNumber(fault) => format!("write {}-every=N with N from 1", fault.name()),
            NotPlanted::Unknown => {
                let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
                format!("`{text}` is not a fault; known are drop-queue-on-usr2 and NAME-every=N with NAME one of {}", names.join(", "))
            }
        })
    }
}

/// What a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    Request,
    Upload,
    Message,
    Event,
}

fn occasion(fault: Fault) -> Occasion {
    match fault {
        Fault::Miscount => Occasion::Upload,
        Fault::CutWebsocket => Occasion::Message,
        Fault::SkipEvent => Occasion::Event,
        _ => Occasion::Request,
    }
}

/// The planted faults, each with the number of its occasions so far.
pub(crate) struct Faults {
    planted: Vec<(Planted, Cell<u64>)>,
    log: Option<Log>,
}

/// A fault that strikes a request.
#[derive(Clone)]
pub(crate) struct Struck {
    pub(crate) fault: Fault,
    id: u64,
    log: Option<Log>,
}

#[derive(Clone)]
struct Log(Arc<File>);

impl Faults {
    /// Those of a command line; what they do is written into a new file.
    pub(crate) fn new(asked: &[Asked], log: Option<&Path>) -> Result<Faults, Error> {
        let planted = asked.iter().filter_map(|asked| match asked {
            Asked::Planted(planted) => Some((*planted, Cell::new(0))),
            Asked::DropQueueOnUsr2 => None,
        });
        let create = |path: &Path| OpenOptions::new().append(true).create_new(true).open(path);
        let log =
            log.map(|path| create(path).map_err(|source| Error::FaultLog { path: path.to_owned(), source }));
        let log = log.transpose()?.map(|file| Log(Arc::new(file)));
        Ok(Faults { planted: planted.collect(), log })
    }

    /// The fault that strikes this occasion, if one does. A probe is not load: it is spared and not counted.
    pub(crate) fn strike(&self, this: Occasion, id: u64) -> Option<Struck> {
        if id & PROBE_BIT != 0 {
            return None;
        }
        let due = |(planted, count): &&(Planted, Cell<u64>)| {
            count.set(count.get() + 1);
            count.get().is_multiple_of(planted.every)
        };
        // Each has its own count, and all of them count on.
        let apt = self.planted.iter().filter(|(planted, _)| occasion(planted.fault) == this);
        let struck: Vec<_> = apt.filter(due).collect();
        let (planted, _) = struck.first()?;
        Some(Struck { fault: planted.fault, id, log: self.log.clone() })
    }
}

impl Struck {
    /// Writes it down: just before it is done.
    pub(crate) fn happens(&self) {
        if let Some(Log(file)) = &self.log {
            // One write each, so that lines never mix. A log that cannot be written lacks a line, and the count shows it.
            let strike = Strike { id: self.id, fault: self.fault, at: clock::now() };
            let _ = (&**file).write_all(format!("{strike}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_asked_for_or_refused() {
        let planted = |fault, every| Ok(Asked::Planted(Planted { fault, every }));
        assert_eq!("reset-every=1000".parse(), planted(Fault::Reset, 1000));
        assert_eq!("swallow-every=3".parse(), planted(Fault::Swallow, 3));
        assert_eq!("drop-queue-on-usr2".parse(), Ok(Asked::DropQueueOnUsr2));
        let error = "reset-often=3".parse::<Asked>().unwrap_err();
        assert!(error.starts_with("`reset-often=3` is not a fault; known are drop-queue-on-usr2"), "{error}");
        assert_eq!("reset-every=0".parse::<Asked>().unwrap_err(), "write reset-every=N with N from 1");
    }

    #[test]
    fn each_nth_occasion_is_struck_and_probes_are_spared() {
        let asked: Vec<Asked> = ["reset-every=3", "swallow-every=2", "miscount-every=1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let faults = Faults::new(&asked, None).unwrap();
        let strike = |occasion, id| faults.strike(occasion, id).map(|struck| struck.fault);
        let struck: Vec<Option<Fault>> = (1..=6).map(|id| strike(Occasion::Request, id)).collect();
        let (reset, swallow) = (Some(Fault::Reset), Some(Fault::Swallow));
        assert_eq!(struck, [None, swallow, reset, swallow, None, reset]);
        assert_eq!(strike(Occasion::Request, PROBE_BIT | 1), None);
        assert_eq!(strike(Occasion::Upload, 7), Some(Fault::Miscount));
        assert_eq!(strike(Occasion::Event, 7), None);
    }
}
