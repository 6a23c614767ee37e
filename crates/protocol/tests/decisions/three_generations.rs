//! What the oldest, the middle and the newest of three generations do.

use super::*;

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
        "generation 2 is gone: generation 3 follows this one | PromoteHeir | TellSuccessor(Bonded) | ReapSuccessor",
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
        "WritePidFile | RemoveOldBin | ReapSuccessor | the upgrade failed: generation 3 never served, and 1 goes on \
         | deferred QUIT is dropped: the new generation is gone",
    );
}

#[test]
fn the_newest_names_itself_and_the_oldest_when_the_middle_dies() {
    check(
        &newest(),
        &middle_dies(),
        "generation 2 is gone | PromoteElder | WritePidFile | NameOldBin | TellPredecessor(Ready) | FindOrphans | DrainOrphans",
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
        "WritePidFile | NameOldBin | ReapSuccessor | the upgrade failed: generation 3 never served, and 2 goes on \
         | FindOrphans | DrainOrphans",
    );
    let ready = step(&spawned, &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    check(
        &ready,
        &Wakeup { predecessor_died: true, ..Wakeup::default() },
        "generation 1 is gone | FindOrphans | DrainOrphans",
    );
}

#[test]
fn the_middle_one_that_is_named_again_leaves_the_old_pid_file_alone_beside_a_newest() {
    let told = |message| Wakeup { from_predecessor: vec![message], ..Wakeup::default() };
    let alone = step(&serving(2, Some(1)), &told(PeerMessage::Leaving)).0;
    let middle = step(&alone, &signals(&[Signal::Usr2])).0;
    let displaced = step(&middle, &told(PeerMessage::TookOver)).0;
    assert_eq!(displaced.stage, Stage::Announcing);
    let bereft = step(&displaced, &Wakeup { predecessor_died: true, ..Wakeup::default() }).0;
    let named = Wakeup { results: vec![Outcome::PidFileWritten], ..Wakeup::default() };
    check(
        &bereft,
        &named,
        "generation 2 is ready: all its workers accept | AnnounceStart | FindOrphans | DrainOrphans",
    );
}
