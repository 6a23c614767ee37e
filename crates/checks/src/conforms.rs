//! Whether every turn that the masters of a target took is one of the protocol: each is taken again by the code that
//! `simulator` explores, from what the master wrote down of it before it did anything.

use std::collections::BTreeSet;

use facts::{Event, History, Role, Stamped, Turns, Verdict, event::Ending, plan::FailpointAct};
use simulator::{Conformance, Divergence, End, Talk};

use crate::{
    Index,
    masters::{Master, masters},
};

/// The name of this check.
const NAME: &str = "conforms";
/// The act of a master that kills one which never gets ready.
const GIVES_UP: &str = "\"KillSuccessor\"";
/// Accepted turns that are shown before a divergence.
const SHOWN: usize = 5;

/// Every master of a target that says so left a whole log of its turns, each of them is one that the protocol takes, and no
/// message was heard that nobody sent.
pub(crate) fn conforms(index: &Index) -> Verdict {
    let promised = |promises: &[String]| promises.iter().any(|promise| promise == NAME);
    let any_promised = index.plan.targets.iter().any(|target| promised(&target.promises));
    let judged = index.plan.targets.iter().filter(|target| !any_promised || promised(&target.promises));
    Verdict::worst(judged.map(|target| of_target(index, &target.name)))
}

fn of_target(index: &Index, target: &str) -> Verdict {
    let logs = logs(index.history);
    let own: Vec<&Log> = logs.iter().filter(|log| log.turns.target == target).collect();
    let taken: usize = own.iter().map(|log| log.taken()).sum();
    let whole = match taken {
        0 => Verdict::unknown(format!("no master of {target} wrote down a turn")),
        _ => Verdict::pass(format!("{taken} turns of {} masters of {target}", own.len())),
    };
    let masters = masters(index, target);
    let logged = |pid: u32| own.iter().any(|log| log.turns.pid == pid);
    // Who launched a daemon is of its generation, and takes no turn.
    let has_log = |of: &Master| masters.iter().any(|m| m.generation == of.generation && logged(m.pid));
    let missing = masters.iter().filter(|master| !has_log(master) && is_known_to_have_turned(index, master));
    let missing = missing.map(|master| {
        Verdict::unknown(format!("master {} of generation {} left no log", master.pid, master.generation))
    });
    let each = own.iter().map(|log| log.verdict());
    Verdict::worst(each.chain(missing).chain(messages(&own)).chain([whole]))
}

/// A generation that never had workers may have been another program, or none yet.
fn is_known_to_have_turned(index: &Index, master: &Master) -> bool {
    index.history.events.iter().any(|line| match line.event {
        Event::ProcessAppeared { generation, role: Role::Worker, .. } => generation == master.generation,
        _ => false,
    })
}

/// What a master wrote down, and what that shows.
pub struct Log<'a> {
    turns: &'a Turns,
    end: End,
    shows: Conformance,
}

/// Every log of turns in a history, each judged by itself.
pub fn logs(history: &History) -> Vec<Log<'_>> {
    let killed: BTreeSet<u32> = history.events.iter().filter_map(killed).collect();
    let given_up = history.turns.iter().any(|turns| turns.text.contains(GIVES_UP));
    let unseen: BTreeSet<u32> = history.events.iter().filter_map(unseen).filter(|_| given_up).collect();
    let judged = history.turns.iter().map(|turns| {
        let was_killed = killed.contains(&turns.pid) || unseen.contains(&turns.pid);
        let end = if was_killed { End::Killed } else { End::ByItself };
        Log { turns, end, shows: simulator::conform(&turns.text, end) }
    });
    judged.collect()
}

/// Whether the masters of one target heard only what others of them said; nothing, if they did.
pub fn messages(logs: &[&Log]) -> Option<Verdict> {
    let talk = |log: &&Log| match &log.shows {
        Conformance::Conforms { talk, .. } => Some(talk.clone()),
        _ => None,
    };
    let talks: Vec<Talk> = logs.iter().filter_map(talk).collect();
    // Of what a log that is not whole does not hold any more, others may have heard.
    let lines = if talks.len() == logs.len() { simulator::unsaid(&talks) } else { Vec::new() };
    (!lines.is_empty()).then_some(Verdict::Fail { lines })
}

/// Processes that were kept from going on to their end: by a signal, or at a failpoint.
fn killed(line: &Stamped) -> Option<u32> {
    match &line.event {
        Event::ProcessEnded { pid, ending: Ending::Killed(_), .. } => Some(*pid),
        Event::SignalSent { pid, signal, .. } if signal == "KILL" => Some(*pid),
        Event::FailpointReached { pid, act: FailpointAct::Kill | FailpointAct::Exit, .. } => Some(*pid),
        _ => None,
    }
}

/// Masters whose end only their parent saw, which is a master that may have killed them.
fn unseen(line: &Stamped) -> Option<u32> {
    match &line.event {
        Event::ProcessEnded { pid, role: Role::Master, ending: Ending::Unknown, .. } => Some(*pid),
        _ => None,
    }
}

impl Log<'_> {
    /// Whose it is.
    pub fn target(&self) -> &str {
        &self.turns.target
    }

    /// What it shows by itself.
    pub fn verdict(&self) -> Verdict {
        let name = format!("master {} of {}", self.turns.pid, self.turns.target);
        match &self.shows {
            Conformance::Conforms { turns, .. } => Verdict::pass(format!("{name}: {turns} turns conform")),
            Conformance::Unknown { turns: 0, .. } if self.never_turned() => {
                Verdict::pass(format!("{name} was killed before its first turn"))
            }
            Conformance::Unknown { turns, why } => {
                Verdict::unknown(format!("{name}, after {turns} turns that conform: {why}"))
            }
            Conformance::Diverges(divergence) => Verdict::Fail { lines: told(&name, divergence) },
        }
    }

    /// How many turns it shows to be the protocol's.
    fn taken(&self) -> usize {
        match &self.shows {
            Conformance::Conforms { turns, .. } | Conformance::Unknown { turns, .. } => *turns,
            Conformance::Diverges(divergence) => divergence.accepted.len(),
        }
    }

    /// A killed master whose log holds what it began with, or not even that.
    fn never_turned(&self) -> bool {
        self.end == End::Killed && self.turns.text.lines().count() <= 1
    }
}

fn told(name: &str, divergence: &Divergence) -> Vec<String> {
    let Divergence { accepted, turn, allowed } = divergence;
    let mut lines = vec![format!("{name} diverges after {} turns that conform", accepted.len())];
    let from = accepted.len().saturating_sub(SHOWN);
    lines.extend(accepted[from..].iter().map(|turn| format!("accepted  {}", acts(&turn.acts))));
    lines.push(format!("found     {:?}", turn.woke));
    lines.push(format!("allowed   {}", acts(allowed)));
    lines.push(format!("seen      {}", acts(&turn.acts)));
    lines
}

fn acts(acts: &[String]) -> String {
    if acts.is_empty() { "nothing".to_owned() } else { acts.join(", ") }
}

#[cfg(test)]
mod tests {
    use facts::{Turns, event::Ending};
    use protocol::{
        master::{
            Limits, PeerMessage, Result as Outcome, State, Wakeup,
            recorded::{Began, Entry, Turned},
            step,
        },
        signals::{Signal, Signals},
        worker::Report,
    };

    use crate::built::{Built, FAIL, PASS, UNKNOWN, check};

    /// The log of a master with one worker: it gets ready, and what follows.
    fn log(generation: u32, old: Option<u32>, then: &[Wakeup]) -> Vec<String> {
        let starts = [
            Wakeup::default(),
            Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() },
            Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() },
            Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() },
        ];
        let mut state = State::new(generation, 1, old, Limits::default());
        let mut log = vec![Entry::Began(Began::with(&state))];
        for woke in starts.iter().chain(then) {
            let (next, effects) = step(&state, woke);
            log.push(Entry::Turned(Turned::new(woke, &effects)));
            state = next;
        }
        log.iter().map(|entry| serde_json::to_string(entry).expect("spells")).collect()
    }

    fn told(signal: Signal) -> Wakeup {
        Wakeup { signals: Signals::from_iter([signal]), ..Wakeup::default() }
    }

    /// Replaced by generation 2.
    fn old() -> Vec<String> {
        let spawned = Wakeup { results: vec![Outcome::SuccessorSpawned], ..Wakeup::default() };
        let ready = Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() };
        let empty = Wakeup { exits: vec![1], ..Wakeup::default() };
        log(1, None, &[told(Signal::Usr2), spawned, ready, told(Signal::Quit), empty])
    }

    /// Replaces generation 1, and stops.
    fn new() -> Vec<String> {
        let leaving = Wakeup { from_predecessor: vec![PeerMessage::Leaving], ..Wakeup::default() };
        let gone = Wakeup { predecessor_died: true, ..Wakeup::default() };
        let named = Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() };
        let empty = Wakeup { exits: vec![1], ..Wakeup::default() };
        log(2, Some(1), &[leaving, gone, named, told(Signal::Quit), empty])
    }

    fn logged(old: &[String], new: &[String]) -> Built {
        let turns = |pid, log: &[String]| Turns { target: "web".into(), pid, text: log.join("\n") };
        let mut built = Built::good();
        built.history.turns = vec![turns(10, old), turns(20, new)];
        built
    }

    #[test]
    fn an_upgrade_that_the_protocol_would_do_conforms() {
        check("conforms", logged(&old(), &new()), PASS);
    }

    #[test]
    fn an_act_that_was_changed_and_a_turn_that_is_missing_diverge() {
        let mut other = old();
        let at = other.iter().position(|line| line.contains("\"WriteOldBin\"")).expect("it writes one");
        other[at] = other[at].replace("\"WriteOldBin\"", "\"RemoveOldBin\"");
        check("conforms", logged(&other, &new()), FAIL);
        let mut shorter = new();
        shorter.remove(3);
        check("conforms", logged(&old(), &shorter), FAIL);
    }

    #[test]
    fn what_is_not_there_shows_nothing() {
        check("conforms", Built::good(), UNKNOWN);
        check("conforms", logged(&[], &new()), UNKNOWN);
        check("conforms", logged(&old()[..9], &new()), UNKNOWN);
        let mut one = logged(&old(), &new());
        one.history.turns.pop();
        check("conforms", one, UNKNOWN);
    }

    #[test]
    fn the_log_of_a_killed_master_may_end_anywhere() {
        let killed = |log: &[String]| logged(log, &new()).ended(10, 2000, Ending::Killed(9));
        check("conforms", killed(&old()[..9]), PASS);
        let alone = |log: &[String]| {
            let mut built = killed(log);
            built.history.turns.pop();
            built.without(|event| matches!(event, facts::Event::ProcessAppeared { pid: 20 | 21, .. }))
        };
        check("conforms", alone(&old()[..9]), PASS);
        check("conforms", alone(&old()[..1]), UNKNOWN);
    }

    #[test]
    fn a_master_that_its_predecessor_gave_up_may_have_ended_anywhere() {
        let own_end = |built: Built| built.ended(20, 2500, Ending::Unknown);
        check("conforms", own_end(logged(&old(), &new()[..6])), UNKNOWN);
        let spawned = Wakeup { results: vec![Outcome::SuccessorSpawned], ..Wakeup::default() };
        let late = Wakeup { elapsed_ms: 60_000, ..Wakeup::default() };
        let gone = Wakeup { successor_died: true, ..Wakeup::default() };
        let empty = Wakeup { exits: vec![1], ..Wakeup::default() };
        let gives_up =
            log(1, None, &[told(Signal::Usr2), spawned, late.clone(), gone, late, told(Signal::Quit), empty]);
        assert!(gives_up.iter().any(|line| line.contains(super::GIVES_UP)));
        check("conforms", own_end(logged(&gives_up, &new()[..3])), PASS);
    }

    #[test]
    fn a_message_that_nobody_sent_was_not_heard() {
        // The old one was stopped before it said that it leaves, and the new one knows all the same.
        check("conforms", logged(&old()[..8], &new()).ended(10, 2000, Ending::Killed(9)), FAIL);
    }
}
