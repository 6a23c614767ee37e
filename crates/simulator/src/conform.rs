//! Whether what a real master wrote down of its turns is a behaviour of the protocol: each turn is taken again by the code that
//! the model explores, from the state that the turns before it lead to.

use protocol::master::{
    State,
    recorded::{Began, Entry, Turned},
    step,
};

use crate::talk::Talk;

/// What a log of turns shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conformance {
    /// Every turn is the protocol's, to the last.
    Conforms {
        /// Turns in all.
        turns: usize,
        /// What it said to other masters, and heard of them.
        talk: Talk,
    },
    /// What is there is the protocol's, but it is not all.
    Unknown {
        /// Turns in all.
        turns: usize,
        /// What is missing.
        why: String,
    },
    /// A turn is not one that the protocol takes.
    Diverges(Box<Divergence>),
}

/// Where a log and the protocol part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The longest prefix that the protocol accepts, in turns.
    pub accepted: Vec<Turned>,
    /// What the master found next.
    pub turn: Turned,
    /// What it was allowed to do about that.
    pub allowed: Vec<String>,
}

/// How the process ended whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As far as anybody knows by itself: its last turn says so, or the log is not whole.
    ByItself,
    /// Somebody saw that it was killed: the log may end anywhere.
    Killed,
}

/// Takes every turn of a log again. One line, one entry; the first says what the master began with.
pub fn conform(log: &str, end: End) -> Conformance {
    let mut lines = log.lines();
    let Some(first) = lines.next() else { return unknown(0, "the log is empty") };
    let Some(Entry::Began(began)) = entry(first) else {
        return unknown(0, "the log does not begin with what the master began with");
    };
    let mut replay = Replay::new(&began);
    for line in lines {
        match entry(line) {
            Some(Entry::Turned(turn)) => {
                if let Err(divergence) = replay.take(turn) {
                    return Conformance::Diverges(divergence);
                }
            }
            _ => return unknown(replay.accepted.len(), "what follows is no turn: the log is torn"),
        }
    }
    replay.conclude(end)
}

struct Replay {
    state: State,
    accepted: Vec<Turned>,
    talk: Talk,
}

impl Replay {
    fn new(began: &Began) -> Replay {
        Replay { state: began.state(), accepted: Vec::new(), talk: Talk::of(began.generation) }
    }

    fn take(&mut self, turn: Turned) -> Result<(), Box<Divergence>> {
        let (state, effects) = step(&self.state, &turn.woke);
        let allowed = Turned::new(&turn.woke, &effects).acts;
        if allowed != turn.acts {
            let accepted = std::mem::take(&mut self.accepted);
            return Err(Box::new(Divergence { accepted, turn, allowed }));
        }
        self.talk.take(&self.state, &turn.woke, &effects);
        self.state = state;
        self.accepted.push(turn);
        Ok(())
    }

    fn conclude(self, end: End) -> Conformance {
        let turns = self.accepted.len();
        let last = self.accepted.last().and_then(|turn| turn.acts.last());
        match (end, last.is_some_and(|act| act.starts_with("Exit("))) {
            (_, true) | (End::Killed, false) if turns > 0 => Conformance::Conforms { turns, talk: self.talk },
            _ => unknown(
                turns,
                "the log is truncated: its master neither exits in it nor was seen to be killed",
            ),
        }
    }
}

fn entry(line: &str) -> Option<Entry> {
    serde_json::from_str(line).ok()
}

fn unknown(turns: usize, why: &str) -> Conformance {
    Conformance::Unknown { turns, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use protocol::{
        master::{Limits, PeerMessage, Result as Outcome, Wakeup},
        signals::{Signal, Signals},
        worker::Report,
    };

    use super::*;

    /// The log of a master that starts, is told to QUIT, and ends.
    fn log() -> Vec<String> {
        let state = State::new(1, 1, None, Limits::default());
        let wakeups = [
            Wakeup::default(),
            Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() },
            Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() },
            Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() },
            Wakeup { signals: Signals::from_iter([Signal::Quit, Signal::Usr1]), ..Wakeup::default() },
            Wakeup { exits: vec![1], elapsed_ms: 7, ..Wakeup::default() },
        ];
        let mut lines = vec![Entry::Began(Began::with(&state))];
        let mut state = state;
        for woke in wakeups {
            let (next, effects) = step(&state, &woke);
            lines.push(Entry::Turned(Turned::new(&woke, &effects)));
            state = next;
        }
        lines.iter().map(|line| serde_json::to_string(line).expect("spells")).collect()
    }

    fn check(lines: &[String], end: End, expected: &str) {
        let found = match conform(&lines.join("\n"), end) {
            Conformance::Conforms { turns, .. } => format!("conforms, {turns} turns"),
            Conformance::Unknown { turns, why } => format!("unknown after {turns} turns: {why}"),
            Conformance::Diverges(found) => {
                let Divergence { accepted, turn, allowed } = *found;
                format!("after {} turns {:?} instead of {allowed:?}", accepted.len(), turn.acts)
            }
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_protocol_did_conforms() {
        check(&log(), End::ByItself, "conforms, 6 turns");
    }

    #[test]
    fn an_empty_a_torn_and_a_truncated_log_are_unknown_and_that_of_a_killed_master_is_not() {
        check(&[], End::ByItself, "unknown after 0 turns: the log is empty");
        check(&[], End::Killed, "unknown after 0 turns: the log is empty");
        let truncated = "the log is truncated: its master neither exits in it nor was seen to be killed";
        check(&log()[..1], End::Killed, &format!("unknown after 0 turns: {truncated}"));
        check(&log()[..4], End::ByItself, &format!("unknown after 3 turns: {truncated}"));
        check(&log()[..4], End::Killed, "conforms, 3 turns");
        check(
            &log()[1..],
            End::ByItself,
            "unknown after 0 turns: the log does not begin with what the master began with",
        );
        let mut torn = log();
        torn[3].truncate(20);
        check(&torn, End::ByItself, "unknown after 2 turns: what follows is no turn: the log is torn");
    }

    #[test]
    fn planted_divergences_are_found_where_they_are() {
        let mut acts = log();
        acts[4] = acts[4].replace("\"AnnounceStart\"", "\"RemovePidFile\"");
        let (kept, last) = ("Say(Serving(1))", "RemoveOldBin");
        check(
            &acts,
            End::ByItself,
            &format!(
                "after 3 turns [{kept:?}, \"RemovePidFile\", {last:?}] instead of [{kept:?}, \"AnnounceStart\", {last:?}]"
            ),
        );
        // A turn that was never taken, and one that is taken twice.
        let mut missing = log();
        missing.remove(2);
        assert!(matches!(conform(&missing.join("\n"), End::ByItself), Conformance::Diverges(_)));
        let mut twice = log();
        twice.insert(1, twice[1].clone());
        assert!(matches!(conform(&twice.join("\n"), End::ByItself), Conformance::Diverges(_)));
        let stranger = Turned {
            woke: Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() },
            acts: vec!["WriteOldBin".into()],
        };
        let mut foreign = log();
        foreign.insert(5, serde_json::to_string(&Entry::Turned(stranger)).expect("spells"));
        check(&foreign, End::ByItself, "after 4 turns [\"WriteOldBin\"] instead of []");
    }
}
