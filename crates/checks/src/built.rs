//! Hand-made histories for tests: a good upgrade, and small changes of it.

use std::collections::BTreeMap;

use facts::{
    Event, Expression, Generation, History, Moment, Nanos, Outcome, Plan, Record, Role, Stamped, Verdict,
    event::{Ending, PidFile, Seen, View},
    expression::{Argument, Function, Operator, Value},
    journal::Entry,
    plan::{
        Action, Begins, Behaviour, Case, Claim, Expectation, Launch, Method, Origin, Pace, Place, Population,
        Signal, Step, Target,
    },
};

use crate::judge;

pub(crate) const PASS: &str = "pass";
pub(crate) const UNKNOWN: &str = "unknown";
pub(crate) const FAIL: &str = "fail";

/// One millisecond.
const MS: Nanos = 1_000_000;

/// A plan with the history of one run of it.
#[derive(Clone)]
pub(crate) struct Built {
    pub(crate) plan: Plan,
    pub(crate) history: History,
}

/// The verdict of one named check on a history.
#[track_caller]
pub(crate) fn check(name: &str, built: Built, expected: &str) {
    let claim = Claim::Check(name.into());
    built.expect(Expectation { place: None, text: name.into(), claim }, expected);
}

/// The arguments that name one phase.
pub(crate) fn in_phase(phase: u8) -> Vec<Argument> {
    vec![Argument::Phases { first: phase, last: phase }]
}

/// No run at all.
impl Default for Built {
    fn default() -> Built {
        Built { plan: plan(), history: History::default() }
    }
}

impl Built {
    /// 290 requests, 10 ms apart, on connections of their own, while generation 2 replaces generation 1.
    pub(crate) fn good() -> Built {
        let mut built = Built::default();
        built.history.records = (1..290).map(record).collect();
        // Both origins kept a journal and were sent nothing.
        built.history.journals = vec![("blue".into(), vec![]), ("green".into(), vec![])];
        for (at_ms, event) in good_events() {
            built = built.then(at_ms, event);
        }
        built
    }

    /// With one more event at the end.
    pub(crate) fn then(mut self, at_ms: u64, event: Event) -> Built {
        let number = self.history.events.len() as u64;
        self.history.events.push(Stamped { number, at: Moment::exact(at_ms * MS), event });
        self
    }

    /// With one more event where it belongs.
    pub(crate) fn inserted(mut self, at_ms: u64, event: Event) -> Built {
        let position = self.history.events.iter().take_while(|line| line.at.latest <= at_ms * MS).count();
        self.history.events.insert(position, Stamped { number: 0, at: Moment::exact(at_ms * MS), event });
        self.renumbered()
    }

    /// With one more event, which happened somewhere between two instants.
    pub(crate) fn inserted_between(self, earliest_ms: u64, latest_ms: u64, event: Event) -> Built {
        let mut built = self.inserted(latest_ms, event.clone());
        let line = built.history.events.iter_mut().rfind(|line| line.event == event);
        if let Some(line) = line {
            line.at.earliest = earliest_ms * MS;
        }
        built
    }

    /// Without some events; the log has no gap.
    pub(crate) fn without(mut self, unwanted: impl Fn(&Event) -> bool) -> Built {
        self.history.events.retain(|line| !unwanted(&line.event));
        self.renumbered()
    }

    /// Every event changed in place.
    pub(crate) fn amend(&mut self, change: impl Fn(&mut Event)) {
        self.history.events.iter_mut().for_each(|line| change(&mut line.event));
    }

    /// With another outcome of the request with this id.
    pub(crate) fn outcome(self, id: u64, outcome: Outcome) -> Built {
        self.outcomes(|record| record.id == id, outcome)
    }

    /// With another outcome of some requests, none of them answered.
    pub(crate) fn outcomes(mut self, which: impl Fn(&Record) -> bool, outcome: Outcome) -> Built {
        for record in self.history.records.iter_mut().filter(|record| which(record)) {
            record.outcome = outcome as u8;
            (record.server_pid, record.generation, record.bytes_in, record.status) = (0, 0, 0, 0);
        }
        self
    }

    /// With some requests answered by the worker of a generation.
    pub(crate) fn answered_by(mut self, generation: u16, which: impl Fn(&Record) -> bool) -> Built {
        for record in self.history.records.iter_mut().filter(|record| which(record)) {
            (record.generation, record.server_pid) = (generation, u32::from(generation) * 10 + 1);
        }
        self
    }

    /// With a generation in the answers that is not the one of who answered; 0: the answer does not say.
    pub(crate) fn claiming(mut self, of: impl Fn(&Record) -> u16) -> Built {
        self.history.records.iter_mut().for_each(|record| record.generation = of(record));
        self
    }

    /// With some requests answered by another process.
    pub(crate) fn answered_by_pid(mut self, pid: u32, which: impl Fn(&Record) -> bool) -> Built {
        let answered = self.history.records.iter_mut().filter(|record| which(record));
        answered.for_each(|record| record.server_pid = pid);
        self
    }

    /// With one more question of the scenario: is `function(arguments)` zero?
    pub(crate) fn asking(mut self, function: Function, arguments: &[Argument]) -> Built {
        self.plan.expectations.push(asked(function, arguments, Operator::Equal, Value::Number(0.0)));
        self
    }

    /// With an execution in a journal.
    pub(crate) fn executed(mut self, journal: &str, id: u64) -> Built {
        let entry = Entry { id, started: 1, answered: 2, pid: 7, status: 200, repeats: 0 };
        self.history.journals.push((journal.into(), vec![entry]));
        self
    }

    /// With a process ended at another time and in another way.
    pub(crate) fn ended(self, wanted: u32, at_ms: u64, ending: Ending) -> Built {
        let generation = 1;
        self.without(|e| matches!(e, Event::ProcessEnded { pid, .. } if *pid == wanted)).inserted(
            at_ms,
            Event::ProcessEnded { target: "web".into(), pid: wanted, generation, role: Role::Master, ending },
        )
    }

    /// With a generator that was late in a phase.
    pub(crate) fn lag(mut self, wanted: u8, p999: Nanos, max: Nanos) -> Built {
        self.amend(|event| {
            if let Event::GeneratorLag { phase, p999_ns, max_ns, .. } = event
                && *phase == wanted
            {
                (*p999_ns, *max_ns) = (p999, max);
            }
        });
        self
    }

    /// The verdict on `function(arguments) operator value`.
    #[track_caller]
    pub(crate) fn holds(
        &self,
        function: Function,
        arguments: &[Argument],
        operator: Operator,
        value: Value,
        expected: &str,
    ) {
        self.expect(asked(function, arguments, operator, value), expected);
    }

    /// The verdict on one claim.
    #[track_caller]
    pub(crate) fn claim(&self, claim: Claim, expected: &str) {
        self.expect(Expectation { place: None, text: "it".into(), claim }, expected);
    }

    /// The verdict on one expectation beside those that the plan has.
    #[track_caller]
    fn expect(&self, expectation: Expectation, expected: &str) {
        let mut plan = self.plan.clone();
        plan.expectations.push(expectation);
        let verdict = judge(&plan, &self.history).verdicts.pop().expect("one was asked for").verdict;
        let got = match &verdict {
            Verdict::Pass { .. } => PASS,
            Verdict::Unknown { .. } => UNKNOWN,
            Verdict::Fail { .. } => FAIL,
        };
        assert_eq!(got, expected, "{verdict:?}");
    }

    fn renumbered(mut self) -> Built {
        self.history.events.iter_mut().zip(0..).for_each(|(line, number)| line.number = number);
        self
    }
}

/// The expectation `function(arguments) operator value`.
fn asked(function: Function, arguments: &[Argument], operator: Operator, value: Value) -> Expectation {
    let call = Expression::Call { function, arguments: arguments.to_vec() };
    let (left, right) = (Box::new(call), Box::new(Expression::Literal(value)));
    let claim = Claim::Holds(Expression::Binary { operator, left, right });
    Expectation { place: None, text: "it".into(), claim }
}

/// Request number `id`, meant to start at `id` times 10 ms and answered after 1 ms.
fn record(id: u64) -> Record {
    let at_ms = id * 10;
    let phase = [1000, 2000].iter().filter(|begin| at_ms >= **begin).count() as u8;
    let generation = if at_ms < 1500 { 1 } else { 2 };
    Record {
        id,
        intended: at_ms * MS,
        connected: 1,
        sent: 2,
        first_byte: 9_000,
        done: 10_000,
        connection: id as u32,
        bytes_out: 100,
        bytes_in: 200,
        server_pid: if generation == 1 { 11 } else { 21 },
        sequence: 0,
        local_port: 0,
        generation,
        status: 200,
        outcome: Outcome::Ok as u8,
        errno: 0,
        population: 0,
        origin: 1,
        flags: 0,
        attempt: 1,
        phase_intended: phase,
        phase_done: phase,
    }
}

fn web() -> String {
    "web".into()
}

fn appeared(pid: u32, generation: Generation, role: Role) -> Event {
    Event::ProcessAppeared { target: web(), pid, parent: 1, generation, role, title: String::new() }
}

fn ended(pid: u32, role: Role) -> Event {
    Event::ProcessEnded { target: web(), pid, generation: 1, role, ending: Ending::Exited(0) }
}

fn file(name: &str, holds: PidFile) -> Event {
    Event::PidFileChanged { target: web(), file: name.into(), holds, live_master: true }
}

fn signal(signal: &str) -> Event {
    Event::SignalSent { target: web(), pid: 10, generation: 1, role: Role::Master, signal: signal.into() }
}

fn good_events() -> Vec<(u64, Event)> {
    let began = |phase: u8| Event::PhaseBegan { phase, name: plan().phases[usize::from(phase)].clone() };
    let lag = |phase| Event::GeneratorLag { phase, samples: 99, p999_ns: MS, max_ns: 2 * MS };
    let seen = |pid, role| Seen { pid, parent: 1, generation: 2, role, orphan: false, fds: 9, rss_kib: 999 };
    let first = Seen { pid: 10, generation: 1, ..seen(10, Role::Master) };
    let ready = View { processes: vec![first], pid_file: PidFile::Names(10), old: 1, ..View::default() };
    let processes = vec![seen(20, Role::Master), seen(21, Role::Worker)];
    let view =
        View { processes, pid_file: PidFile::Names(20), old: 1, newest: 2, configured: 1, ..View::default() };
    vec![
        (0, Event::RunStarted { case: "c".into(), seed: 1, version: "0".into() }),
        (2, appeared(10, 1, Role::Master)),
        (2, appeared(11, 1, Role::Worker)),
        (5, file("pid", PidFile::Names(10))),
        (10, Event::TargetReady { target: web(), view: ready }),
        (10, began(0)),
        (10, Event::LoadStarted),
        (1000, began(1)),
        (1000, Event::StepBegan { step: 0, doing: "signal".into() }),
        (1000, signal("USR2")),
        (1000, Event::StepDone { step: 0 }),
        (1100, appeared(20, 2, Role::Master)),
        (1100, appeared(21, 2, Role::Worker)),
        (1200, file("pid", PidFile::Names(20))),
        (1210, file("pid.oldbin", PidFile::Names(10))),
        (1500, signal("WINCH")),
        (1600, ended(11, Role::Worker)),
        (1700, Event::StepBegan { step: 1, doing: "signal".into() }),
        (1700, signal("QUIT")),
        (1700, Event::StepDone { step: 1 }),
        (1990, file("pid.oldbin", PidFile::Absent)),
        (2000, ended(10, Role::Master)),
        (2000, began(2)),
        (2900, Event::LoadStopped { planned: 289, sent: 289, unsent: 0 }),
        (2900, lag(0)),
        (2900, lag(1)),
        (2900, lag(2)),
        (2900, Event::SelfCheck { hiccup_max_ns: 3 * MS, foreign_cpu: 0.0, steal: 0.0 }),
        (2990, Event::Settled { target: web(), view }),
        (3000, Event::RunEnded { interrupted: false }),
    ]
}

fn plan() -> Plan {
    let place = || Place { file: "a.toml".into(), line: 1, column: 1 };
    let step = |text: &str| Step {
        place: place(),
        id: None,
        phase: None,
        begins: Begins::AtOnce,
        when: None,
        may_fail: false,
        rescues: None,
        action: Action::Sleep { ms: 1 },
        text: text.into(),
    };
    Plan {
        schema: 1,
        case: Case { id: "c".into(), file: "a.toml".into(), title: "t".into(), tags: vec![] },
        seed: 1,
        deadline_ms: 10_000,
        minimum_samples: 1,
        targets: vec![target()],
        origins: vec![
            Origin { name: "blue".into(), faults: vec![] },
            Origin { name: "green".into(), faults: vec![] },
        ],
        phases: vec!["steady".into(), "upgrade".into(), "settled".into()],
        populations: vec![population()],
        steps: vec![step("signal web.old.master USR2"), step("signal web.old.master QUIT")],
        expectations: vec![],
        known_failure: None,
        must_fail: false,
        ..Plan::default()
    }
}

fn population() -> Population {
    Population {
        name: "users".into(),
        target: 0,
        behaviour: Behaviour::Short,
        pace: Pace::Constant { per_second: 100.0 },
        connections: 10,
        looks: false,
        method: Method::Get,
        path: "/".into(),
        body_bytes: 0,
        timeout_ms: 1000,
        ..Population::default()
    }
}

fn target() -> Target {
    Target {
        name: web(),
        kind: "reference".into(),
        install: String::new(),
        program: "changeoverd".into(),
        version: vec![],
        start: vec![],
        files: vec![],
        pid_file: "${directory}/pid".into(),
        oldbin: "${directory}/pid.oldbin".into(),
        log: String::new(),
        workers: 1,
        worker_title: String::new(),
        options: BTreeMap::new(),
        member: String::new(),
        member_down: String::new(),
        lists: BTreeMap::new(),
        method: String::new(),
        weights: BTreeMap::new(),
        promises: vec![],
        launch: Launch::Daemonises,
        environment: BTreeMap::new(),
        upgrade_signal: Some(Signal::Usr2),
        reload_signal: Some(Signal::Hup),
        failpoints: vec![],
        failpoint_program: String::new(),
        stop_signal: None,
        remains: vec![],
    }
}
