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
