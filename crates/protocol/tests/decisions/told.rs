//! Orders and answers that come in an unusual moment: each is taken for what it is there, and for nothing else.

use super::*;

#[test]
fn winch_says_what_is_in_the_way() {
    let retired = step(&beside_ready(), &signals(&[Signal::Winch])).0;
    let draining = "WINCH is refused: the workers are draining already";
    check(&retired, &signals(&[Signal::Winch]), draining);
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    check(&left, &signals(&[Signal::Winch]), draining);
}

#[test]
fn whoever_yields_stops_when_the_old_generation_took_over() {
    let yields = step(&serving(2, Some(1)), &signals(&[Signal::Quit])).0;
    let took_over = Wakeup { from_predecessor: vec![PeerMessage::TookOver], ..Wakeup::default() };
    check(&yields, &took_over, "Tell(1, Drain)");
    assert_eq!(step(&yields, &took_over).0.stage, Stage::Stopping);
}

#[test]
fn a_new_generation_that_asks_to_leave_is_not_relieved_by_one_that_leaves() {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    let asks = Wakeup { from_successor: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    check(&left, &asks, "");
    assert!(step(&left, &asks).0.has_ready_successor());
}

#[test]
fn what_a_worker_says_of_itself_does_not_undo_that_it_was_told_to_end() {
    let told = step(&serving(1, None), &signals(&[Signal::Term])).0;
    let drains = step(&told, &Wakeup { reports: vec![(1, Report::Draining)], ..Wakeup::default() }).0;
    assert_eq!(drains.workers[&1].duty, Duty::Terminated);
    let accepts = step(&told, &Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() }).0;
    assert_eq!(accepts.workers[&1].duty, Duty::Terminated);
}

#[test]
fn a_stopping_generation_is_not_taken_for_one_that_returns() {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    let last_words = Wakeup {
        successor_died: true,
        from_successor: vec![PeerMessage::Stopping, PeerMessage::Ready],
        ..Wakeup::default()
    };
    assert_eq!(step(&left, &last_words).0.stage, Stage::Stopping);
}

#[test]
fn whoever_exits_in_the_same_instant_as_all_others_removes_the_pid_file() {
    use protocol::master::Farewells;
    let told = Wakeup { from_predecessor: vec![PeerMessage::Leaving], ..signals(&[]) };
    let told = step(&serving(2, Some(1)), &told).0;
    let stops = step(&told, &signals(&[Signal::Quit])).0;
    let ends = |predecessor, elder, heir| Wakeup {
        exits: vec![1],
        farewells: Farewells { predecessor, elder, heir, successor: false },
        ..Wakeup::default()
    };
    check(&stops, &ends(false, false, false), "Exit(0)");
    check(&stops, &ends(true, false, false), "RemoveLastPidFile | Exit(0)");
    let third = State { elder: Some(Predecessor::elder(0)), ..stops.clone() };
    check(&third, &ends(true, false, true), "Exit(0)");
    check(&third, &ends(true, true, false), "RemoveLastPidFile | Exit(0)");
    // The one between them has just died.
    let bereaved = Wakeup { predecessor_died: true, ..ends(false, true, false) };
    assert!(step(&third, &bereaved).1.contains(&Effect::RemoveLastPidFile));
    // Beside a new generation that exits, too.
    let leaves = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    let both = Wakeup {
        exits: vec![1],
        farewells: Farewells { successor: true, ..Farewells::default() },
        ..Wakeup::default()
    };
    check(&leaves, &both, "RemoveOldBin | RemovePidFile | RemoveLastPidFile | Exit(0)");
}

#[test]
fn a_fast_stop_takes_the_workers_of_a_new_generation_with_it_unless_that_was_ready() {
    let died = Wakeup { successor_died: true, ..Wakeup::default() };
    let ends = |state: &State| {
        let stopped = step(state, &signals(&[Signal::Term])).0;
        step(&stopped, &died).1.contains(&Effect::TerminateOrphans)
    };
    assert!(ends(&upgrading()));
    let stopped = step(&upgrading(), &signals(&[Signal::Term])).0;
    check(
        &stopped,
        &died,
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone before it served | TerminateOrphans",
    );
    assert!(!ends(&beside_ready()));
}

#[test]
fn only_a_first_master_removes_the_name_of_an_old_one_when_it_is_ready() {
    let ready = |predecessor| {
        let turns = [
            Wakeup::default(),
            Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() },
            Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() },
        ];
        let begun = State::new(2, 1, predecessor, Limits::default());
        turns.iter().fold(begun, |state, turn| step(&state, turn).0)
    };
    let written = Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() };
    let says = "generation 2 is ready: all its workers accept | AnnounceStart";
    check(&ready(None), &written, &format!("{says} | RemoveOldBin"));
    check(&ready(Some(1)), &written, &format!("{says} | TellPredecessor(Ready)"));
}

#[test]
fn a_first_start_that_fails_is_given_up_and_one_that_takes_over_from_orphans_is_tried_again() {
    let failed = Wakeup { results: vec![Outcome::WorkerNotSpawned(1)], ..Wakeup::default() };
    let start = |predecessor, orphans| {
        let begun = step(&State::new(2, 1, predecessor, Limits::default()), &Wakeup::default()).0;
        step(&State { orphans, ..begun }, &failed).0.stage
    };
    assert_eq!(start(None, false), Stage::Gone);
    assert_eq!(start(Some(1), true), Stage::Gone);
    assert_eq!(start(None, true), Stage::Starting);
}

#[test]
fn a_configuration_that_was_loaded_twice_counts_once() {
    let loading = step(&serving(1, None), &signals(&[Signal::Hup])).0;
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 1 }], ..Wakeup::default() };
    check(&step(&loading, &loaded).0, &loaded, "DropConfiguration");
}

#[test]
fn a_reload_tells_each_worker_what_concerns_it() {
    let mut state = serving(1, None);
    for (id, duty) in [
        (2, Duty::Admitted),
        (3, Duty::Prepared),
        (4, Duty::Preparing),
        (5, Duty::Draining),
        (6, Duty::Halted),
    ] {
        state.workers.insert(id, Worker { revision: 1, duty });
    }
    let configuration = Configuration { revision: 2, workers: 1 };
    let stage = CohortStage::Preparing { remaining_ms: 1_000 };
    state.cohort = Some(Cohort { origin: Origin::Reload, configuration, stage });
    state.workers.insert(7, Worker { revision: 2, duty: Duty::Preparing });
    // An operator told it to leave before it was needed.
    state.workers.insert(8, Worker { revision: 2, duty: Duty::Draining });
    let prepared = Wakeup { reports: vec![(7, Report::Prepared)], ..Wakeup::default() };
    let halts =
        "Introduce(7) | Tell(1, StopAccepting) | Tell(2, StopAccepting) | Tell(3, Drain) | Tell(4, Drain)";
    check(&state, &prepared, halts);
    let halting = step(&state, &prepared).0;
    let stopped = Wakeup { reports: vec![(1, Report::Stopped), (2, Report::Stopped)], ..Wakeup::default() };
    check(&halting, &stopped, "Tell(7, Accept)");
}

#[test]
fn workers_of_the_dead_that_were_there_before_an_upgrade_leave_when_that_is_ready() {
    let bereft =
        step(&beside_ready(), &Wakeup { reports: vec![(1, Report::Draining)], ..Wakeup::default() }).0;
    check(&State { orphans: true, ..bereft }, &Wakeup::default(), "DrainOrphans");
}

/// A reload of a generation of one worker, for two; the new ones are prepared to a different degree.
fn reloading() -> State {
    let loading = step(&serving(1, None), &signals(&[Signal::Hup])).0;
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 2 }], ..Wakeup::default() };
    let preparing = step(&loading, &loaded).0;
    step(&preparing, &Wakeup { reports: vec![(2, Report::Prepared)], ..Wakeup::default() }).0
}

#[test]
fn a_worker_of_the_old_configuration_that_dies_does_not_end_a_reload() {
    let died = Wakeup { exits: vec![1], ..Wakeup::default() };
    check(&reloading(), &died, "a worker died: replacing it");
    assert!(step(&reloading(), &died).0.cohort.is_some());
}

#[test]
fn only_what_never_answered_is_killed_when_a_reload_is_late() {
    let mut state = reloading();
    state.workers.insert(9, Worker { revision: 1, duty: Duty::Preparing });
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    check(
        &state,
        &late,
        "KillWorker(3) | Tell(2, Drain) | DropConfiguration \
         | the workers of the new configuration did not come up: the old configuration stays",
    );
}

#[test]
fn a_replacement_is_told_to_accept_when_it_is_prepared() {
    let replacing = step(&serving(1, None), &Wakeup { exits: vec![1], ..Wakeup::default() }).0;
    let prepared = Wakeup { reports: vec![(2, Report::Prepared)], ..Wakeup::default() };
    check(&replacing, &prepared, "Introduce(2) | Tell(2, Accept)");
}

#[test]
fn what_waits_is_dropped_by_whoever_leaves_and_that_is_said() {
    let waiting = step(&reloading(), &signals(&[Signal::Hup, Signal::Usr2])).0;
    let (leaving, stopped) = (
        "DropConfiguration | deferred HUP is dropped: this generation is stopped \
         | deferred USR2 is dropped: this generation is stopped",
        "Tell(1, Terminate) | Tell(2, Terminate) | Tell(3, Terminate) | TerminateOrphans",
    );
    check(&waiting, &signals(&[Signal::Term]), &format!("{leaving} | {stopped}"));
    let gone = step(&waiting, &signals(&[Signal::Term])).0;
    assert!(gone.deferred.is_empty());
}

#[test]
fn the_name_is_tried_again_beside_a_new_generation_that_goes_back_and_not_beside_one_that_comes() {
    let bereft =
        step(&beside_ready(), &Wakeup { reports: vec![(1, Report::Draining)], ..Wakeup::default() }).0;
    let asks = Wakeup { from_successor: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    let yielding = step(&bereft, &asks).0;
    let failed = Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    let Limits { rewrite_ms, .. } = Limits::default();
    let unnamed = step(&yielding, &failed).0;
    assert_eq!(unnamed.deadline_ms(), Some(rewrite_ms));
    check(&unnamed, &Wakeup { elapsed_ms: rewrite_ms, ..Wakeup::default() }, "WritePidFile");
    let named_late = State { rewrite_ms: Some(rewrite_ms), ..beside_ready() };
    assert_eq!(named_late.deadline_ms(), None);
    check(&named_late, &Wakeup { elapsed_ms: rewrite_ms, ..Wakeup::default() }, "");
}

#[test]
fn only_the_last_one_left_serves_without_a_name() {
    let failed = Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    let stage = |predecessor: Option<u32>, orphans| {
        let announcing = State { stage: Stage::Announcing, orphans, ..serving(2, predecessor) };
        step(&announcing, &failed).0.stage
    };
    assert_eq!(stage(None, true), Stage::Serving);
    for (predecessor, orphans) in [(None, false), (Some(1), true), (Some(1), false)] {
        assert!(matches!(stage(predecessor, orphans), Stage::Terminating { code: 1, .. }));
    }
}
