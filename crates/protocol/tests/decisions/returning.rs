//! A generation that asked to leave thinks better of it, while the one that serves again has not heard so yet.

use super::*;

/// Generation 1 serves again; 2 was told so. Both were told to QUIT.
fn both_told() -> State {
    let told = Wakeup { from_successor: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    let relieved = step(&beside_ready(), &told).0;
    step(&relieved, &signals(&[Signal::Quit])).0
}

fn died(last_words: &[PeerMessage]) -> Wakeup {
    Wakeup { successor_died: true, from_successor: last_words.to_vec(), ..Wakeup::default() }
}

const UNDONE: &str =
    "WritePidFile | RemoveOldBin | ReapSuccessor | generation 2 is gone: rolled back to this one";
const STOPS: &str = "FindOrphans | DrainOrphans | Tell(1, Drain) | CloseListeners";
const STAYS: &str = "deferred QUIT is dropped: the new generation is gone | FindOrphans | DrainOrphans";

#[test]
fn whoever_waits_for_one_that_leaves_stays_if_that_one_thought_better_of_it_and_died() {
    check(&both_told(), &died(&[]), &format!("{UNDONE} | {STOPS}"));
    check(&both_told(), &died(&[PeerMessage::Ready]), &format!("{UNDONE} | {STAYS}"));
    check(&both_told(), &died(&[PeerMessage::Ready, PeerMessage::TakeOver]), &format!("{UNDONE} | {STOPS}"));
    let heard = Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() };
    check(&both_told(), &heard, "");
    let returning = step(&both_told(), &heard).0;
    check(&returning, &died(&[]), &format!("{UNDONE} | {STAYS}"));
    check(&returning, &died(&[PeerMessage::TakeOver]), &format!("{UNDONE} | {STOPS}"));
    let asked_again = Wakeup { from_successor: vec![PeerMessage::TakeOver], ..Wakeup::default() };
    // It hears once more what it was told already, and may think better of it once more.
    check(&returning, &asked_again, "");
    let relieved = step(&returning, &asked_again).0;
    check(&relieved, &died(&[]), &format!("{UNDONE} | {STOPS}"));
    check(&step(&relieved, &heard).0, &died(&[]), &format!("{UNDONE} | {STAYS}"));
}

#[test]
fn one_that_returns_counts_when_it_knows_better() {
    let returning =
        step(&both_told(), &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    let knows = Wakeup { from_successor: vec![PeerMessage::Noted, PeerMessage::Ready], ..Wakeup::default() };
    check(
        &returning,
        &knows,
        "WriteOldBin | generation 2 is ready beside this one | TellSuccessor(Leaving) | Tell(1, Drain)",
    );
}

#[test]
fn each_time_it_is_told_it_must_answer() {
    let mut twice = both_told();
    twice.successor.iter_mut().for_each(|new| new.notice = Notice::Given(2));
    let answered =
        Wakeup { from_successor: vec![PeerMessage::Noted, PeerMessage::Ready], ..Wakeup::default() };
    check(&twice, &answered, "");
    let once_more = step(&twice, &answered).0;
    check(
        &once_more,
        &answered,
        "WriteOldBin | generation 2 is ready beside this one | TellSuccessor(Leaving) | Tell(1, Drain)",
    );
}

#[test]
fn only_whoever_said_that_it_took_over_is_answered() {
    let mut newest = serving(3, Some(2));
    newest.elder = Some(Predecessor::elder(1));
    let took_over = Wakeup { from_elder: vec![PeerMessage::TookOver], ..Wakeup::default() };
    check(&newest, &took_over, "TellElder(Noted) | WritePidFile");
    let took_over = Wakeup { from_predecessor: vec![PeerMessage::TookOver], ..Wakeup::default() };
    check(&newest, &took_over, "TellPredecessor(Noted) | WritePidFile");
}

#[test]
fn a_generation_whose_workers_drain_starts_again_when_it_must_stay() {
    let asked = step(&State::new(3, 1, Some(2), Limits::default()), &Wakeup::default()).0;
    let stopping = step(&asked, &signals(&[Signal::Quit])).0;
    let dropped = "deferred QUIT is dropped: the old generation is gone and nobody else would serve";
    let old_one_dies = Wakeup { predecessor_died: true, ..Wakeup::default() };
    check(
        &stopping,
        &old_one_dies,
        &format!("generation 2 is gone | {dropped} | WritePidFile | RemoveOldBin | SpawnWorker(2, 1)"),
    );
    assert_eq!(step(&stopping, &old_one_dies).0.stage, Stage::Starting);
}

#[test]
fn a_fast_stop_spares_a_generation_that_says_it_is_ready_and_has_not_heard_that_we_serve() {
    let mut unready = upgrading();
    unready.successor.iter_mut().for_each(|new| new.notice = Notice::Given(1));
    let stopped = "Tell(1, Terminate) | TerminateOrphans | TellSuccessor(Leaving)";
    check(&unready, &signals(&[Signal::Term]), &format!("{stopped} | KillSuccessor"));
    let returning =
        step(&unready, &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    check(&returning, &signals(&[Signal::Term]), stopped);
    check(&returning, &signals(&[Signal::Winch]), "WINCH is deferred until the new generation is ready");
    check(&returning, &signals(&[Signal::Quit]), "QUIT is deferred until the new generation is ready");
}

#[test]
fn one_that_returned_and_asks_again_is_relieved_again() {
    let returning =
        step(&both_told(), &Wakeup { from_successor: vec![PeerMessage::Ready], ..Wakeup::default() }).0;
    let asks =
        Wakeup { from_successor: vec![PeerMessage::Noted, PeerMessage::TakeOver], ..Wakeup::default() };
    check(&returning, &asks, "WritePidFile | RemoveOldBin | TellSuccessor(TookOver)");
}
