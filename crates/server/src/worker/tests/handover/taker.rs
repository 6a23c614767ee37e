//! A worker gives connections to somebody who fails at each step of it.

use super::{
    super::*,
    HELLO,
    talk::{Door, Talk},
    told,
};
use crate::worker::handover::Message;

/// A worker with an idle client, which has told another one about it; and what that one heard.
fn offered() -> (Rig, Client, Talk) {
    let old = Rig::accepting(HELLO);
    let mut client = old.connect();
    client.get();
    let door = Door::open(&old);
    old.drain();
    let talk = door.answer();
    (old, client, talk)
}

/// It is served where it was, and loses nothing.
fn serves_on(old: &Rig, mut client: Client) {
    old.wait_for_log("nobody takes connections");
    assert_eq!(told(&client.get()), ("7", "1/2", true));
    assert_eq!(client.rest(), "");
    drop(client);
    old.expect(Report::Drained);
}

#[test]
fn who_dies_with_an_offer_in_its_hands_has_lost_nothing() {
    let (old, client, talk) = offered();
    let (items, sockets) = talk.hear_offer();
    assert_eq!((items.len(), sockets.len()), (1, 1));
    drop((talk, sockets));
    serves_on(&old, client);
}

#[test]
fn who_dies_with_an_offer_unread_has_lost_nothing() {
    let (old, client, talk) = offered();
    drop(talk);
    serves_on(&old, client);
}

#[test]
fn who_dies_after_agreeing_has_lost_nothing() {
    let (old, client, talk) = offered();
    let sockets = talk.hear_offer().1;
    talk.say(&Message::Agreed { which: vec![true] }, &[]);
    drop((talk, sockets));
    serves_on(&old, client);
}

#[test]
fn who_dies_before_it_reads_has_lost_nothing() {
    let (old, client, talk) = offered();
    let sockets = talk.hear_offer().1;
    talk.say(&Message::Agreed { which: vec![true] }, &[]);
    assert!(matches!(talk.hear(), Some((Message::Yours, _))));
    drop((talk, sockets));
    serves_on(&old, client);
}

#[test]
fn who_does_not_answer_is_told_that_it_is_too_late() {
    let (old, mut client, talk) = offered();
    let sockets = talk.hear_offer().1;
    // Sent while nobody serves the connection.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(talk.hear(), Some((Message::Withdrawn, _))));
    assert!(talk.hear().is_none());
    drop(sockets);
    assert_eq!(told(&client.answer()).0, "7");
    drop(client);
    old.expect(Report::Drained);
}

#[test]
fn what_it_declines_stays_and_ends_with_its_next_answer() {
    let (old, mut client, talk) = offered();
    drop(talk.hear_offer());
    talk.say(&Message::Agreed { which: vec![false] }, &[]);
    assert!(matches!(talk.hear(), Some((Message::Yours, _))));
    talk.say(&Message::Taken, &[]);
    assert_eq!(told(&client.get()), ("7", "1/2", true));
    drop(client);
    old.expect(Report::Drained);
}

/// The kernel tells of the death before it gives out what was said before it.
#[test]
fn what_was_taken_before_a_death_is_not_served_twice() {
    let old = Rig::accepting(HELLO);
    let (mut first, mut second) = (old.connect(), old.connect());
    first.get();
    second.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na");
    old.connect().get();
    let door = Door::open(&old);
    old.drain();
    let talk = door.answer();
    let (_, sockets) = talk.hear_offer();
    talk.say(&Message::Agreed { which: vec![true] }, &[]);
    assert!(matches!(talk.hear(), Some((Message::Yours, _))));
    talk.say(&Message::Taken, &[]);
    // The second one follows, and is never looked at.
    second.send("b");
    assert_eq!(told(&second.answer()), ("7", "2/1", false));
    old.wait_for_log("1 connections went");
    drop(talk);
    old.wait_for_log("nobody takes connections");
    assert_eq!(told(&second.get()), ("7", "2/2", true));
    drop(second);
    old.expect(Report::Drained);
    // Nobody but the one who took it has it.
    first.send("ping");
    drop(old);
    let mut taken = TcpStream::from(sockets.into_iter().next().expect("a socket"));
    taken.set_nonblocking(false).expect("sets a mode");
    let mut bytes = [0; 4];
    taken.read_exact(&mut bytes).expect("reads");
    assert_eq!(&bytes, b"ping");
}
