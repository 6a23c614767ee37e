//! One turn at a time: what a master in a known situation does with what is pending, as text.

use protocol::{
    master::{Effect, Limits, PeerMessage, Predecessor, Result as Outcome, Stage, State, Wakeup, step},
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
         | WINCH is refused: no other generation would serve | DrainOrphans",
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
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one \
         | deferred QUIT is dropped: the new generation is gone | DrainOrphans",
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
    check(&asked, &failed, "generation 2 is gone: rolled back to this one");
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
    check(&beside_ready(), &dead, &format!("{undone} | {dropped} | DrainOrphans"));
    check(&upgrading(), &dead, &format!("{undone} | {dropped} | DrainOrphans"));
    let retired = step(&beside_ready(), &signals(&[Signal::Winch])).0;
    check(&retired, &dead, &format!("{undone} | {dropped} | SpawnWorker(2, 1)"));
    check(
        &serving(2, Some(1)),
        &Wakeup { predecessor_died: true, ..signals(&[Signal::Quit]) },
        &format!("generation 1 is gone | WritePidFile | RemoveOldBin | {dropped} | DrainOrphans"),
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
         | QUIT is deferred until the new generation is ready | DrainOrphans",
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

/// Generation 1 drains, and knows that 3 was started by 2.
fn oldest() -> State {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    step(&left, &Wakeup { heir_came: Some(3), ..Wakeup::default() }).0
}

fn oldest_beside_ready() -> State {
    step(&oldest(), &Wakeup { from_heir: vec![PeerMessage::Ready], ..Wakeup::default() }).0
}

/// Generation 3, ready, started by 2, while 1 drains.
fn newest() -> State {
    let mut state = serving(3, Some(2));
    state.elder = Some(Predecessor::elder(1));
    state
}

fn middle_dies() -> Wakeup {
    Wakeup { successor_died: true, predecessor_died: true, ..Wakeup::default() }
}

#[test]
fn an_upgrade_beside_a_draining_generation_begins_and_a_fourth_generation_names_the_oldest() {
    let told = Wakeup { from_predecessor: vec![PeerMessage::Leaving], ..Wakeup::default() };
    let alone = step(&serving(2, Some(1)), &told).0;
    check(&alone, &signals(&[Signal::Usr2]), "SpawnSuccessor");
    let told = step(&newest(), &told).0;
    check(
        &told,
        &signals(&[Signal::Usr2]),
        "USR2 is refused: three generations live, and generation 1 waits for its last connections",
    );
    let gone = Wakeup { elder_died: true, ..signals(&[Signal::Usr2]) };
    check(&told, &gone, "SpawnSuccessor");
}

#[test]
fn the_oldest_stays_away_when_the_middle_dies_beside_a_ready_newest() {
    check(
        &oldest_beside_ready(),
        &middle_dies(),
        "generation 2 is gone: generation 3 follows this one | PromoteHeir | TellSuccessor(Bonded) | ReapSuccessor | DrainOrphans",
    );
    let heir_too = Wakeup { heir_died: true, ..middle_dies() };
    check(
        &oldest_beside_ready(),
        &heir_too,
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one | SpawnWorker(2, 1)",
    );
}

#[test]
fn the_oldest_serves_until_the_newest_is_ready_and_then_leaves_as_it_was_told() {
    check(
        &oldest(),
        &middle_dies(),
        "generation 2 is gone: generation 3 follows this one | PromoteHeir | WritePidFile | RemoveOldBin \
         | TellSuccessor(TookOver) | QUIT is deferred until the new generation is ready | ReapSuccessor | SpawnWorker(2, 1)",
    );
    let back = step(&oldest(), &middle_dies()).0;
    let says = |messages: &[PeerMessage]| Wakeup { from_successor: messages.to_vec(), ..Wakeup::default() };
    // Said before it knew.
    check(&back, &says(&[PeerMessage::Ready]), "");
    check(
        &back,
        &says(&[PeerMessage::Noted, PeerMessage::Ready]),
        "WriteOldBin | generation 3 is ready beside this one | TellSuccessor(Leaving) | Tell(2, Drain) \
         | DrainOrphans",
    );
    let died = Wakeup { successor_died: true, ..Wakeup::default() };
    check(
        &back,
        &died,
        "WritePidFile | RemoveOldBin | ReapSuccessor | generation 3 is gone: rolled back to this one \
         | deferred QUIT is dropped: the new generation is gone",
    );
}

#[test]
fn the_newest_names_itself_and_the_oldest_when_the_middle_dies() {
    check(
        &newest(),
        &middle_dies(),
        "generation 2 is gone | PromoteElder | WritePidFile | NameOldBin | TellPredecessor(Ready) | DrainOrphans",
    );
    let mut starting = State::new(3, 1, Some(2), Limits::default());
    starting.elder = Some(Predecessor::elder(1));
    check(&starting, &middle_dies(), "generation 2 is gone | PromoteElder | SpawnWorker(1, 1)");
}

#[test]
fn an_upgrade_waits_until_the_oldest_knows_that_the_middle_is_gone() {
    let left = step(&newest(), &middle_dies()).0;
    let waits = "USR2 is deferred until the old generation knows that the one between is gone";
    check(&left, &signals(&[Signal::Usr2]), waits);
    let asked = step(&left, &signals(&[Signal::Usr2])).0;
    let says = |message| Wakeup { from_predecessor: vec![message], ..Wakeup::default() };
    check(&asked, &says(PeerMessage::Bonded), "SpawnSuccessor");
    let serves = "USR2 is refused: the old generation is still there; let it finish (QUIT) first";
    check(&asked, &says(PeerMessage::TookOver), "TellPredecessor(Noted) | WritePidFile");
    let named = Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() };
    let again = "generation 3 is ready: all its workers accept | AnnounceStart | TellPredecessor(Ready)";
    check(&step(&asked, &says(PeerMessage::TookOver)).0, &named, &format!("{again} | {serves}"));
}

#[test]
fn the_newest_tells_the_oldest_first_and_whether_the_server_is_meant() {
    check(&newest(), &signals(&[Signal::Quit]), "TellElder(TakeOver) | TellPredecessor(TakeOver)");
    let told = Wakeup { from_predecessor: vec![PeerMessage::Leaving], ..Wakeup::default() };
    let both = step(&newest(), &told).0;
    check(
        &both,
        &signals(&[Signal::Quit]),
        "TellElder(Stopping) | TellPredecessor(Stopping) | Tell(1, Drain)",
    );
    let stopped = "Tell(1, Terminate) | TerminateOrphans";
    check(
        &both,
        &signals(&[Signal::Term]),
        &format!("{stopped} | TellElder(Stopping) | TellPredecessor(Stopping)"),
    );
    check(
        &newest(),
        &signals(&[Signal::Term]),
        &format!("{stopped} | TellElder(TakeOver) | TellPredecessor(Stopping)"),
    );
}

#[test]
fn the_oldest_is_not_called_back_beside_two_newer_generations() {
    check(&oldest(), &signals(&[Signal::Hup]), "HUP is refused: two newer generations are there");
    let back = step(&step(&beside_ready(), &signals(&[Signal::Quit])).0, &signals(&[Signal::Hup])).0;
    let late = Wakeup { heir_came: Some(3), ..Wakeup::default() };
    check(&back, &late, "TellHeir(Staying) | Introduce(1) | Introduce(2)");
    assert_eq!(oldest().next_generation, 4, "the number of a generation is never used again");
}

#[test]
fn the_oldest_takes_the_end_of_all_for_what_it_is() {
    let told = Wakeup { from_heir: vec![PeerMessage::Stopping], ..Wakeup::default() };
    let all = step(&oldest_beside_ready(), &told).0;
    let left = step(&all, &middle_dies()).0;
    let died = Wakeup { successor_died: true, ..Wakeup::default() };
    assert_eq!(step(&left, &died).0.stage, Stage::Stopping);
    let gave_back = Wakeup { from_heir: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    let alone = step(&step(&oldest_beside_ready(), &gave_back).0, &middle_dies()).0;
    assert_eq!(alone.stage, Stage::Serving);
}

#[test]
fn a_rollback_to_the_middle_names_the_oldest_again() {
    let told = Wakeup { from_predecessor: vec![PeerMessage::Leaving], ..Wakeup::default() };
    let alone = step(&serving(2, Some(1)), &told).0;
    let asked = step(&alone, &signals(&[Signal::Usr2])).0;
    let spawned = step(&asked, &Wakeup { results: vec![Outcome::SuccessorSpawned], ..Wakeup::default() }).0;
    let died = Wakeup { successor_died: true, ..Wakeup::default() };
    check(
        &spawned,
        &died,
        "WritePidFile | NameOldBin | ReapSuccessor | generation 3 is gone: rolled back to this one | DrainOrphans",
    );
    let ready = step(&spawned, &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    check(
        &ready,
        &Wakeup { predecessor_died: true, ..Wakeup::default() },
        "generation 1 is gone | DrainOrphans",
    );
}

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
