//! A proxy in front of a server that sends back what it gets.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::address;

/// A server that sends back what it gets, and a proxy in front of it.
fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let target = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
    Proxy::start(address::free().expect("an address"), target).expect("a proxy")
}

fn client(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address).expect("connect");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    client
}

fn exchange(client: &mut TcpStream) -> io::Result<Duration> {
    let begun = Instant::now();
    client.write_all(b"hello")?;
    let mut answer = [0; 5];
    client.read_exact(&mut answer)?;
    assert_eq!(&answer, b"hello");
    Ok(begun.elapsed())
}

#[test]
fn what_is_carried_arrives_and_ends_as_it_was_sent() {
    let proxy = echo();
    let mut client = client(&proxy);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let mut writer = client.try_clone().expect("a second handle");
    let copy = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&copy).expect("write");
        writer.shutdown(std::net::Shutdown::Write).expect("shut down");
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).expect("read");
    writing.join().expect("written");
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
}

#[test]
fn latency_is_added_in_both_directions_and_taken_away_again() {
    let proxy = echo();
    let mut client = client(&proxy);
    proxy.set(NetFault::Latency { nanos: 60_000_000 });
    let mut slow = exchange(&mut client).expect("an answer");
    // The fault may come a moment after the first bytes.
    slow = slow.max(exchange(&mut client).expect("an answer"));
    assert!(slow >= Duration::from_millis(120), "{slow:?}");
    proxy.set(NetFault::None);
    let fast = (0..20).filter_map(|_| exchange(&mut client).ok()).min().expect("answers");
    assert!(fast < Duration::from_millis(60), "{fast:?}");
}

#[test]
fn a_reset_reaches_old_and_new_connections() {
    let proxy = echo();
    let mut old = client(&proxy);
    exchange(&mut old).expect("it works");
    proxy.set(NetFault::Reset);
    let ended = old.read(&mut [0; 1]).expect_err("it was reset");
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    let mut new = client(&proxy);
    assert!(exchange(&mut new).is_err());
    proxy.set(NetFault::None);
    let deadline = Instant::now() + Duration::from_secs(10);
    while exchange(&mut client(&proxy)).is_err() {
        assert!(Instant::now() < deadline, "it never recovered");
    }
}

#[test]
fn a_blackhole_keeps_what_it_swallows_until_it_ends() {
    let proxy = echo();
    let mut client = client(&proxy);
    exchange(&mut client).expect("it works");
    proxy.set(NetFault::Blackhole);
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let silent = (0..20).find_map(|_| exchange(&mut client).err()).expect("silence");
    assert_eq!(silent.kind(), ErrorKind::WouldBlock);
    proxy.set(NetFault::None);
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    client.read_exact(&mut [0; 5]).expect("what was swallowed");
}

#[test]
fn nobody_behind_it_is_a_reset() {
    let nobody = address::free().expect("an address");
    let proxy = Proxy::start(address::free().expect("an address"), nobody).expect("a proxy");
    assert!(exchange(&mut client(&proxy)).is_err());
}
