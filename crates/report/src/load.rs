//! What `changeover load` found: one value, as a table for people and as JSON for machines.

mod json;
mod table;

use std::time::Duration;

use facts::{Blame, Nanos, Outcome};

pub use json::load_json;
pub use table::load_table;

/// What was sent and what came of it.
#[derive(Clone, Debug)]
pub struct LoadResult {
    /// Where it was sent.
    pub url: String,
    /// Who sent it: "64 kept connections, 1 thread".
    pub clients: String,
    /// When they sent: "500/s at random".
    pub pace: String,
    /// What of that is evidence.
    pub evidence: Evidence,
    /// The seed of the plan.
    pub seed: u64,
    /// From the first intended start until nothing more was planned.
    pub lasted: Duration,
    /// Requests a second that were asked for, on average; `None` where the answers pace the questions.
    pub asked: Option<f64>,
    /// Starts that the plan wanted.
    pub planned: u64,
    /// Attempts begun.
    pub sent: u64,
    /// Starts that never became an attempt.
    pub unsent: u64,
    /// How attempts ended; only what occurred.
    pub classes: Vec<(Outcome, u64)>,
    /// Bytes of requests.
    pub bytes_out: u64,
    /// Bytes of answers.
    pub bytes_in: u64,
    /// Connections opened.
    pub connections: u64,
    /// From the intended start to the end.
    pub latency: Spread,
    /// From the last byte of the request to the last of the answer.
    pub service: Spread,
    /// From the intended start to the moment the generator turned to it.
    pub lag: Spread,
    /// Why the times are void, if they are.
    pub late: Option<String>,
    /// Whether answers named the request they belong to.
    pub echo: Echo,
    /// Whether its threads ran before ordinary ones.
    pub priority: Priority,
    /// Somebody ended it early.
    pub interrupted: bool,
}

/// What latencies are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An open loop: from the intended start, whatever the answers do.
    Open,
    /// Clients that think: what they would have sent during a stall is not in it.
    PartlyOpen,
    /// A closed loop: for comparison only.
    Closed,
}

/// Whether answers carried `X-Changeover-Id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// All good answers did.
    Checked,
    /// None did: that answers belong to their questions was not checked.
    Absent,
}

/// How the threads of the generator were scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before ordinary threads (`SCHED_FIFO`).
    First,
    /// As everybody.
    Ordinary,
}

/// Durations in nanoseconds; `None` where there are too few to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// The shortest.
    pub min: Option<Nanos>,
    /// Their mean.
    pub mean: Option<Nanos>,
    /// A percentile, of which at least 10 samples are worse.
    pub p50: Option<Nanos>,
    /// See `p50`.
    pub p90: Option<Nanos>,
    /// See `p50`.
    pub p99: Option<Nanos>,
    /// See `p50`.
    pub p999: Option<Nanos>,
    /// See `p50`.
    pub p9999: Option<Nanos>,
    /// The longest.
    pub max: Option<Nanos>,
}

/// What there is to say of all requests together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadVerdict {
    /// Nothing was lost, nothing was wrong, everything planned was sent in time.
    Sound,
    /// Attempts were lost, or answered wrongly.
    Lost {
        /// Of which no complete answer came.
        lost: u64,
        /// Answered wrongly.
        corrupt: u64,
    },
    /// Nothing was found, and that says nothing; why.
    Void(String),
}

impl LoadResult {
    /// Attempts whose end is the doing of this party.
    pub fn blamed(&self, blame: Blame) -> u64 {
        self.classes.iter().filter(|(class, _)| class.blame() == blame).map(|(_, count)| count).sum()
    }

    /// A loss is a loss however late the generator was; no loss in what was not sent is nothing.
    pub fn verdict(&self) -> LoadVerdict {
        let (lost, corrupt) = (self.blamed(Blame::Lost), self.blamed(Blame::Corrupt));
        let unseen = self.blamed(Blame::Generator);
        match () {
            () if lost + corrupt > 0 => LoadVerdict::Lost { lost, corrupt },
            () if self.sent == 0 => LoadVerdict::Void("nothing was sent".into()),
            () if self.unsent > 0 => {
                LoadVerdict::Void(format!("{} requests were planned and not sent", self.unsent))
            }
            () if unseen > 0 => LoadVerdict::Void(format!("how {unseen} requests ended was not seen")),
            () => match &self.late {
                Some(why) => LoadVerdict::Void(why.clone()),
                None => LoadVerdict::Sound,
            },
        }
    }

    /// Attempts a second.
    pub fn achieved(&self) -> f64 {
        self.sent as f64 / self.lasted.as_secs_f64().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn a_loss_counts_before_a_generator_that_did_not_do_its_part() {
        let sound = example::load();
        assert_eq!(sound.verdict(), LoadVerdict::Sound);
        let late = LoadResult { late: Some("late".into()), ..sound.clone() };
        assert_eq!(late.verdict(), LoadVerdict::Void("late".into()));
        let unsent = LoadResult { unsent: 2, ..sound.clone() };
        assert!(matches!(unsent.verdict(), LoadVerdict::Void(why) if why.starts_with("2 requests")));
        let unseen = LoadResult { classes: vec![(Outcome::GeneratorFault, 1)], ..sound.clone() };
        assert!(matches!(unseen.verdict(), LoadVerdict::Void(_)));
        let nothing = LoadResult { sent: 0, ..sound.clone() };
        assert!(matches!(nothing.verdict(), LoadVerdict::Void(_)));
        let lost = LoadResult { classes: vec![(Outcome::Refused, 3), (Outcome::WrongId, 1)], ..late };
        assert_eq!(lost.verdict(), LoadVerdict::Lost { lost: 3, corrupt: 1 });
    }
}
