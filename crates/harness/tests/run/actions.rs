//! What each action does to a server of one process, and that it is undone.

use facts::{Event, Expression, Outcome, Role, event::Ending, expression::*, plan::*};

use crate::{SERVE, alive, masters, plan, run, wait};

fn command(argv: &[&str], lasts: Lasts, upgrades: bool) -> Action {
    let argv = argv.iter().map(|word| Word::Text((*word).to_owned())).collect();
    let environment = [("GREETING".to_owned(), "hello ${port}".to_owned())].into();
    Action::Exec { target: 0, command: Command { argv, environment, lasts, upgrades } }
}

const ENDS: Lasts = Lasts::Ends { status: 0, within_ms: 5000 };

#[test]
fn a_command_may_begin_an_upgrade() {
    let steps = vec![
        Action::Signal { to: masters(Which::Current), signals: vec![Signal::Term] },
        wait(alive(Which::Any, 0.0), 5000),
        command(SERVE, ENDS, true),
        wait(alive(Which::New, 1.0), 5000),
        wait(alive(Which::Old, 0.0), 5000),
    ];
    let ran = run(&plan(SERVE, steps), false);
    ran.result.as_ref().expect("it ran");
    assert_eq!(ran.failure(), "no step failed");
    let began = |e: &Event| matches!(e, Event::ProcessAppeared { role: Role::Master, generation: 2, .. });
    assert_eq!(ran.count(began), 1);
    assert_eq!(ran.leaks(), Vec::<&str>::new());
}

#[test]
fn a_command_gets_its_environment_and_the_pids_it_asked_for() {
    let script =
        "test \"$GREETING\" = \"hello ${port}\" && test \"$1\" = \"$(cat ${pid_directory}/server.pid)\"";
    let Action::Exec { target, mut command } = command(&["/bin/sh", "-c", script, "sh"], ENDS, false) else {
        unreachable!("it is an exec")
    };
    command.argv.push(Word::Pids(masters(Which::Current)));
    let ran = run(&plan(SERVE, vec![Action::Exec { target, command }]), false);
    assert_eq!(ran.failure(), "no step failed");
}

#[test]
fn a_command_that_ends_otherwise_fails_its_step_with_what_it_said() {
    let ran =
        run(&plan(SERVE, vec![command(&["/bin/sh", "-c", "echo no luck; exit 3"], ENDS, false)]), false);
    ran.result.as_ref().expect("it ran");
    let why = ran.failure();
    assert!(why.starts_with("the command ended otherwise than with status 0: Exited(3)"), "{why}");
    assert!(why.contains("no luck"), "{why}");
}

#[test]
fn a_command_that_stays_is_asked_to_leave_and_is_no_leak() {
    let ran = run(&plan(SERVE, vec![command(&["/bin/sleep", "600"], Lasts::Stays, false)]), false);
    ran.result.as_ref().expect("it ran");
    assert_eq!(ran.failure(), "no step failed");
    assert_eq!(ran.leaks(), Vec::<&str>::new());
    assert!(ran.history.is_sealed());
}

#[test]
fn a_sleep_before_another_step_is_a_little_longer_each_time_and_the_log_says_by_how_much() {
    let plan = plan(SERVE, vec![Action::Sleep { ms: 300 }, Action::Sleep { ms: 20 }]);
    let jitters: Vec<u64> = (1..50).map(|seed| plan.clone().seeded(seed).jitter(0)).collect();
    assert!(
        jitters.iter().all(|ns| *ns < 30_000_000) && jitters.iter().any(|ns| *ns > 15_000_000),
        "{jitters:?}"
    );
    let ran = run(&plan, false);
    let told = ran.history.events.iter().filter_map(|line| match line.event {
        Event::Jittered { step, ns } => Some((step, ns)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(0, plan.jitter(0))]);
    let at = |wanted: fn(&Event) -> bool| {
        ran.history.events.iter().find(|line| wanted(&line.event)).expect("it is told").at.latest
    };
    let slept = at(|e| matches!(e, Event::StepDone { step: 0 }))
        - at(|e| matches!(e, Event::StepBegan { step: 0, .. }));
    assert!(slept >= 300_000_000 + plan.jitter(0), "{slept}");
}

#[test]
fn a_hold_ends_when_its_time_has_come() {
    let steps = vec![Action::Hold { to: masters(Which::Old), for_ms: Some(50) }, Action::Sleep { ms: 300 }];
    let ran = run(&plan(SERVE, steps), false);
    let story = ran.story(|event| match event {
        Event::SignalSent { signal, .. } => Some(signal.clone()),
        Event::FaultUndone { doing } => Some(format!("undone: {doing}")),
        Event::LoadStopped { .. } => Some("load stopped".into()),
        _ => None,
    });
    assert_eq!(story, ["STOP", "CONT", "undone: do", "load stopped", "TERM"]);
}

#[test]
fn a_limit_holds_until_the_steps_have_ended() {
    let resource = Resource::Nofile;
    let is = |soft: &str| {
        let script =
            format!("grep -q 'open files *{soft} ' /proc/$(cat ${{pid_directory}}/server.pid)/limits");
        command(&["/bin/sh", "-c", &script], ENDS, false)
    };
    let ran = run(
        &plan(SERVE, vec![Action::Limit { to: masters(Which::Old), resource, soft: 77 }, is("77")]),
        false,
    );
    assert_eq!(ran.failure(), "no step failed");
    assert_eq!(ran.count(|e| matches!(e, Event::FaultUndone { .. })), 1);
}

fn classes(ran: &crate::Ran) -> Vec<Outcome> {
    let mut classes: Vec<Outcome> = ran.history.records.iter().map(|record| record.outcome()).collect();
    classes.sort_unstable();
    classes.dedup();
    classes
}

#[test]
fn a_path_that_is_reset_loses_requests_until_it_is_mended() {
    let reset = Action::Net { target: 0, fault: NetFault::Reset, for_ms: Some(200) };
    let ran = run(&plan(SERVE, vec![Action::Sleep { ms: 200 }, reset, Action::Sleep { ms: 500 }]), false);
    ran.result.as_ref().expect("it ran");
    assert_eq!(classes(&ran), [Outcome::Ok, Outcome::ResetInAcceptQueue]);
    assert_eq!(ran.count(|e| matches!(e, Event::FaultUndone { .. })), 1);
    let last = ran.history.records.iter().max_by_key(|record| record.intended).expect("requests");
    assert_eq!(last.outcome(), Outcome::Ok);
}

#[test]
fn a_slow_path_is_slow() {
    let slow = Action::Net { target: 0, fault: NetFault::Latency { nanos: 30_000_000 }, for_ms: None };
    let ran = run(&plan(SERVE, vec![slow, Action::Sleep { ms: 400 }]), false);
    let undone = ran.history.events.iter().find(|line| matches!(line.event, Event::FaultUndone { .. }));
    let undone = undone.expect("it was undone at the end").at.earliest;
    // The first may be on their way before the fault begins.
    let meanwhile = ran.history.records.iter().skip(5).filter(|r| r.done_at().is_some_and(|at| at < undone));
    let fastest = meanwhile.map(|record| record.latency()).min().expect("requests");
    assert!(fastest >= 60_000_000, "{fastest} ns for two times 30 ms");
    assert_eq!(classes(&ran), [Outcome::Ok]);
}

#[test]
fn a_population_can_be_made_faster_and_stopped() {
    let change = |change| Action::Load { population: 0, change };
    let steps = vec![
        change(LoadChange::Rate { per_second: 1000.0 }),
        Action::Sleep { ms: 300 },
        change(LoadChange::Stop),
        Action::Sleep { ms: 300 },
        Action::Mark { text: "silence".into() },
    ];
    let ran = run(&plan(SERVE, steps), false);
    assert_eq!(ran.failure(), "no step failed");
    let sent = ran.history.records.len();
    assert!((200..600).contains(&sent), "{sent} in 300 ms at 1000/s; at 100/s it would be 60");
    let marked = ran
        .history
        .events
        .iter()
        .find(|line| matches!(&line.event, Event::Marked { text } if text == "silence"));
    let marked = marked.expect("it was marked").at.latest;
    let last = ran.history.records.iter().map(|record| record.intended).max().expect("requests");
    assert!(
        last + 200_000_000 < marked,
        "the last request was sent {} ms before",
        (marked - last) / 1_000_000
    );
}

/// A server in the foreground, of which nobody knows a pid file.
fn staying(steps: Vec<Action>) -> crate::Ran {
    let here = &["${program}", "serve-here", "${address}", "${run}/secret"];
    let mut plan = plan(here, steps);
    plan.targets[0].launch = Launch::Stays;
    plan.targets[0].pid_file.clear();
    let ran = run(&plan, false);
    ran.result.as_ref().expect("it ran");
    assert_eq!(ran.failure(), "no step failed");
    assert_eq!(ran.leaks(), Vec::<&str>::new());
    ran
}

#[test]
fn a_server_that_stays_is_its_own_master() {
    let ran = staying(vec![Action::Sleep { ms: 50 }]);
    let ended = |e: &Event| matches!(e, Event::ProcessEnded { role: Role::Master, generation: 1, .. });
    assert_eq!(ran.count(ended), 1);
    let ran = staying(vec![Action::Kill { to: masters(Which::Current) }, wait(alive(Which::Old, 0.0), 5000)]);
    let killed = |e: &Event| matches!(e, Event::ProcessEnded { ending: Ending::Killed(9), .. });
    assert_eq!(ran.count(killed), 1);
}

#[test]
fn an_upgrade_to_a_server_that_stays_is_its_own_master_too() {
    let here = &["${program}", "serve-here", "${address}", "${run}/secret"];
    staying(vec![
        Action::Signal { to: masters(Which::Current), signals: vec![Signal::Term] },
        wait(alive(Which::Any, 0.0), 5000),
        command(here, Lasts::Stays, true),
        wait(alive(Which::New, 1.0), 5000),
    ]);
}

#[test]
fn a_pid_file_that_a_server_never_removes_is_no_leak_of_it() {
    let script = "${program} serve ${address} ${run}/server.pid; \
                  (while [ ! -s ${run}/server.pid ]; do sleep 0.01; done; cp ${run}/server.pid ${run}/old.pid)";
    let mut plan = plan(&["/bin/sh", "-c", script], vec![]);
    plan.targets[0].oldbin = "${run}/old.pid".into();
    let leaks = |plan: &Plan| run(plan, false).leaks().join("; ");
    assert_eq!(leaks(&plan), "web: old.pid is left behind by an orderly stop");
    plan.targets[0].remains = vec!["old.pid".into()];
    assert_eq!(leaks(&plan), "");
}

#[test]
fn fds_are_counted_when_somebody_asks() {
    let arguments = vec![Argument::Processes(masters(Which::Old))];
    let left = Box::new(Expression::Call { function: Function::Fds, arguments });
    let right = Box::new(Expression::Literal(Value::Number(2.0)));
    let many = Expression::Binary { operator: Operator::Greater, left, right };
    let ran = run(&plan(SERVE, vec![wait(many, 2000)]), false);
    assert_eq!(ran.failure(), "no step failed");
}
