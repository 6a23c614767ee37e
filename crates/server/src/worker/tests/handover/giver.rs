//! A worker takes connections from somebody who fails at each step of it.

use super::{super::*, HELLO, talk::Talk, told};
use crate::worker::{
    connection::Client as Ends,
    handover::{Item, Luggage, Message},
};

/// A connection that nobody serves: the client's end, and what a giver has of it.
fn connection(rig: &Rig, unread: &'static str) -> (Client, TcpStream, Item) {
    connection_to(rig.address(), unread)
}

fn connection_to(local: SocketAddr, unread: &'static str) -> (Client, TcpStream, Item) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let client = Client::connect(listener.local_addr().expect("has an address"));
    let (socket, remote) = listener.accept().expect("accepts");
    let ends = (Ends::Remote(remote), &conf::Address::Inet(local));
    let (now, minute) = (tokio::time::Instant::now(), Duration::from_secs(60));
    let luggage = Luggage::new(ends, (41, 5), (now, now), (minute, minute));
    (client, socket, Item::new(luggage.expect("a client's"), unread.as_bytes().into()))
}

fn offer(talk: &Talk, socket: &TcpStream, item: Item) {
    talk.say(&Message::Offer { items: vec![item] }, &[socket.as_fd()]);
}

fn agreed(talk: &Talk, expected: bool) {
    match talk.hear() {
        Some((Message::Agreed { which }, _)) => assert_eq!(which, [expected]),
        other => panic!("an agreement expected, got {other:?}"),
    }
}

#[test]
fn what_is_given_is_served_from_the_byte_where_it_was() {
    let rig = Rig::accepting(HELLO);
    let talk = Talk::with(&rig);
    let (mut client, socket, item) = connection(&rig, "GET / HT");
    offer(&talk, &socket, item);
    agreed(&talk, true);
    talk.say(&Message::Yours, &[]);
    assert!(matches!(talk.hear(), Some((Message::Taken, _))));
    let port = client.stream.local_addr().expect("has an address").port();
    let taken: Vec<_> = rig.journal().iter().filter_map(|entry| entry.taken_port()).collect();
    assert_eq!(taken, [port], "whose hands it is in is written down before nobody else has it");
    drop(socket);
    client.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(told(&client.answer()), ("7", "41/6", false));
}

#[test]
fn the_connections_of_a_giver_that_died_are_served() {
    for last in ["offered", "agreed"] {
        let rig = Rig::accepting(HELLO);
        let talk = Talk::with(&rig);
        let (mut client, socket, item) = connection(&rig, "");
        offer(&talk, &socket, item);
        if last == "agreed" {
            agreed(&talk, true);
        }
        drop((talk, socket));
        assert_eq!(told(&client.get()), ("7", "41/6", false), "{last}");
    }
}

#[test]
fn what_was_withdrawn_is_not_touched() {
    let rig = Rig::accepting(HELLO);
    let talk = Talk::with(&rig);
    let (mut client, mut socket, item) = connection(&rig, "");
    offer(&talk, &socket, item);
    agreed(&talk, true);
    client.send("ping");
    talk.say(&Message::Withdrawn, &[]);
    assert!(talk.hear().is_none(), "it hangs up");
    let mut bytes = [0; 4];
    socket.read_exact(&mut bytes).expect("still unread");
    assert_eq!(&bytes, b"ping");
    // And it holds nothing of it: the client sees the end.
    drop(socket);
    assert_eq!(client.rest(), "");
}

#[test]
fn what_is_no_word_ends_the_talk_and_nothing_else() {
    let rig = Rig::accepting(HELLO);
    let talk = Talk::with(&rig);
    talk.say_bytes(b"\x01\x02\x00\x00\x00{}");
    assert!(talk.hear().is_none());
    rig.wait_for_log("failed to take connections");
    assert_eq!(rig.connect().get().status(), 200);
}

#[test]
fn fewer_descriptors_than_connections_are_so_many_connections() {
    let rig = Rig::accepting(HELLO);
    let talk = Talk::with(&rig);
    let (_client, _socket, item) = connection(&rig, "");
    talk.say(&Message::Offer { items: vec![item] }, &[]);
    agreed(&talk, false);
}

#[test]
fn a_connection_to_an_address_that_is_not_served_here_is_declined() {
    let rig = Rig::accepting(HELLO);
    let talk = Talk::with(&rig);
    let (_client, socket, item) = connection_to("127.0.0.2:1".parse().expect("an address"), "");
    offer(&talk, &socket, item);
    agreed(&talk, false);
}
