//! What an exploration with two faults and a delay found: two masters that decide at the same time, each on what it knows.

use super::*;

/// Generation 2, whose first worker died while generation 1 lived.
fn gave_up() -> State {
    let starting = step(&State::new(2, 1, Some(1), Limits::default()), &Wakeup::default()).0;
    let prepared = step(&starting, &Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() }).0;
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    step(&prepared, &late).0
}

fn old_one_dies() -> Wakeup {
    Wakeup { predecessor_died: true, ..Wakeup::default() }
}

#[test]
fn a_generation_that_left_the_service_to_one_that_is_gone_too_tries_on() {
    let anew = "generation 1 is gone | nobody else would serve: this generation tries to start again | KillWorker(1) \
                | WritePidFile | RemoveOldBin";
    check(&gave_up(), &old_one_dies(), anew);
    let again = step(&step(&gave_up(), &old_one_dies()).0, &Wakeup { exits: vec![1], ..Wakeup::default() }).0;
    assert_eq!((again.stage, again.orphans, again.failures), (Stage::Starting, true, 1));
    let pause = Wakeup { elapsed_ms: Limits::default().pause_ms, ..Wakeup::default() };
    check(&again, &pause, "SpawnWorker(2, 1)");
    // Both in one turn: the start is given up first.
    let starting = step(&State::new(2, 1, Some(1), Limits::default()), &Wakeup::default()).0;
    let both = Wakeup { results: vec![Outcome::WorkerNotSpawned(1)], ..old_one_dies() };
    check(
        &starting,
        &both,
        "a worker died before this generation was ready: giving up the start | generation 1 is gone \
         | nobody else would serve: this generation tries to start again | WritePidFile | RemoveOldBin",
    );
}

#[test]
fn a_generation_that_was_told_to_go_after_it_had_given_up_goes() {
    let told = step(&gave_up(), &signals(&[Signal::Term])).0;
    assert!(matches!(told.stage, Stage::Terminating { code: 0, .. }));
    check(&told, &old_one_dies(), "generation 1 is gone | WritePidFile | RemoveOldBin");
}

#[test]
fn a_generation_that_gave_up_between_two_others_goes() {
    let mut between = gave_up();
    between.elder = Some(Predecessor::elder(7));
    check(&between, &old_one_dies(), "generation 1 is gone | PromoteElder");
}

/// Generation 1 serves again, and generation 2 was told so.
fn relieved() -> State {
    let told = Wakeup { from_successor: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    step(&beside_ready(), &told).0
}

#[test]
fn the_pid_file_is_left_to_a_generation_that_was_relieved_and_may_serve_on() {
    let told = step(&relieved(), &signals(&[Signal::Term])).0;
    check(&told, &Wakeup { exits: vec![1], ..Wakeup::default() }, "RemoveOldBin | Exit(0)");
}

#[test]
fn a_generation_that_was_relieved_and_may_serve_on_is_not_named_over() {
    let mut middle = relieved();
    middle.predecessor = Some(Predecessor::new(7));
    check(&middle, &old_one_dies(), "generation 7 is gone | RemoveOldBin | FindOrphans | DrainOrphans");
}

#[test]
fn whoever_is_told_to_leave_when_another_one_took_over_leaves_the_pid_file_to_it() {
    let yields = step(&serving(2, Some(1)), &signals(&[Signal::Quit])).0;
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    let serves_on = step(&yields, &late).0;
    let took_over =
        |signals| Wakeup { from_predecessor: vec![PeerMessage::TookOver], signals, ..Wakeup::default() };
    check(
        &serves_on,
        &took_over(Signals::from_iter([Signal::Quit])),
        "TellPredecessor(Noted) | Tell(1, Drain)",
    );
    check(&serves_on, &took_over(Signals::NONE), "TellPredecessor(Noted) | WritePidFile");
}

#[test]
fn whoever_is_about_to_end_does_not_name_itself_as_the_old_one() {
    let told = step(&relieved(), &signals(&[Signal::Term])).0;
    let serves_on =
        Wakeup { from_successor: vec![PeerMessage::Noted, PeerMessage::Ready], ..Wakeup::default() };
    check(&told, &serves_on, "generation 2 is ready beside this one");
    check(&relieved(), &serves_on, "WriteOldBin | generation 2 is ready beside this one");
}
