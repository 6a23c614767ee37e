//! Connections go on in another worker, whatever they are at and whoever dies.

mod giver;
mod taker;
mod talk;

use super::*;

const HELLO: &str = "server { listen LISTEN; location / { return 200 $connection/$connection_requests; } }";

/// Which generation answered, with what, and whether it announces the end.
fn told(answer: &Answer) -> (&str, &str, bool) {
    (answer.header("x-changeover-generation").expect("a generation"), &answer.body, answer.closes())
}

#[test]
fn an_idle_connection_goes_on_in_the_next_generation_and_is_still_the_same() {
    let old = Rig::accepting(HELLO);
    let mut clients: Vec<Client> = (0..3).map(|_| old.connect()).collect();
    for (client, body) in clients.iter_mut().zip(["1/1", "2/1", "3/1"]) {
        assert_eq!(told(&client.get()), ("7", body, false));
    }
    let new = old.next(HELLO);
    old.tell(Command::Drain);
    old.expect(Report::Drained);
    for (client, body) in clients.iter_mut().zip(["1/2", "2/2", "3/2"]) {
        assert_eq!(told(&client.get()), ("8", body, false));
    }
    old.wait_for_log("3 connections handed over");
    assert_eq!((old.exit_code(), new.log().contains("3 connections came")), (0, true));
}

#[test]
fn a_connection_that_has_said_nothing_or_half_a_head_goes_on_too() {
    let old = Rig::accepting(HELLO);
    let (mut silent, mut head, mut second) = (old.connect(), old.connect(), old.connect());
    head.send("GET / HTT");
    second.get();
    second.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Le");
    // Connections are accepted in the order they came, and what came before this one was read before it.
    old.connect().get();
    let _new = old.next(HELLO);
    old.tell(Command::Drain);
    old.expect(Report::Drained);
    head.send("P/1.1\r\nHost: a\r\n\r\n");
    second.send("ngth: 3\r\n\r\nabc");
    assert_eq!(told(&head.answer()), ("8", "2/1", false));
    assert_eq!(told(&second.answer()), ("8", "3/2", false));
    assert_eq!(told(&silent.get()), ("8", "1/1", false));
    assert_eq!(told(&head.get()), ("8", "2/2", false));
}

#[test]
fn a_request_is_finished_where_it_began_and_the_next_one_is_answered_elsewhere() {
    let old = Rig::accepting(HELLO);
    let mut client = old.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    old.connect().get();
    let _new = old.next(HELLO);
    old.drain();
    // The next one stands right behind it.
    client.send("67890GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHos");
    assert_eq!(told(&client.answer()), ("7", "1/1", false));
    assert_eq!(&told(&client.answer()).1, &"1/2");
    old.expect(Report::Drained);
    client.send("t: a\r\n\r\n");
    assert_eq!(told(&client.answer()), ("8", "1/3", false));
}

#[test]
fn an_answer_that_a_slow_client_reads_is_whole_before_its_connection_goes() {
    let text = "x".repeat(3_000_000);
    let http = format!("server {{ listen LISTEN; location / {{ return 200 {text}; }} }}");
    let old = Rig::accepting(&http);
    let mut client = old.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.more().expect("its beginning");
    let _new = old.next(HELLO);
    old.drain();
    let answer = client.answer();
    assert_eq!((answer.body.len(), answer.closes()), (text.len(), false));
    old.expect(Report::Drained);
    assert_eq!(told(&client.get()), ("8", "1/2", false));
}

#[test]
fn a_full_worker_takes_no_more_than_it_has_room_for() {
    let old = Rig::accepting(HELLO);
    let mut clients: Vec<Client> = (0..5).map(|_| old.connect()).collect();
    clients.iter_mut().for_each(|client| drop(client.get()));
    let listener = old.listener.try_clone().expect("clones");
    let text = format!("events {{ worker_connections 3; }} http {{ {HELLO} }}");
    let directory = tempfile::tempdir().expect("a directory");
    let new = Rig::born(&text, listener, directory, (8, old.family.clone()));
    new.tell(Command::Accept);
    new.expect(Report::Accepting);
    old.drain();
    new.wait_for_log("connections came");
    let answers: Vec<Answer> = clients.iter_mut().map(Client::get).collect();
    let closing = answers.iter().filter(|answer| told(answer).2).count();
    let moved = answers.iter().filter(|answer| told(answer).0 == "8").count();
    assert_eq!((closing, moved), (2, 3));
    drop(clients);
    old.expect(Report::Drained);
}

#[test]
fn one_who_took_connections_gives_them_on_when_it_drains_itself() {
    let first = Rig::accepting(HELLO);
    let mut client = first.connect();
    client.get();
    let second = first.next(HELLO);
    first.tell(Command::Drain);
    first.expect(Report::Drained);
    let third = second.next(HELLO);
    second.tell(Command::Drain);
    second.expect(Report::Drained);
    assert_eq!(told(&client.get()), ("8", "1/2", false));
    assert!(third.log().contains("1 connections came"), "{}", third.log());
}

#[test]
fn whoever_stopped_accepting_takes_nothing() {
    let old = Rig::accepting(HELLO);
    let mut client = old.connect();
    client.get();
    let new = old.next(HELLO);
    new.tell(Command::StopAccepting);
    new.expect(Report::Stopped);
    old.drain();
    assert_eq!(told(&client.get()), ("7", "1/2", true));
}
