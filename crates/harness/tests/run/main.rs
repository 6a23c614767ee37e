//! Whole runs against a server of one process: what the run directory says afterwards, and that nothing is left.

mod actions;
mod beside;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use facts::{Event, Expression, History, Plan, Role, event::Ending, expression::*, kernel::Extent, plan::*};

const FIXTURE: &str = env!("CARGO_BIN_EXE_harness-fixture");

struct Ran {
    result: Result<(), harness::Error>,
    history: History,
    directory: tempfile::TempDir,
}

impl Ran {
    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.history.events.iter().filter(|line| wanted(&line.event)).count()
    }

    fn leaks(&self) -> Vec<&str> {
        let leaks = self.history.events.iter().filter_map(|line| match &line.event {
            Event::Leaked { what } => Some(what.as_str()),
            _ => None,
        });
        leaks.collect()
    }

    /// What happened, in order, for those that `said` has a word for.
    fn story<'r>(&'r self, said: impl Fn(&'r Event) -> Option<String>) -> Vec<String> {
        self.history.events.iter().filter_map(|line| said(&line.event)).collect()
    }

    fn failure(&self) -> &str {
        let mut failures = self.history.events.iter().filter_map(|line| match &line.event {
            Event::StepFailed { why, .. } => Some(why.as_str()),
            _ => None,
        });
        failures.next().unwrap_or("no step failed")
    }
}

/// Runs the plan; afterwards nobody runs a program of its directory.
fn run(plan: &Plan, interrupted: bool) -> Ran {
    let directory = tempfile::tempdir().expect("a directory");
    let setup = harness::Setup {
        directory: directory.path().to_owned(),
        warden_program: FIXTURE.into(),
        programs: BTreeMap::from([("fixture".into(), FIXTURE.into())]),
        netns: harness::Netns::Auto,
        interrupted: Arc::new(AtomicBool::new(interrupted)),
    };
    let result = harness::run(plan, &setup);
    assert_eq!(users_of(directory.path()), Vec::<String>::new());
    let history = ledger::read_history(directory.path()).unwrap_or_default();
    Ran { result, history, directory }
}

fn users_of(directory: &Path) -> Vec<String> {
    let directory = directory.to_string_lossy().into_owned();
    let titles = fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| {
        Some(String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?).into_owned())
    });
    titles.filter(|title| title.contains(&directory)).collect()
}

fn plan(start: &[&str], steps: Vec<Action>) -> Plan {
    let case = Case { id: "test".into(), file: "test".into(), title: String::new(), tags: vec![] };
    let step = |action| Step {
        place: Place::default(),
        id: None,
        phase: None,
        begins: Begins::AtOnce,
        when: None,
        may_fail: false,
        rescues: None,
        action,
        text: "do".into(),
    };
    Plan {
        schema: 1,
        case,
        seed: 1,
        deadline_ms: 30_000,
        minimum_samples: 1,
        targets: vec![target(start)],
        origins: vec![],
        phases: vec!["steady".into()],
        populations: vec![population()],
        steps: steps.into_iter().map(step).collect(),
        expectations: vec![],
        known_failure: None,
        must_fail: false,
        ..Plan::default()
    }
}

fn target(start: &[&str]) -> Target {
    Target {
        name: "web".into(),
        kind: "fixture".into(),
        install: String::new(),
        program: "fixture".into(),
        version: vec![],
        start: start.iter().map(|argument| (*argument).to_owned()).collect(),
        files: vec![],
        pid_file: "${run}/server.pid".into(),
        oldbin: "${run}/server.pid.oldbin".into(),
        log: "${run}/error.log".into(),
        workers: 0,
        worker_title: "worker process".into(),
        options: BTreeMap::new(),
        member: String::new(),
        member_down: String::new(),
        weights: BTreeMap::new(),
        promises: vec![],
        upgrade_signal: Some(Signal::Usr2),
        reload_signal: Some(Signal::Hup),
        ..Target::default()
    }
}

fn population() -> Population {
    Population {
        name: "users".into(),
        target: 0,
        behaviour: Behaviour::Short,
        pace: Pace::Constant { per_second: 100.0 },
        connections: 8,
        looks: true,
        method: Method::Get,
        path: "/".into(),
        body_bytes: 0,
        timeout_ms: 2000,
        ..Population::default()
    }
}

const SERVE: &[&str] = &["${program}", "serve", "${address}", "${run}/server.pid"];

fn masters(generation: Which) -> Selector {
    Selector { target: 0, generation, members: Members::Master }
}

fn alive(generation: Which, is: f64) -> Expression {
    let arguments = vec![Argument::Processes(masters(generation))];
    let left = Box::new(Expression::Call { function: Function::Alive, arguments });
    let right = Box::new(Expression::Literal(Value::Number(is)));
    Expression::Binary { operator: Operator::Equal, left, right }
}

fn wait(holds: Expression, within_ms: u64) -> Action {
    Action::WaitUntil { condition: Condition { holds, within_ms, text: "as written".into() } }
}

#[test]
fn a_run_is_started_loaded_settled_and_stopped() {
    let ran = run(&plan(SERVE, vec![Action::Sleep { ms: 300 }]), false);
    ran.result.as_ref().expect("it ran");
    assert!(ran.history.is_sealed(), "{:#?}", ran.history.events);
    assert_eq!(ran.leaks(), Vec::<&str>::new());
    let view = ran.history.events.iter().find_map(|line| match &line.event {
        Event::Settled { view, .. } => Some(view.clone()),
        _ => None,
    });
    let view = view.expect("it settled");
    assert_eq!((view.answers, view.newest, view.processes.len()), (1, 1, 1));
    let Event::LoadStopped { sent, .. } = ran
        .history
        .events
        .iter()
        .map(|line| &line.event)
        .find(|e| matches!(e, Event::LoadStopped { .. }))
        .expect("load")
    else {
        unreachable!("found by its name")
    };
    assert!(*sent >= 25, "{sent} requests in 300 ms at 100/s");
    let ended = |e: &Event| {
        matches!(e, Event::ProcessEnded { role: Role::Master, ending: Ending::Exited(0), generation: 1, .. })
    };
    assert_eq!(ran.count(ended), 1);
    assert_eq!(
        ran.count(|e| matches!(e, Event::KernelCounted { .. })),
        2,
        "before the phase, after the load"
    );
    assert!(ran.directory.path().join("plan.json").exists());
    let log = std::fs::read_to_string(ran.directory.path().join("latency.hlog")).expect("latencies");
    assert!(log.contains("\nTag=users.steady,0.000,1.000,"), "{log}");
    assert_eq!(ran.count(|e| matches!(e, Event::GeneratorScheduled { .. })), 1);
}

#[test]
fn a_condition_that_does_not_come_true_fails_its_step_and_says_what_was_seen() {
    let steps = vec![wait(alive(Which::Old, 0.0), 50), Action::Kill { to: masters(Which::Old) }];
    let ran = run(&plan(SERVE, steps), false);
    ran.result.as_ref().expect("it ran");
    let why = ran.failure();
    assert!(
        why.starts_with("`as written` did not come true within 50ms; last seen: web: pid file "),
        "{why}"
    );
    assert_eq!(ran.count(|e| matches!(e, Event::SignalSent { signal, .. } if signal == "KILL")), 0);
    assert!(ran.history.is_sealed());
}

#[test]
fn a_selector_that_matches_nobody_fails_its_step_and_what_is_held_runs_again() {
    let hold = Action::Hold { to: masters(Which::Old), for_ms: None };
    let to_nobody = Action::Signal { to: masters(Which::New), signals: vec![Signal::Winch] };
    let ran = run(&plan(SERVE, vec![hold, to_nobody]), false);
    ran.result.as_ref().expect("it ran");
    assert!(ran.failure().starts_with("nobody to do it to; last seen: web: "), "{}", ran.failure());
    assert_eq!(ran.count(|e| matches!(e, Event::SignalSent { signal, .. } if signal == "CONT")), 1);
    assert_eq!(ran.leaks(), Vec::<&str>::new());
}

#[test]
fn a_kill_is_an_end_with_its_status_and_the_stale_pid_file_is_no_leak() {
    let steps = vec![Action::Kill { to: masters(Which::Old) }, wait(alive(Which::Old, 0.0), 2000)];
    let ran = run(&plan(SERVE, steps), false);
    ran.result.as_ref().expect("it ran");
    assert_eq!(ran.failure(), "no step failed");
    assert_eq!(ran.count(|e| matches!(e, Event::ProcessEnded { ending: Ending::Killed(9), .. })), 1);
    // The file did not change, but whom it names is gone.
    let stale = |e: &Event| matches!(e, Event::PidFileChanged { live_master: false, holds, .. } if *holds != facts::event::PidFile::Absent);
    assert!(ran.count(stale) >= 1);
    assert_eq!(ran.leaks(), Vec::<&str>::new());
}

#[test]
fn a_process_that_stays_behind_is_a_leak() {
    let script = "sleep 600 & exec ${program} serve ${address} ${run}/server.pid";
    let ran = run(&plan(&["/bin/sh", "-c", script], vec![]), false);
    ran.result.as_ref().expect("it ran");
    let leaks = ran.leaks();
    assert!(leaks.len() == 1 && leaks[0].contains("still lives, generation 1 is in charge"), "{leaks:?}");
}

#[test]
fn files_and_sockets_that_stay_behind_are_leaks() {
    let script = "echo x > ${run}/stray; echo x > ${run}/access.log; ${program} leave-socket ${run}/left.sock; \
                  exec ${program} serve ${address} ${run}/server.pid";
    let ran = run(&plan(&["/bin/sh", "-c", script], vec![]), false);
    ran.result.as_ref().expect("it ran");
    let expected = ["web: the unix socket left.sock is left behind", "web: the file stray is left behind"];
    assert_eq!(ran.leaks(), expected);
}

#[test]
fn an_interrupted_run_tears_down_and_says_so() {
    let ran = run(&plan(SERVE, vec![Action::Sleep { ms: 20_000 }]), true);
    ran.result.as_ref().expect("it ran");
    assert_eq!(ran.count(|e| matches!(e, Event::RunEnded { interrupted: true })), 1);
    assert!(!ran.history.is_sealed());
}

#[test]
fn a_harness_that_is_killed_leaves_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let (plan_file, run) = (directory.path().join("plan-in.json"), directory.path().join("run"));
    let plan = plan(
        SERVE,
        vec![Action::Hold { to: masters(Which::Old), for_ms: None }, Action::Sleep { ms: 20_000 }],
    );
    fs::write(&plan_file, serde_json::to_vec(&plan).expect("JSON")).expect("write");
    let mut harness =
        Command::new(FIXTURE).arg("run").args([&plan_file, &run]).spawn().expect("start the harness");
    // The target runs and is stopped: the worst state to leave it in.
    until("the target is held", || {
        fs::read_to_string(run.join("events.ndjson")).is_ok_and(|log| log.contains(r#""signal":"STOP""#))
    });
    let target = fs::read_to_string(run.join("server.pid")).expect("its pid file");
    let network = network_of(&Path::new("/proc").join(target)).expect("it lives");
    harness.kill().expect("kill -9");
    harness.wait().expect("it is dead");
    until("nobody is left", || users_of(directory.path()).is_empty());
    // The last process of a namespace takes it along. Where none could be made it was the one that we are in.
    let is_ours = network_of(Path::new("/proc/self")).is_some_and(|ours| ours == network);
    until("nobody is in its network", || is_ours || !is_in_use(&network));
}

/// The network namespace of a process.
fn network_of(process: &Path) -> Option<PathBuf> {
    fs::read_link(process.join("ns/net")).ok()
}

fn is_in_use(network: &Path) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes.into_iter().any(|process| network_of(&process.path()).is_some_and(|its| its == network))
}

#[test]
fn a_run_says_whose_network_it_is_in_and_its_counters_say_so_too() {
    let ours = network_of(Path::new("/proc/thread-self"));
    for (namespace, wanted) in [(Namespace::Own, None), (Namespace::Shared, Some(Extent::Machine))] {
        let mut plan = plan(SERVE, vec![]);
        plan.network.namespace = namespace;
        let ran = run(&plan, false);
        ran.result.as_ref().expect("it ran");
        let extents = ran.history.events.iter().filter_map(|line| match &line.event {
            Event::NetworkChosen { extent, .. } | Event::KernelCounted { extent, .. } => Some(*extent),
            _ => None,
        });
        let extents: Vec<Extent> = extents.collect();
        // What is wanted of `Own` depends on who runs this test: all agree, whatever it is.
        assert_eq!(extents, [wanted.unwrap_or(extents[0]); 3]);
        assert_eq!(network_of(Path::new("/proc/thread-self")), ours, "the caller stays where it is");
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        std::thread::yield_now();
    }
}

#[test]
fn a_target_that_cannot_start_is_an_error_with_what_it_said() {
    let ran = run(&plan(&["/bin/sh", "-c", "echo no such luck; exit 3"], vec![]), false);
    let message = ran.result.expect_err("it cannot start").to_string();
    assert!(message.contains("it exited with status 3"), "{message}");
    assert!(message.contains("no such luck"), "{message}");
}

#[test]
fn a_daemon_that_dies_at_once_is_noticed_at_once() {
    let ran = run(&plan(&["/bin/sh", "-c", "exit 0"], vec![]), false);
    let message = ran.result.expect_err("nobody serves").to_string();
    assert!(message.contains("left no process behind"), "{message}");
}

#[test]
fn a_target_that_never_answers_is_told_with_the_time_and_the_address() {
    let message = run(&plan(SILENT, vec![]), false).result.expect_err("nobody answers").to_string();
    assert!(
        message.contains(" s for an answer on 127.") && message.contains("; last seen: web: "),
        "{message}"
    );
    assert!(message.contains("error.log"), "{message}");
}

#[test]
fn a_target_without_a_log_shows_none() {
    let mut plan = plan(&["/bin/sh", "-c", "exit 3"], vec![]);
    plan.targets[0].log = String::new();
    let ran = run(&plan, false);
    let message = ran.result.expect_err("it cannot start").to_string();
    let directory = ran.directory.path().file_name().expect("it has a name").to_string_lossy();
    assert!(!message.contains(&*directory), "the run directory is no log: {message}");
}

/// Starts, and never answers.
const SILENT: &[&str] = &["/bin/sh", "-c", "sleep 600 & exit 0"];

/// Why a run ended before its own end.
fn cut_off(ran: &Ran) -> &str {
    let why = ran.history.events.iter().find_map(|line| match &line.event {
        Event::CutOff { why } => Some(why.as_str()),
        _ => None,
    });
    assert_eq!(ran.history.events.last().map(|l| &l.event), Some(&Event::RunEnded { interrupted: true }));
    why.expect("the log says why")
}

#[test]
fn a_run_without_the_time_for_a_start_is_cut_off_and_no_failed_start() {
    let mut plan = plan(SILENT, vec![]);
    plan.deadline_ms = 500;
    let ran = run(&plan, false);
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    let why = cut_off(&ran);
    assert!(why.starts_with("its deadline of 500 ms passed before web was ready; last seen: web: "), "{why}");
}

#[test]
fn too_few_open_files_are_told_before_anything_is_started() {
    let mut plan = plan(SERVE, vec![]);
    plan.populations[0].connections = 2_000_000_000;
    let ran = run(&plan, false);
    let message = ran.result.expect_err("too many").to_string();
    assert!(message.contains("raise it with `ulimit -n"), "{message}");
    assert_eq!(fs::read_dir(ran.directory.path()).expect("the directory").count(), 0);
}

#[test]
fn an_unknown_program_is_an_error_that_names_it() {
    let mut plan = plan(SERVE, vec![]);
    plan.targets[0].program = "nowhere".into();
    let message = run(&plan, false).result.expect_err("no such program").to_string();
    assert_eq!(
        message,
        "find the program `nowhere` of target web: no path was given for it; install it or build it first"
    );
}

#[test]
fn the_plans_deadline_ends_the_steps_and_is_no_failure_of_any() {
    let never = Condition {
        holds: Expression::Literal(Value::Truth(false)),
        within_ms: 20_000,
        text: "never".into(),
    };
    for action in [Action::Sleep { ms: 20_000 }, Action::WaitUntil { condition: never }] {
        let mut plan = plan(SERVE, vec![action]);
        plan.deadline_ms = 4_000;
        let ran = run(&plan, false);
        let why = cut_off(&ran);
        assert!(why.starts_with("its deadline of 4000 ms passed in step 1 (`do`); last seen"), "{why}");
        let failed = ran.history.events.iter().any(|line| matches!(line.event, Event::StepFailed { .. }));
        assert!(!failed, "no step failed");
    }
}
