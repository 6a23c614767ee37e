//! Reloads, workers that do not come up or do not go, and what a wakeup is made of.

use super::*;

#[test]
fn hup_waits_until_the_generation_is_ready_and_reopening_the_logs_does_not() {
    let starting = step(&State::new(1, 1, None, Limits::default()), &Wakeup::default()).0;
    check(&starting, &signals(&[Signal::Hup]), "HUP is deferred until this generation is ready");
    check(&starting, &signals(&[Signal::Usr1]), "ReopenLogs | Tell(1, Reopen)");
    check(
        &beside_ready(),
        &signals(&[Signal::Hup]),
        "HUP is refused: this generation serves already and another one is there; reload that one, or stop it first",
    );
}

fn loading() -> State {
    step(&serving(1, None), &signals(&[Signal::Hup])).0
}

fn preparing() -> State {
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 1 }], ..Wakeup::default() };
    step(&loading(), &loaded).0
}

#[test]
fn a_refused_configuration_leaves_everything_as_it_was_and_the_next_one_is_tried() {
    let refused = Wakeup { results: vec![Outcome::ConfigurationRefused], ..Wakeup::default() };
    check(&loading(), &refused, "the new configuration is refused: the old one stays");
    check(&step(&loading(), &refused).0, &signals(&[Signal::Hup]), "LoadConfiguration");
    check(&loading(), &signals(&[Signal::Hup]), "HUP is deferred until this reload is over");
}

#[test]
fn a_reload_prepares_then_cuts_over_in_one_step_and_the_next_one_has_a_number_of_its_own() {
    let said = |id, report| Wakeup { reports: vec![(id, report)], ..Wakeup::default() };
    check(&preparing(), &said(2, Report::Prepared), "Introduce(2) | Tell(1, StopAccepting)");
    let halting = step(&preparing(), &said(2, Report::Prepared)).0;
    check(&halting, &said(1, Report::Stopped), "Tell(2, Accept)");
    let admitting = step(&halting, &said(1, Report::Stopped)).0;
    check(
        &admitting,
        &said(2, Report::Accepting),
        "CommitConfiguration | Tell(1, Drain) | configuration 2 is in force",
    );
    let over = step(&admitting, &said(2, Report::Accepting)).0;
    let again = step(&over, &signals(&[Signal::Hup])).0;
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 2 }], ..Wakeup::default() };
    check(&again, &loaded, "SpawnWorker(3, 3) | SpawnWorker(4, 3)");
}

#[test]
fn a_reload_that_does_not_come_up_is_given_up_and_the_old_workers_accept_again() {
    let kept = "the workers of the new configuration did not come up: the old configuration stays";
    let died = Wakeup { exits: vec![2], ..Wakeup::default() };
    check(&preparing(), &died, &format!("DropConfiguration | {kept}"));
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    check(&preparing(), &late, &format!("KillWorker(2) | DropConfiguration | {kept}"));
    let prepared = Wakeup { reports: vec![(2, Report::Prepared)], ..Wakeup::default() };
    let halting = step(&preparing(), &prepared).0;
    check(&halting, &died, &format!("Tell(1, Accept) | DropConfiguration | {kept}"));
    let late = Wakeup { elapsed_ms: Limits::default().halt_ms, ..Wakeup::default() };
    check(&halting, &late, "Tell(1, Drain) | Tell(2, Accept)");
    check(
        &preparing(),
        &signals(&[Signal::Quit]),
        "DropConfiguration | Tell(1, Drain) | Tell(2, Drain) | CloseListeners",
    );
    // Told to stop while it was read.
    let stopped = step(&loading(), &signals(&[Signal::Quit])).0;
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 1 }], ..Wakeup::default() };
    check(&stopped, &loaded, "DropConfiguration");
}

#[test]
fn a_worker_that_dies_is_replaced_at_once_and_one_that_does_not_come_up_after_a_pause_twice_as_long_each_time()
 {
    let died = |id| Wakeup { exits: vec![id], ..Wakeup::default() };
    check(&serving(1, None), &died(1), "a worker died: replacing it | SpawnWorker(2, 1)");
    let first = step(&serving(1, None), &died(1)).0;
    check(&first, &died(2), "a worker died: replacing it");
    let paused = step(&first, &died(2)).0;
    let pause = Limits::default().pause_ms;
    assert_eq!(paused.deadline_ms(), Some(pause));
    let later = |elapsed_ms| Wakeup { elapsed_ms, ..Wakeup::default() };
    check(&paused, &later(pause - 1), "");
    check(&paused, &later(pause), "SpawnWorker(3, 1)");
    let twice = step(&step(&paused, &later(pause)).0, &died(3)).0;
    assert_eq!(twice.deadline_ms(), Some(2 * pause));
    // One that hangs is killed by its deadline.
    check(&first, &later(Limits::default().ready_ms), "KillWorker(2)");
}

#[test]
fn workers_that_never_come_up_leave_the_service_to_the_old_generation() {
    let mut state = step(&serving(2, Some(1)), &Wakeup { exits: vec![1], ..Wakeup::default() }).0;
    for id in 2..4 {
        state = step(&state, &Wakeup { exits: vec![id], ..Wakeup::default() }).0;
        state = step(&state, &Wakeup { elapsed_ms: 10_000, ..Wakeup::default() }).0;
    }
    let last = Wakeup { exits: vec![4], ..Wakeup::default() };
    check(
        &state,
        &last,
        "a worker died: replacing it | workers die before they accept: leaving the service to the old generation | Exit(1)",
    );
}

#[test]
fn a_stubborn_worker_is_killed_when_the_time_of_a_fast_stop_is_over() {
    let told = step(&serving(1, None), &signals(&[Signal::Term])).0;
    assert_eq!(told.deadline_ms(), Some(Limits::default().terminate_ms));
    let late = Wakeup { elapsed_ms: Limits::default().terminate_ms, ..Wakeup::default() };
    check(&told, &late, "KillWorker(1)");
    check(&step(&told, &late).0, &late, "KillWorker(1)");
}

#[test]
fn what_came_late_is_added_to_what_was_found_before() {
    let mut found = Wakeup { elapsed_ms: 2, from_heir: vec![PeerMessage::Ready], ..signals(&[Signal::Hup]) };
    found.absorb(Wakeup {
        elapsed_ms: 3,
        exits: vec![1],
        heir_came: Some(4),
        successor_died: true,
        from_successor: vec![PeerMessage::Stopping],
        from_predecessor: vec![PeerMessage::Leaving],
        from_elder: vec![PeerMessage::Bonded],
        results: vec![Outcome::PidFileWritten],
        reports: vec![(1, Report::Drained)],
        ..signals(&[Signal::Quit])
    });
    let both = Wakeup {
        elapsed_ms: 5,
        exits: vec![1],
        heir_came: Some(4),
        successor_died: true,
        from_successor: vec![PeerMessage::Stopping],
        from_predecessor: vec![PeerMessage::Leaving],
        from_elder: vec![PeerMessage::Bonded],
        results: vec![Outcome::PidFileWritten],
        reports: vec![(1, Report::Drained)],
        ..signals(&[Signal::Hup, Signal::Quit])
    };
    assert_eq!(found, both);
    found.absorb(Wakeup { predecessor_died: true, elder_died: true, heir_died: true, ..Wakeup::default() });
    assert!(found.predecessor_died && found.elder_died && found.heir_died && found.successor_died);
}

#[test]
fn signals_are_a_set_and_have_the_names_that_an_operator_types() {
    let mut set = Signals::from_iter([Signal::Hup, Signal::Hup, Signal::Winch]);
    let names: Vec<&str> = set.iter().map(Signal::name).collect();
    assert_eq!(names, ["HUP", "WINCH"]);
    assert!(set.take(Signal::Hup) && !set.take(Signal::Hup) && !set.is_empty());
    assert!(set.take(Signal::Winch) && set.is_empty());
    let all: Vec<&str> = Signal::ALL.iter().map(|signal| signal.name()).collect();
    assert_eq!(all, ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "WINCH"]);
    assert_eq!(format!("{:?}", signals(&[Signal::Quit, Signal::Usr2]).signals), r#"{"QUIT", "USR2"}"#);
}
