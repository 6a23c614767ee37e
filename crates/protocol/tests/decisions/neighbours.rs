//! What a master remembers of the others and of its deadlines, each as seen in what it does later.

use super::*;

fn from_elder(message: PeerMessage) -> Wakeup {
    Wakeup { from_elder: vec![message], ..Wakeup::default() }
}

fn from_successor(messages: &[PeerMessage]) -> Wakeup {
    Wakeup { from_successor: messages.to_vec(), ..Wakeup::default() }
}

fn successor_died() -> Wakeup {
    Wakeup { successor_died: true, ..Wakeup::default() }
}

/// Generation 3, started by 2 while 1 drains.
fn newest() -> State {
    let mut state = serving(3, Some(2));
    state.elder = Some(Predecessor::elder(1));
    state
}

/// Generation 1 drains beside 2, which has started 3.
fn oldest(heir_says: &[PeerMessage]) -> State {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    let came = step(&left, &Wakeup { heir_came: Some(3), ..Wakeup::default() }).0;
    step(&came, &Wakeup { from_heir: heir_says.to_vec(), ..Wakeup::default() }).0
}

#[test]
fn what_the_oldest_said_of_itself_counts_when_it_is_the_neighbour() {
    let left = |said: &[PeerMessage]| {
        let heard = said.iter().fold(newest(), |state, message| step(&state, &from_elder(*message)).0);
        step(&heard, &Wakeup { predecessor_died: true, ..Wakeup::default() }).0
    };
    let quit = signals(&[Signal::Quit]);
    check(&left(&[]), &quit, "TellPredecessor(Stopping) | Tell(1, Drain)");
    check(&left(&[PeerMessage::Staying]), &quit, "TellPredecessor(TakeOver)");
    let called_back_and_told_again = [PeerMessage::Staying, PeerMessage::Leaving];
    check(&left(&called_back_and_told_again), &quit, "TellPredecessor(Stopping) | Tell(1, Drain)");
    let upgrade = signals(&[Signal::Usr2]);
    let waits = "USR2 is deferred until the old generation knows that the one between is gone";
    check(&left(&[]), &upgrade, waits);
    check(&left(&[PeerMessage::Bonded]), &upgrade, "SpawnSuccessor");
    let refused = "USR2 is refused: the old generation is still there; let it finish (QUIT) first";
    let mut serves = left(&[PeerMessage::TookOver]);
    serves.stage = Stage::Serving;
    check(&serves, &upgrade, &format!("{refused} | FindOrphans | DrainOrphans"));
}

#[test]
fn the_oldest_serves_for_a_newest_that_leaves_too_and_says_what_became_of_its_orders() {
    let middle_dies = successor_died();
    let back = "generation 2 is gone: generation 3 follows this one | PromoteHeir | WritePidFile | RemoveOldBin \
                | TellSuccessor(TookOver)";
    let dropped = "deferred QUIT is dropped: nobody else would serve";
    let leaves = [PeerMessage::Ready, PeerMessage::TakeOver];
    check(&oldest(&leaves), &middle_dies, &format!("{back} | {dropped} | ReapSuccessor | SpawnWorker(2, 1)"));
    let mut retired = oldest(&leaves);
    retired.stage = Stage::Retired;
    check(&retired, &middle_dies, &format!("{back} | ReapSuccessor | SpawnWorker(2, 1)"));
}

#[test]
fn the_old_pid_file_is_left_to_the_middle_one_if_the_newest_is_ready() {
    let mut middle_returns = oldest(&[PeerMessage::Ready]);
    middle_returns.successor.iter_mut().for_each(|middle| middle.stage = SuccessorStage::Relieved);
    check(&middle_returns, &from_successor(&[PeerMessage::Ready]), "generation 2 is ready beside this one");
    let mut alone = oldest(&[]);
    alone.successor.iter_mut().for_each(|middle| middle.stage = SuccessorStage::Relieved);
    check(
        &alone,
        &from_successor(&[PeerMessage::Ready]),
        "WriteOldBin | generation 2 is ready beside this one",
    );
}

#[test]
fn whoever_was_told_to_leave_stops_with_a_new_generation_that_was_told_to_stop_and_with_no_other() {
    let left = step(&beside_ready(), &signals(&[Signal::Quit])).0;
    let stopping = step(&left, &from_successor(&[PeerMessage::Stopping])).0;
    assert_eq!(step(&stopping, &successor_died()).0.stage, Stage::Stopping);
    assert_eq!(step(&left, &successor_died()).0.stage, Stage::Serving);
    // Of three, the oldest must know, too: it would take over otherwise.
    let middle = |stage| State {
        stage,
        predecessor: Some(Predecessor { leaving: true, ..Predecessor::new(7) }),
        ..stopping.clone()
    };
    let all = "TellPredecessor(Stopping)";
    let told = |state: &State| {
        let effects = step(state, &successor_died()).1;
        effects.contains(&Effect::TellPredecessor(PeerMessage::Stopping))
    };
    let terminating = Stage::Terminating { remaining_ms: 3_000, code: 0 };
    assert!(told(&middle(Stage::Leaving)) && told(&middle(terminating)), "{all}");
    let mut other = middle(terminating);
    other.successor.iter_mut().for_each(|new| new.stage = SuccessorStage::Ready);
    assert!(!told(&other), "{all}");
}

#[test]
fn one_that_asks_to_leave_with_its_last_breath_has_not_left() {
    let doubtful =
        step(&beside_ready(), &Wakeup { successor_died: true, ..from_successor(&[PeerMessage::TakeOver]) }).0;
    check(&doubtful, &signals(&[Signal::Quit]), SENT_AGAIN);
}

#[test]
fn each_deadline_that_runs_is_waited_for() {
    let Limits { ready_ms, rewrite_ms, terminate_ms, .. } = Limits::default();
    assert_eq!(upgrading().deadline_ms(), Some(ready_ms));
    let spawning = step(&serving(1, None), &signals(&[Signal::Usr2])).0;
    assert_eq!((spawning.deadline_ms(), serving(1, None).deadline_ms()), (None, None));
    let failed = Wakeup { results: vec![Outcome::PidFileNotWritten], ..Wakeup::default() };
    assert_eq!(step(&serving(1, None), &failed).0.deadline_ms(), Some(rewrite_ms));
    // It comes after the one whose name it would be.
    assert_eq!(step(&upgrading(), &failed).0.deadline_ms(), Some(ready_ms));
    let yields = step(&serving(2, Some(1)), &signals(&[Signal::Quit])).0;
    assert_eq!(yields.deadline_ms(), Some(ready_ms));
    let stops = step(&serving(1, None), &signals(&[Signal::Term])).0;
    assert_eq!(stops.deadline_ms(), Some(terminate_ms));
    let reloading = step(&serving(1, None), &signals(&[Signal::Hup])).0;
    assert_eq!(reloading.deadline_ms(), None);
    let loaded = Wakeup { results: vec![Outcome::ConfigurationLoaded { workers: 1 }], ..Wakeup::default() };
    let preparing = step(&reloading, &loaded).0;
    assert_eq!(preparing.deadline_ms(), Some(ready_ms));
    let prepared = Wakeup { reports: vec![(2, Report::Prepared)], ..Wakeup::default() };
    assert_eq!(step(&preparing, &prepared).0.deadline_ms(), Some(Limits::default().halt_ms));
}

#[test]
fn each_generation_has_the_next_number() {
    let failed = Wakeup { results: vec![Outcome::SuccessorNotSpawned], ..Wakeup::default() };
    let mut state = serving(4, None);
    for generation in [5, 6, 7] {
        state = step(&state, &signals(&[Signal::Usr2])).0;
        assert_eq!(state.successor.map(|new| new.generation), Some(generation));
        state = step(&state, &failed).0;
    }
}

#[test]
fn a_generation_that_is_writing_its_name_writes_it_once_more_when_the_middle_one_dies() {
    let mut announcing = newest();
    announcing.stage = Stage::Announcing;
    check(
        &announcing,
        &Wakeup { predecessor_died: true, ..Wakeup::default() },
        "generation 2 is gone | PromoteElder | WritePidFile | NameOldBin",
    );
}
