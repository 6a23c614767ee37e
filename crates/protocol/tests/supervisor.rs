//! What the process in the foreground does, one turn after another, as text.

use protocol::{
    signals::{Signal, Signals},
    supervisor::{Ending, Others, State, Wakeup, Word, step},
};

/// Process 10 was started, and leads.
fn serving() -> State {
    let turns = [
        Wakeup::default(),
        Wakeup { started: Some(Some(10)), ..Wakeup::default() },
        Wakeup { heard: vec![(10, Word::Leads)], ..Wakeup::default() },
    ];
    turns.iter().fold(State::default(), |state, turn| step(&state, turn).0)
}

/// Process 20 leads after that, and both live.
fn upgraded() -> State {
    step(&serving(), &heard(&[(20, Word::Lives), (20, Word::Leads)])).0
}

fn heard(words: &[(u32, Word)]) -> Wakeup {
    Wakeup { heard: words.to_vec(), ..Wakeup::default() }
}

fn ended(process: u32, ending: Ending, others: Others) -> Wakeup {
    Wakeup { ended: vec![(process, ending)], others, ..Wakeup::default() }
}

fn signals(raised: &[Signal]) -> Wakeup {
    Wakeup { signals: Signals::from_iter(raised.iter().copied()), ..Wakeup::default() }
}

#[track_caller]
fn check(state: &State, wakeup: &Wakeup, expected: &str) -> State {
    let (next, effects) = step(state, wakeup);
    let told: Vec<String> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    assert_eq!(told.join(" | "), expected);
    next
}

#[test]
fn it_starts_a_master_and_ends_as_that_one_does() {
    let state = check(&State::default(), &Wakeup::default(), "StartMaster");
    let state = check(&state, &Wakeup { started: Some(Some(10)), ..Wakeup::default() }, "");
    check(&state, &ended(10, Ending::Exited(1), Others::Nobody), "Exit(1)");
    check(&serving(), &ended(10, Ending::Exited(0), Others::Nobody), "Exit(0)");
    check(&serving(), &ended(10, Ending::Killed(9), Others::Nobody), "Exit(137)");
    check(&state, &Wakeup { started: Some(None), ..Wakeup::default() }, "");
    let failed = Wakeup { started: Some(None), others: Others::Nobody, ..Wakeup::default() };
    check(&step(&State::default(), &Wakeup::default()).0, &failed, "Exit(1)");
}

#[test]
fn who_leads_gets_the_signals_and_what_ends_the_server_goes_to_all() {
    let all = signals(&[Signal::Hup, Signal::Usr1, Signal::Usr2]);
    check(&upgraded(), &all, "Send(Hup, 20) | Send(Usr1, 20) | Send(Usr2, 20)");
    check(&upgraded(), &signals(&[Signal::Term]), "Send(Term, 10) | Send(Term, 20)");
    check(&upgraded(), &signals(&[Signal::Quit]), "Send(Quit, 10) | Send(Quit, 20)");
    check(&upgraded(), &signals(&[Signal::Winch]), "Say(Ignored(Winch))");
}

#[test]
fn one_generation_after_the_other_leads_and_the_last_one_decides_the_code() {
    let state = check(&upgraded(), &ended(10, Ending::Exited(0), Others::Unknown), "");
    check(&state, &ended(20, Ending::Exited(3), Others::Nobody), "Exit(3)");
    let state = check(&upgraded(), &ended(20, Ending::Elsewhere, Others::Unknown), "");
    let state = check(&state, &signals(&[Signal::Hup]), "Say(Held(Hup))");
    let state = check(&state, &heard(&[(10, Word::Leads)]), "Send(Hup, 10)");
    check(&state, &ended(10, Ending::Exited(0), Others::Nobody), "Exit(0)");
}

#[test]
fn where_the_last_master_was_killed_another_one_comes_and_once_only_if_it_does_not_serve() {
    let killed = ended(10, Ending::Killed(9), Others::Workers);
    let state = check(&serving(), &killed, "Say(Replaces) | StartMaster");
    let state = check(&state, &Wakeup { started: Some(Some(11)), ..Wakeup::default() }, "");
    check(&state, &ended(11, Ending::Exited(1), Others::Workers), "Say(GivesUp) | Exit(1)");
    let state = check(&state, &heard(&[(11, Word::Leads)]), "");
    check(&state, &ended(11, Ending::Killed(9), Others::Workers), "Say(Replaces) | StartMaster");
}

#[test]
fn while_a_master_may_be_among_those_who_are_left_none_is_started() {
    let state = check(&serving(), &ended(10, Ending::Killed(9), Others::Unknown), "");
    let state = check(&state, &heard(&[(20, Word::Lives)]), "");
    check(&state, &ended(20, Ending::Killed(9), Others::Workers), "Say(Replaces) | StartMaster");
}

#[test]
fn a_signal_that_comes_before_anybody_leads_waits_and_one_that_ends_all_is_for_those_who_come_later_too() {
    let state = check(&State::default(), &signals(&[Signal::Usr2]), "Say(Held(Usr2)) | StartMaster");
    let state = check(&state, &Wakeup { started: Some(Some(10)), ..Wakeup::default() }, "");
    let state = check(&state, &heard(&[(10, Word::Leads)]), "Send(Usr2, 10)");
    let state = check(&state, &signals(&[Signal::Term]), "Send(Term, 10)");
    let state = check(&state, &heard(&[(20, Word::Lives)]), "Send(Term, 20)");
    let state = check(&state, &ended(10, Ending::Exited(0), Others::Unknown), "");
    check(&state, &ended(20, Ending::Exited(0), Others::Workers), "SendWorkers(Term)");
}
