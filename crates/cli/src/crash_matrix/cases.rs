//! The cases: which process fails at which instant of which sequence, and how; and each as the text of a scenario.

use std::collections::BTreeMap;

use facts::{
    Event, History, Role,
    plan::{Born, FailpointAct},
    seed,
};

/// What an operator does to the server.
pub(super) struct Sequence {
    pub(super) name: &'static str,
    steps: &'static str,
    pub(super) hands: &'static [Hand],
}

/// Who of it fails.
pub(super) struct Hand {
    pub(super) name: &'static str,
    /// As a scenario writes it.
    to: &'static str,
    role: Role,
    /// As the server numbers it.
    generation: u32,
    born: Option<Born>,
    /// When an operator who waits for the sequence to get on need not wait any longer.
    gives_up: Option<&'static str>,
}

const HEAD: &str = include_str!("head.toml");
const TAIL: &str = include_str!("tail.toml");

const NO_MASTER: &str = "alive(web.any.master) == 0";
const NEW_DIED: &str = "fired(web) > 0 && alive(web.new.master) == 0";
/// Of a reload: whether it fails with whoever died or not.
const SOMEBODY_DIED: &str = "fired(web) > 0";

const OLD_MASTER: Hand = Hand {
    name: "old-master",
    to: "web.old.master",
    role: Role::Master,
    generation: 1,
    born: None,
    gives_up: Some(NO_MASTER),
};
const NEW_MASTER: Hand = Hand {
    name: "new-master",
    to: "web.new.master",
    role: Role::Master,
    generation: 2,
    born: None,
    gives_up: Some(NEW_DIED),
};
const OLD_WORKER: Hand = Hand {
    name: "old-worker",
    to: "web.old.workers",
    role: Role::Worker,
    generation: 1,
    born: Some(Born::Before),
    gives_up: None,
};
const NEW_WORKER: Hand = Hand {
    name: "new-worker",
    to: "web.new.workers",
    role: Role::Worker,
    generation: 2,
    born: None,
    gives_up: Some(NEW_DIED),
};
/// A worker of the old generation that came back.
const REVIVED_WORKER: Hand = Hand {
    name: "revived-worker",
    to: "web.old.workers",
    role: Role::Worker,
    generation: 1,
    born: Some(Born::After),
    gives_up: None,
};

/// What is done to a server: an upgrade, a reload, an upgrade that is taken back.
pub(super) const SEQUENCES: &[Sequence] = &[
    Sequence {
        name: "upgrade",
        steps: include_str!("upgrade.toml"),
        hands: &[OLD_MASTER, NEW_MASTER, OLD_WORKER, NEW_WORKER],
    },
    Sequence {
        name: "reload",
        steps: include_str!("reload.toml"),
        hands: &[
            Hand { name: "master", ..OLD_MASTER },
            Hand { gives_up: Some(SOMEBODY_DIED), ..OLD_WORKER },
            Hand { name: "new-worker", gives_up: Some(SOMEBODY_DIED), ..REVIVED_WORKER },
        ],
    },
    Sequence {
        name: "rollback",
        steps: include_str!("rollback.toml"),
        hands: &[OLD_MASTER, NEW_MASTER, OLD_WORKER, NEW_WORKER, REVIVED_WORKER],
    },
];

const ACTS: [FailpointAct; 3] = [FailpointAct::Kill, FailpointAct::Stop, FailpointAct::Exit];

/// What can be in the hands of one worker: of the kept connections all, with one request each, and of 120 in a second that come
/// and go, each for about a millisecond, no more than these.
const IN_HANDS: Hands = Hands { kept: 12, fresh: 4 };
const NOTHING: Hands = Hands { kept: 0, fresh: 0 };

/// How many requests a process has in its hands at most.
#[derive(Clone, Copy)]
struct Hands {
    kept: u32,
    fresh: u32,
}

/// A stop lasts three seconds, and may begin as late as the sequence ends.
const OUTLASTS_A_STOP: &str = "3500ms";

/// One cell of the matrix.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) sequence: &'static Sequence,
    pub(super) hand: &'static Hand,
    /// `tell-drain.before`
    pub(super) point: String,
    /// The how manieth time that it comes there.
    pub(super) nth: u32,
    pub(super) act: FailpointAct,
}

impl Case {
    /// `upgrade/old-master/tell-drain.before/kill`; `…/tell-drain.before.2/kill` when it comes there again.
    pub(super) fn name(&self) -> String {
        format!("{}/{}/{}/{}", self.sequence.name, self.hand.name, self.place(), self.act.name())
    }

    fn place(&self) -> String {
        if self.nth == 1 { self.point.clone() } else { format!("{}.{}", self.point, self.nth) }
    }

    /// As the server lists it: `master.tell-drain.before`
    pub(super) fn instant(&self) -> String {
        let role = if self.hand.role == Role::Master { "master" } else { "worker" };
        format!("{role}.{}", self.point)
    }

    /// The scenario of this case.
    pub(super) fn text(&self) -> String {
        let Hand { to, born, gives_up, role, .. } = *self.hand;
        let born = match born {
            None => "",
            Some(Born::Before) => ", born = \"before\"",
            Some(Born::After) => ", born = \"after\"",
        };
        let (point, act, nth) = (&self.point, self.act.name(), self.nth);
        let armed = format!("to = \"{to}\", point = \"{point}\", act = \"{act}\", nth = {nth}{born}");
        // Who only stops goes on.
        let stops = self.act == FailpointAct::Stop;
        let hands = if role == Role::Worker && !stops { IN_HANDS } else { NOTHING };
        let name = format!("{}: {} at {} ({act})", self.sequence.name, self.hand.name, self.place());
        filled(self.sequence, &name, &armed, gives_up.filter(|_| !stops), hands)
            .replace("@SETTLED@", if stops { OUTLASTS_A_STOP } else { "1s" })
    }
}

/// The sequence with nobody failing, and every instant noted that somebody reaches.
pub(super) fn undisturbed(sequence: &Sequence) -> String {
    let armed = "to = \"web.any.*\", point = \"*\", act = \"note\"";
    let text = filled(sequence, &format!("{}, undisturbed", sequence.name), armed, None, NOTHING)
        .replace("@SETTLED@", "1s");
    text.replace("reached = ['fired(web) == 1']\n", "")
}

fn filled(sequence: &Sequence, name: &str, armed: &str, gives_up: Option<&str>, hands: Hands) -> String {
    let done = if sequence.name == "reload" { "reloaded(web)" } else { "ready(web.new)" };
    let ready = gives_up.map_or(done.to_owned(), |gives_up| format!("{done} || ({gives_up})"));
    // Steps are keys of the whole file: before the first table.
    let (keys, tables) = HEAD.split_at(HEAD.find("\n[").unwrap_or(HEAD.len()));
    [keys, "\n", sequence.steps, TAIL, tables]
        .concat()
        .replace("@NAME@", name)
        .replace("@ARMED@", armed)
        .replace("@READY@", &ready)
        .replace("@KEPT@", &hands.kept.to_string())
        .replace("@FRESH@", &hands.fresh.to_string())
}

/// All cases whose instant a process reached while nobody failed, each time that it did.
pub(super) fn reached(sequence: &'static Sequence, history: &History) -> Vec<Case> {
    let there = there_before(history);
    let mut cases = Vec::new();
    for hand in sequence.hands {
        for (point, times) in times(hand, history, &there) {
            let of = |nth| ACTS.map(|act| Case { sequence, hand, point: point.to_owned(), nth, act });
            cases.extend((1..=times).flat_map(of));
        }
    }
    cases
}

/// How often each instant was reached by the process that reached it most often: each counts for itself.
fn times<'a>(hand: &Hand, history: &'a History, there: &[u32]) -> BTreeMap<&'a str, u32> {
    let mut by_process: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for line in &history.events {
        match &line.event {
            Event::FailpointReached { pid, generation, role, point, .. }
                if hand.is_meant(*role, *generation, there.contains(pid)) =>
            {
                *by_process.entry((point, *pid)).or_default() += 1;
            }
            _ => {}
        }
    }
    let mut most: BTreeMap<&str, u32> = BTreeMap::new();
    for ((point, _), times) in by_process {
        let known = most.entry(point).or_default();
        *known = times.max(*known);
    }
    most
}

impl Hand {
    fn is_meant(&self, role: Role, generation: u32, was_there: bool) -> bool {
        let age = match self.born {
            None => true,
            Some(Born::Before) => was_there,
            Some(Born::After) => !was_there,
        };
        (self.role, self.generation) == (role, generation) && age
    }
}

/// Who lived when the target was ready, which is before anything was armed.
fn there_before(history: &History) -> Vec<u32> {
    let ready = history.events.iter().find_map(|line| match &line.event {
        Event::TargetReady { view, .. } => Some(view),
        _ => None,
    });
    ready.into_iter().flat_map(|view| view.processes.iter().map(|process| process.pid)).collect()
}

/// So many of them, by the seed: each has the same lot whatever else there is.
pub(super) fn sample(mut cases: Vec<Case>, how_many: usize, seed: u64) -> Vec<Case> {
    cases.sort_by_key(|case| seed::derive(seed, &[&case.name()]));
    cases.truncate(how_many);
    cases
}

#[cfg(test)]
mod tests {
    use facts::{
        Moment, Stamped,
        event::{Seen, View},
        plan::Action,
    };

    use super::*;
    use crate::catalogue::Catalogue;

    const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");

    fn case(sequence: usize, hand: usize, act: FailpointAct) -> Case {
        let sequence = &SEQUENCES[sequence];
        Case { sequence, hand: &sequence.hands[hand], point: "exit.before".into(), nth: 1, act }
    }

    #[test]
    fn every_case_is_a_scenario_that_arms_its_failpoint_and_is_void_without_it() {
        let catalogue = Catalogue::open(Some(SCENARIOS.as_ref())).expect("the shelf");
        for (number, sequence) in SEQUENCES.iter().enumerate() {
            for (hand, _) in sequence.hands.iter().enumerate() {
                for act in ACTS {
                    let case = case(number, hand, act);
                    let plans = catalogue.load_text("x.toml", &case.text());
                    let plan = plans.map_err(|why| why.tell()).expect("a sound scenario").remove(0);
                    let Action::Failpoint(armed) = &plan.steps[1].action else { panic!("{}", case.text()) };
                    assert_eq!((armed.act, armed.born, armed.nth), (act, case.hand.born, 1));
                    assert!(plan.expectations.iter().any(|line| line.text == crate::crash_matrix::REACHED));
                }
            }
            let plans = catalogue.load_text("x.toml", &undisturbed(sequence));
            let plan = plans.map_err(|why| why.tell()).expect("a sound scenario").remove(0);
            assert!(plan.expectations.iter().all(|line| line.text != crate::crash_matrix::REACHED));
        }
    }

    #[test]
    fn only_a_worker_that_dies_takes_something_with_it() {
        let hands = |hand, act| case(0, hand, act).text().contains("killed_with_process(kept) <= 12 ");
        assert!(hands(2, FailpointAct::Kill) && hands(2, FailpointAct::Exit));
        assert!(!hands(2, FailpointAct::Stop) && !hands(0, FailpointAct::Kill));
    }

    #[test]
    fn what_is_reached_undisturbed_is_told_apart_by_process_and_age() {
        let at = Moment { earliest: 0, latest: 0 };
        let there = Seen {
            pid: 11,
            parent: 10,
            generation: 1,
            role: Role::Worker,
            orphan: false,
            fds: 0,
            rss_kib: 0,
        };
        let view = View { processes: vec![there], ..View::default() };
        let reached_by = |pid, role, point: &str| Event::FailpointReached {
            target: "web".into(),
            pid,
            generation: 1,
            role,
            point: point.into(),
            act: FailpointAct::Note,
        };
        let events = [
            Event::TargetReady { target: "web".into(), view },
            reached_by(10, Role::Master, "say.before"),
            reached_by(10, Role::Master, "say.before"),
            reached_by(11, Role::Worker, "exit.before"),
            reached_by(12, Role::Worker, "report-prepared.after"),
        ];
        let events = events.into_iter().enumerate();
        let events = events.map(|(number, event)| Stamped { number: number as u64, at, event }).collect();
        let history = History { events, ..History::default() };
        let names: Vec<String> = reached(&SEQUENCES[1], &history).iter().map(Case::name).collect();
        let acts = |hand_and_point: &str| {
            ["kill", "stop", "exit"].map(|act| format!("reload/{hand_and_point}/{act}"))
        };
        let expected = [
            "master/say.before",
            "master/say.before.2",
            "old-worker/exit.before",
            "new-worker/report-prepared.after",
        ];
        let expected = expected.map(acts).concat();
        assert_eq!(names, expected);
        let second = &reached(&SEQUENCES[1], &history)[3];
        assert_eq!((second.instant().as_str(), second.nth), ("master.say.before", 2));
        assert!(second.text().contains("nth = 2"));
    }

    #[test]
    fn a_sample_is_drawn_by_the_seed_alone() {
        let all: Vec<Case> = (0..4).flat_map(|hand| ACTS.map(|act| case(0, hand, act))).collect();
        let names =
            |seed, all: Vec<Case>| -> Vec<String> { sample(all, 5, seed).iter().map(Case::name).collect() };
        let reversed: Vec<Case> = all.iter().rev().cloned().collect();
        assert_eq!(names(1, all.clone()), names(1, reversed));
        assert_ne!(names(1, all.clone()), names(2, all));
    }
}
