//! One turn at a time: what a master in a known situation does with what is pending, as text.
//!
//! How much the tests of this crate notice (`cargo mutants -p protocol`: masters, workers and the supervisor, without the explorations
//! of `simulator`): of 497 changes 29 do not compile and 454 of the other 468 were caught (97.0 %); for each of those that were not a
//! test was added, but for two:
//!
//! | not caught here | why |
//! |---|---|
//! | `Signals::serialize` and `deserialize` do nothing | only compiled with the feature `serde`; `simulator`'s tests of `conform` read and write them |

mod neighbours;
mod overtaken;
mod reload;
mod returning;
mod three_generations;
mod told;
mod words;

use protocol::{
    master::{
        Cohort, CohortStage, Configuration, Duty, Effect, Limits, Notice, Origin, PeerMessage, Predecessor,
        Result as Outcome, Stage, State, SuccessorStage, Wakeup, Worker, step,
    },
    signals::{Signal, Signals},
    worker::Report,
};

/// A generation of one worker that serves.
fn serving(generation: u32, predecessor: Option<u32>) -> State {
    let turns = [
        Wakeup::default(),
        Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() },
        Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() },
        Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() },
    ];
    turns
        .iter()
        .fold(State::new(generation, 1, predecessor, Limits::default()), |state, turn| step(&state, turn).0)
}

fn upgrading() -> State {
    let state = step(&serving(1, None), &signals(&[Signal::Usr2])).0;
    step(&state, &Wakeup { results: vec![Outcome::SuccessorSpawned], ..Wakeup::default() }).0
}

fn beside_ready() -> State {
    step(&upgrading(), &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0
}

fn signals(raised: &[Signal]) -> Wakeup {
    Wakeup { signals: Signals::from_iter(raised.iter().copied()), ..Wakeup::default() }
}

/// The effects of one turn, without the receipt of each signal.
fn check(state: &State, wakeup: &Wakeup, expected: &str) {
    let said = |effect: &Effect| match effect {
        Effect::Say(remark) => remark.to_string(),
        other => format!("{other:?}"),
    };
    let effects = step(state, wakeup).1;
    let told: Vec<String> = effects.iter().map(said).filter(|line| !line.ends_with("received")).collect();
    assert_eq!(told.join(" | "), expected);
}

#[test]
fn usr2_and_quit_pending_together_are_an_upgrade_and_then_a_commit() {
    check(
        &serving(1, None),
        &signals(&[Signal::Quit, Signal::Usr2]),
        "SpawnSuccessor | QUIT is deferred until the new generation is ready",
    );
}

#[test]
fn winch_is_refused_when_the_new_generation_died_in_the_same_turn() {
    let wakeup = Wakeup { successor_died: true, ..signals(&[Signal::Winch]) };
    check(
        &beside_ready(),
        &wakeup,
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one \
         | WINCH is refused: no other generation would serve | FindOrphans | DrainOrphans",
    );
}

#[test]
fn winch_without_another_generation_is_refused() {
    check(&serving(1, None), &signals(&[Signal::Winch]), "WINCH is refused: no other generation would serve");
}

#[test]
fn a_deferred_quit_is_dropped_with_the_generation_it_waited_for() {
    let state = step(&upgrading(), &signals(&[Signal::Quit])).0;
    check(
        &state,
        &Wakeup { successor_died: true, ..Wakeup::default() },
        "WritePidFile | RemoveOldBin | ReapSuccessor | the upgrade failed: generation 2 never served, and 1 goes on \
         | deferred QUIT is dropped: the new generation is gone | FindOrphans | DrainOrphans",
    );
}

#[test]
fn a_fast_stop_before_the_new_generation_is_ready_stops_both() {
    check(
        &upgrading(),
        &signals(&[Signal::Term]),
        "Tell(1, Terminate) | TerminateOrphans | TellSuccessor(Leaving) | KillSuccessor",
    );
}

#[test]
fn a_second_upgrade_is_refused_by_naming_what_is_in_the_way() {
    check(
        &beside_ready(),
        &signals(&[Signal::Usr2]),
        "USR2 is refused: the generation started before is still there; finish or stop it first",
    );
    check(
        &serving(2, Some(1)),
        &signals(&[Signal::Usr2]),
        "USR2 is refused: the old generation is still there; let it finish (QUIT) first",
    );
}

#[test]
fn the_old_pid_file_appears_only_after_readiness() {
    check(
        &upgrading(),
        &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() },
        "WriteOldBin | generation 2 is ready beside this one",
    );
}

#[test]
fn a_late_generation_is_killed_and_a_failed_spawn_changes_nothing() {
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    check(&upgrading(), &late, "generation 2 was not ready by its deadline: it is killed | KillSuccessor");
    let asked = step(&serving(1, None), &signals(&[Signal::Usr2])).0;
    let failed = Wakeup { results: vec![Outcome::SuccessorNotSpawned], ..Wakeup::default() };
    check(&asked, &failed, "the upgrade failed: generation 2 never served, and 1 goes on");
}

#[test]
fn a_generation_that_cannot_write_its_name_does_not_take_over() {
    let state = step(&State::new(2, 1, Some(1), Limits::default()), &Wakeup::default()).0;
    let state = step(&state, &Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() }).0;
    let state = step(&state, &Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() }).0;
    check(
        &state,
        &Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() },
        "the pid file could not be written: giving up the start | Tell(1, Terminate)",
    );
}

#[test]
fn a_second_fast_stop_kills() {
    let state = step(&serving(1, None), &signals(&[Signal::Term])).0;
    check(&state, &signals(&[Signal::Int]), "KillWorker(1)");
}

const SENT_AGAIN: &str =
    "QUIT is refused: the new generation has just died; send it again to stop the server";

#[test]
fn quit_waits_for_an_upgrade_that_waits_for_a_reload() {
    check(
        &serving(1, None),
        &signals(&[Signal::Hup, Signal::Usr2, Signal::Quit]),
        "LoadConfiguration | USR2 is deferred until this reload is over \
         | QUIT is deferred until the new generation is ready",
    );
}

#[test]
fn quit_is_dropped_when_the_generation_it_relied_on_died_in_the_same_turn() {
    let dead = Wakeup { successor_died: true, ..signals(&[Signal::Quit]) };
    let undone =
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one";
    let dropped = "deferred QUIT is dropped: the other generation died in the same moment";
    check(&beside_ready(), &dead, &format!("{undone} | {dropped} | FindOrphans | DrainOrphans"));
    let failed = undone.replace(
        "generation 2 is gone: rolled back to this one",
        "the upgrade failed: generation 2 never served, and 1 goes on",
    );
    check(&upgrading(), &dead, &format!("{failed} | {dropped} | FindOrphans | DrainOrphans"));
    let retired = step(&beside_ready(), &signals(&[Signal::Winch])).0;
    check(&retired, &dead, &format!("{undone} | {dropped} | SpawnWorker(2, 1)"));
    check(
        &serving(2, Some(1)),
        &Wakeup { predecessor_died: true, ..signals(&[Signal::Quit]) },
        &format!(
            "generation 1 is gone | WritePidFile | RemoveOldBin | {dropped} | FindOrphans | DrainOrphans"
        ),
    );
}

#[test]
fn quit_and_usr2_right_after_a_commit_belong_to_the_next_upgrade() {
    let wakeup = Wakeup {
        predecessor_died: true,
        from_predecessor: vec![PeerMessage::Leaving],
        ..signals(&[Signal::Quit, Signal::Usr2])
    };
    check(
        &serving(2, Some(1)),
        &wakeup,
        "generation 1 is gone | WritePidFile | RemoveOldBin | SpawnSuccessor \
         | QUIT is deferred until the new generation is ready | FindOrphans | DrainOrphans",
    );
}

#[test]
fn a_quit_right_after_a_failed_upgrade_must_be_meant() {
    let died = Wakeup { successor_died: true, ..Wakeup::default() };
    let doubtful = step(&upgrading(), &died).0;
    check(&doubtful, &signals(&[Signal::Quit]), SENT_AGAIN);
    let asked = step(&doubtful, &signals(&[Signal::Quit])).0;
    check(&asked, &signals(&[Signal::Quit]), "Tell(1, Drain) | CloseListeners");
    let again = step(&doubtful, &signals(&[Signal::Usr2])).0;
    check(&again, &signals(&[Signal::Quit]), "QUIT is deferred until the new generation is ready");
    let later = Wakeup { elapsed_ms: Limits::default().doubt_ms, ..signals(&[Signal::Quit]) };
    check(&doubtful, &later, "Tell(1, Drain) | CloseListeners");
}

#[test]
fn a_pid_file_that_could_not_be_written_is_tried_again() {
    let failed = Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    let state = step(&serving(1, None), &failed).0;
    check(&state, &Wakeup { elapsed_ms: Limits::default().rewrite_ms, ..Wakeup::default() }, "WritePidFile");
}

#[test]
fn a_pid_file_that_could_not_be_written_is_left_to_the_generation_that_is_coming() {
    let failed = || Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    let later = Wakeup { elapsed_ms: Limits::default().rewrite_ms, ..Wakeup::default() };
    let unnamed = step(&serving(1, None), &failed()).0;
    check(&unnamed, &signals(&[Signal::Usr2]), "WritePidFile | SpawnSuccessor");
    let asked = step(&unnamed, &signals(&[Signal::Usr2])).0;
    let asked = step(&asked, &failed()).0;
    check(&asked, &later, "");
    let spawned = Wakeup { results: vec![Outcome::SuccessorSpawned], ..Wakeup::default() };
    let ready = Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() };
    let beside = step(&step(&asked, &spawned).0, &ready).0;
    check(&beside, &later, "");
    // And when it did not come after all, there is a name to write again.
    let alone = step(&beside, &Wakeup { successor_died: true, ..Wakeup::default() }).0;
    check(&step(&alone, &failed()).0, &later, "WritePidFile");
}

#[test]
fn quit_to_both_generations_stops_the_server() {
    let told = |message| Wakeup { from_predecessor: vec![message], ..Wakeup::default() };
    let left = step(&serving(2, Some(1)), &told(PeerMessage::Leaving)).0;
    check(&left, &signals(&[Signal::Quit]), "TellPredecessor(Stopping) | Tell(1, Drain)");
    let yields = step(&serving(2, Some(1)), &signals(&[Signal::Quit])).0;
    check(&yields, &told(PeerMessage::Leaving), "TellPredecessor(Stopping) | Tell(1, Drain)");
}

#[test]
fn a_worker_that_an_operator_told_to_drain_is_replaced() {
    let wakeup = Wakeup { reports: vec![(1, Report::Draining)], ..Wakeup::default() };
    check(&serving(1, None), &wakeup, "SpawnWorker(2, 1)");
}

#[test]
fn a_winch_that_waits_is_dropped_when_the_new_generation_leaves() {
    let waiting = step(&upgrading(), &signals(&[Signal::Winch])).0;
    let wakeup =
        Wakeup { from_successor: vec![PeerMessage::Ready, PeerMessage::TakeOver], ..Wakeup::default() };
    check(
        &waiting,
        &wakeup,
        "WriteOldBin | generation 2 is ready beside this one | deferred WINCH is dropped: the new generation leaves \
         | WritePidFile | RemoveOldBin | TellSuccessor(TookOver)",
    );
}

#[test]
fn what_follows_a_usr2_that_waits_is_dropped_when_that_is_refused() {
    let starting = step(&State::new(2, 1, Some(1), Limits::default()), &Wakeup::default()).0;
    let asked = step(&starting, &signals(&[Signal::Usr2, Signal::Quit])).0;
    let prepared = step(&asked, &Wakeup { reports: vec![(1, Report::Prepared)], ..Wakeup::default() }).0;
    let accepting = step(&prepared, &Wakeup { reports: vec![(1, Report::Accepting)], ..Wakeup::default() }).0;
    check(
        &accepting,
        &Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() },
        "generation 2 is ready: all its workers accept | AnnounceStart | TellPredecessor(Ready) \
         | USR2 is refused: the old generation is still there; let it finish (QUIT) first \
         | deferred QUIT is dropped: the upgrade it belongs to is refused",
    );
}

#[test]
fn whoever_leaves_when_the_new_master_is_killed_leaves_its_workers_alone() {
    let told = step(&beside_ready(), &signals(&[Signal::Term])).0;
    let wakeup = Wakeup { successor_died: true, exits: vec![1], ..Wakeup::default() };
    check(
        &told,
        &wakeup,
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one \
         | RemoveLastPidFile | Exit(0)",
    );
}

#[test]
fn whoever_leaves_when_the_old_master_is_killed_leaves_its_workers_alone() {
    let told = step(&serving(2, Some(1)), &signals(&[Signal::Term])).0;
    let wakeup = Wakeup { predecessor_died: true, exits: vec![1], ..Wakeup::default() };
    check(&told, &wakeup, "generation 1 is gone | WritePidFile | RemoveOldBin | RemoveLastPidFile | Exit(0)");
}

#[test]
fn a_new_generation_knows_that_the_old_one_was_called_back() {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    check(
        &left,
        &signals(&[Signal::Hup]),
        "TellSuccessor(Staying) | generation 1 serves again | SpawnWorker(2, 1)",
    );
    let told = |message| Wakeup { from_predecessor: vec![message], ..Wakeup::default() };
    let left = step(&serving(2, Some(1)), &told(PeerMessage::Leaving)).0;
    let back = step(&left, &told(PeerMessage::Staying)).0;
    check(&back, &signals(&[Signal::Quit]), "TellPredecessor(TakeOver)");
}

#[test]
fn whoever_leaves_beside_another_generation_leaves_the_pid_file_to_it() {
    let told = |message| Wakeup { from_predecessor: vec![message], ..Wakeup::default() };
    let left = step(&serving(2, Some(1)), &told(PeerMessage::Leaving)).0;
    let stops = step(&left, &signals(&[Signal::Quit])).0;
    check(&stops, &Wakeup { exits: vec![1], ..Wakeup::default() }, "Exit(0)");
}

#[test]
fn a_pid_file_that_names_the_new_generation_is_not_written_over() {
    let failed = Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    let due = Wakeup { elapsed_ms: Limits::default().rewrite_ms, ..Wakeup::default() };
    check(&step(&beside_ready(), &failed).0, &due, "");
    let before = step(&upgrading(), &failed).0;
    let ready = step(&before, &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    check(&ready, &due, "");
}

#[test]
fn orphans_leave_with_the_workers_of_the_generation_that_adopted_them() {
    let bereft =
        step(&beside_ready(), &Wakeup { reports: vec![(1, Report::Draining)], ..Wakeup::default() }).0;
    let orphaned = step(&bereft, &Wakeup { predecessor_died: true, ..Wakeup::default() }).0;
    let adopting = State { orphans: true, ..orphaned };
    check(&adopting, &signals(&[Signal::Winch]), "Tell(2, Drain) | DrainOrphans");
}

#[test]
fn a_new_generation_that_is_not_relieved_in_time_serves_on_and_says_so() {
    let yields = step(&serving(2, Some(1)), &signals(&[Signal::Quit])).0;
    let late = Wakeup { elapsed_ms: Limits::default().ready_ms, ..Wakeup::default() };
    let not_relieved =
        "the old generation did not take over in time: QUIT is dropped, serving on | TellPredecessor(Ready)";
    check(&yields, &late, not_relieved);
    let took_over = Wakeup { from_predecessor: vec![PeerMessage::TookOver], ..Wakeup::default() };
    let stays = step(&yields, &late).0;
    check(&stays, &took_over, "TellPredecessor(Noted) | WritePidFile");
    let named = Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() };
    check(
        &step(&stays, &took_over).0,
        &named,
        "generation 2 is ready: all its workers accept | AnnounceStart | TellPredecessor(Ready)",
    );
    let told = |message| Wakeup { from_successor: vec![message], ..Wakeup::default() };
    let relieved = step(&beside_ready(), &told(PeerMessage::TakeOver)).0;
    check(&relieved, &told(PeerMessage::Ready), "");
    let noted = step(&relieved, &told(PeerMessage::Noted)).0;
    check(&noted, &told(PeerMessage::Ready), "WriteOldBin | generation 2 is ready beside this one");
}
