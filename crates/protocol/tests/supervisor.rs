//! What the process in the foreground does, one turn after another, as text.

use protocol::{
    signals::{Signal, Signals},
    supervisor::{Effect, Ending, Others, State, Wakeup, Word, step},
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

fn tell(effect: &Effect) -> String {
    match effect {
        Effect::Say(remark) => remark.to_string(),
        other => format!("{other:?}"),
    }
}

#[track_caller]
fn check(state: &State, wakeup: &Wakeup, expected: &str) -> State {
    let (next, effects) = step(state, wakeup);
    let told: Vec<String> = effects.iter().map(tell).collect();
    assert_eq!(told.join(" | "), expected);
    next
}

#[test]
fn it_starts_a_master_and_ends_as_that_one_does() {
    let state = check(&State::default(), &Wakeup::default(), "StartMaster(OnDisk)");
    let state = check(&state, &Wakeup { started: Some(Some(10)), ..Wakeup::default() }, "");
    check(&state, &ended(10, Ending::Exited(1), Others::Nobody), "Exit(1)");
    check(&serving(), &ended(10, Ending::Exited(0), Others::Nobody), "Exit(0)");
    check(&state, &Wakeup { started: Some(None), ..Wakeup::default() }, "");
    let failed = Wakeup { started: Some(None), others: Others::Nobody, ..Wakeup::default() };
    check(&step(&State::default(), &Wakeup::default()).0, &failed, "Exit(1)");
}

#[test]
fn who_leads_gets_the_signals_and_what_ends_the_server_goes_to_all() {
    let all = signals(&[Signal::Hup, Signal::Usr1, Signal::Usr2]);
    check(&upgraded(), &all, "ReopenLogs | Send(Hup, 20) | Send(Usr1, 20) | Send(Usr2, 20)");
    check(&upgraded(), &signals(&[Signal::Term]), "AnnounceStop | Send(Term, 10) | Send(Term, 20)");
    let state =
        check(&upgraded(), &signals(&[Signal::Quit]), "AnnounceStop | Send(Quit, 10) | Send(Quit, 20)");
    check(&state, &signals(&[Signal::Quit]), "Send(Quit, 10) | Send(Quit, 20)");
    check(
        &upgraded(),
        &signals(&[Signal::Winch]),
        "supervisor: WINCH is ignored: a terminal sends it to everybody; send it to the old master, by its pid file",
    );
}

#[test]
fn who_takes_the_lead_while_everybody_is_to_leave_is_told_again() {
    let state = step(&upgraded(), &signals(&[Signal::Quit])).0;
    let state = check(&state, &ended(20, Ending::Exited(0), Others::Unknown), "");
    let state = check(&state, &heard(&[(10, Word::Leads)]), "Send(Quit, 10)");
    check(&state, &heard(&[(10, Word::Leads)]), "");
    // A second TERM would not be refused.
    let state = step(&upgraded(), &signals(&[Signal::Term])).0;
    let state = check(&state, &ended(20, Ending::Exited(0), Others::Unknown), "");
    check(&state, &heard(&[(10, Word::Leads)]), "");
}

#[test]
fn one_generation_after_the_other_leads_and_the_last_one_decides() {
    let state = check(&upgraded(), &ended(10, Ending::Exited(0), Others::Unknown), "");
    check(&state, &ended(20, Ending::Exited(0), Others::Nobody), "Exit(0)");
    let state = check(&upgraded(), &ended(20, Ending::Elsewhere, Others::Unknown), "");
    let state = check(&state, &signals(&[Signal::Hup]), "supervisor: HUP is deferred until a master leads");
    let state = check(&state, &heard(&[(10, Word::Leads)]), "Send(Hup, 10)");
    check(&state, &ended(10, Ending::Exited(0), Others::Nobody), "Exit(0)");
}

const REPLACES: &str = "supervisor: the last master is gone and its workers serve on: another one starts now | StartMaster(OnDisk)";

fn started(process: u32) -> Wakeup {
    Wakeup { started: Some(Some(process)), ..Wakeup::default() }
}

fn after(elapsed_ms: u32, others: Others) -> Wakeup {
    Wakeup { elapsed_ms, others, ..Wakeup::default() }
}

/// The leader was killed, and 11 was started in its place.
fn replacing() -> State {
    let state = check(&serving(), &ended(10, Ending::Killed(9), Others::Workers), REPLACES);
    check(&state, &started(11), "")
}

#[test]
fn where_the_last_master_was_killed_another_one_comes_whoever_else_is_left() {
    let state = check(&replacing(), &heard(&[(11, Word::Leads)]), "");
    check(&state, &ended(11, Ending::Exited(1), Others::Workers), REPLACES);
    let alone = REPLACES.replace("and its workers serve on", "with all its workers");
    check(&state, &ended(11, Ending::Killed(9), Others::Nobody), &alone);
}

#[test]
fn one_that_ends_before_it_serves_is_followed_by_one_with_the_old_configuration_and_then_by_pauses() {
    let exits = |process| ended(process, Ending::Exited(1), Others::Workers);
    let state = check(
        &replacing(),
        &exits(11),
        "supervisor: the master that was to serve exited with code 1 instead: another one starts now with the \
         configuration that was last in force | StartMaster(LastInForce)",
    );
    let mut state = check(&state, &started(12), "");
    for (process, pause_ms) in
        [(12, 250), (14, 500), (16, 1000), (18, 2000), (20, 4000), (22, 8000), (24, 8000)]
    {
        let said = format!(
            "supervisor: the master that was to serve exited with code 1 instead: another one starts in {pause_ms} ms"
        );
        state = check(&state, &exits(process), &said);
        assert_eq!(state.deadline_ms(), Some(pause_ms));
        state = check(&state, &after(pause_ms - 1, Others::Nobody), "");
        state = check(&state, &after(1, Others::Nobody), "StartMaster(OnDisk)");
        state = check(&state, &started(process + 1), "");
        state = step(&state, &exits(process + 1)).0;
        state = check(&state, &started(process + 2), "");
    }
}

#[test]
fn what_serves_in_the_end_says_so_if_it_is_not_the_file() {
    let state = step(&replacing(), &ended(11, Ending::Exited(1), Others::Workers)).0;
    let said = "supervisor: the configuration that was last in force serves again, and not the file as it is now: \
                reload (HUP) once that is right";
    check(&state, &heard(&[(12, Word::Leads)]), said);
}

#[test]
fn a_replacement_that_is_killed_is_no_reason_to_doubt_the_file() {
    let state = check(
        &replacing(),
        &ended(11, Ending::Killed(9), Others::Workers),
        "supervisor: the master that was to serve was killed by signal 9 instead: another one starts in 250 ms",
    );
    check(&state, &after(250, Others::Workers), "StartMaster(OnDisk)");
    // While somebody may be among them who becomes a master, it waits.
    let state = check(&state, &after(250, Others::Unknown), "");
    check(&state, &after(0, Others::Workers), "StartMaster(OnDisk)");
}

/// Nobody leads, and the next try is some time away.
fn pausing() -> State {
    step(&replacing(), &ended(11, Ending::Killed(9), Others::Workers)).0
}

#[test]
fn reload_and_upgrade_are_said_of_a_server_that_pauses_to_make_it_try_now() {
    let said = "supervisor: HUP is taken for \"try again now\" | StartMaster(OnDisk)";
    let hup = Wakeup { others: Others::Workers, ..signals(&[Signal::Hup]) };
    let state = check(&pausing(), &hup, said);
    let state = check(&state, &started(12), "");
    check(&state, &heard(&[(12, Word::Leads)]), "");
}

#[test]
fn who_is_told_to_stop_while_nobody_leads_stops_the_workers_and_ends_well() {
    let term = Wakeup { others: Others::Workers, ..signals(&[Signal::Term]) };
    let state = check(&pausing(), &term, "AnnounceStop | SendWorkers(Term)");
    check(&state, &after(20, Others::Nobody), "Exit(0)");
}

#[test]
fn masters_that_lead_and_end_in_a_row_are_replaced_more_and_more_slowly() {
    let mut state = serving();
    for process in 10..13 {
        state = check(&state, &ended(process, Ending::Killed(9), Others::Workers), REPLACES);
        state = check(&state, &started(process + 1), "");
        state = check(&state, &heard(&[(process + 1, Word::Leads)]), "");
    }
    let killed = ended(13, Ending::Killed(9), Others::Workers);
    check(
        &state,
        &killed,
        "supervisor: the last master is gone and its workers serve on: another one starts in 250 ms",
    );
    check(&state, &Wakeup { elapsed_ms: 5_000, ..killed }, REPLACES);
}

#[test]
fn a_master_that_exits_well_was_told_to_by_its_own_pid_and_so_are_the_workers_that_it_leaves() {
    let state =
        check(&serving(), &ended(10, Ending::Exited(0), Others::Workers), "AnnounceStop | SendWorkers(Quit)");
    check(&state, &after(20, Others::Nobody), "Exit(0)");
}

#[test]
fn who_ends_well_beside_a_leader_that_is_killed_in_the_same_moment_had_left_the_service_to_it() {
    let both = |first, second| Wakeup {
        ended: vec![(10, first), (20, second)],
        others: Others::Workers,
        ..Wakeup::default()
    };
    check(&upgraded(), &both(Ending::Exited(0), Ending::Killed(9)), REPLACES);
    // Of the leader nobody can tell how it ended: then the other one was told to stop, too.
    check(&upgraded(), &both(Ending::Exited(0), Ending::Elsewhere), "AnnounceStop | SendWorkers(Quit)");
}

#[test]
fn while_a_master_may_be_among_those_who_are_left_none_is_started() {
    let state = check(&serving(), &ended(10, Ending::Killed(9), Others::Unknown), "");
    let state = check(&state, &heard(&[(20, Word::Lives)]), "");
    check(&state, &ended(20, Ending::Killed(9), Others::Workers), REPLACES);
}

#[test]
fn a_signal_that_comes_before_anybody_leads_waits_and_one_that_ends_all_is_for_those_who_come_later_too() {
    let state = check(
        &State::default(),
        &signals(&[Signal::Usr2]),
        "supervisor: USR2 is deferred until a master leads | StartMaster(OnDisk)",
    );
    let state = check(&state, &Wakeup { started: Some(Some(10)), ..Wakeup::default() }, "");
    let state = check(&state, &heard(&[(10, Word::Leads)]), "Send(Usr2, 10)");
    let state = check(&state, &signals(&[Signal::Term]), "AnnounceStop | Send(Term, 10)");
    let state = check(&state, &heard(&[(20, Word::Lives)]), "Send(Term, 20)");
    let state = check(&state, &ended(10, Ending::Exited(0), Others::Unknown), "");
    check(&state, &ended(20, Ending::Exited(0), Others::Workers), "SendWorkers(Term)");
}

#[test]
fn who_leads_and_whether_any_master_lives_is_known() {
    let known = |state: &State| (state.leader(), state.has_master());
    assert_eq!(known(&State::default()), (None, false));
    let begun = step(&State::default(), &Wakeup::default()).0;
    assert_eq!(known(&step(&begun, &started(10)).0), (None, true));
    assert_eq!(known(&serving()), (Some(10), true));
    assert_eq!(known(&pausing()), (None, false));
}

#[test]
fn who_comes_later_is_told_everything_that_was_said_to_all() {
    let state = step(&serving(), &signals(&[Signal::Quit])).0;
    let state = check(&state, &signals(&[Signal::Term]), "Send(Term, 10)");
    check(&state, &heard(&[(20, Word::Lives)]), "Send(Quit, 20) | Send(Term, 20)");
}

#[test]
fn a_first_master_that_is_killed_before_it_served_is_told_as_a_shell_would() {
    let begun = step(&step(&State::default(), &Wakeup::default()).0, &started(10)).0;
    check(&begun, &ended(10, Ending::Killed(9), Others::Nobody), "Exit(137)");
}
