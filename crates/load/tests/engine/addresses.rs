//! From where and to where clients connect.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    sync::{Arc, Mutex},
    thread,
};

use facts::plan::{Behaviour, Pace, Population};
use load::{Address, Setup};

use crate::{outcomes, population, run, server::Server, setup, start, stop, wait_for_planned};

#[test]
fn clients_have_addresses_of_their_own() {
    let seen: Arc<Mutex<HashMap<IpAddr, usize>>> = Arc::default();
    let noted = seen.clone();
    let server = Server::start(move |mut peer, _| {
        *noted.lock().unwrap().entry(peer.client().ip()).or_insert(0) += 1;
        while let Some(id) = peer.request() {
            peer.answer(&id);
        }
    });
    let pace = Pace::Poisson { per_second: 1000.0 };
    let many = Population { sources: 20, connections: 20, pace, ..population() };
    let (load, directory) = start(vec![many], server.address);
    wait_for_planned(&load, 400);
    let (_, records) = stop(load, &directory);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    let history = callers(&directory);
    assert!(history.incomplete.is_empty());
    let callers: HashMap<u32, u32> = history.callers.iter().map(|c| (c.connection, c.client)).collect();
    let clients: Vec<usize> =
        (0..20).map(|n| records.iter().filter(|r| callers[&r.connection] == n).count()).collect();
    assert_eq!((clients.iter().sum::<usize>(), clients.iter().all(|n| *n > 1)), (records.len(), true));
    let seen = seen.lock().unwrap();
    let expected: Vec<IpAddr> = (0..20).map(|n| format!("127.1.{n}.1").parse().unwrap()).collect();
    assert!(expected.iter().all(|address| seen[address] > 1), "{seen:?}");
    assert!(records.iter().all(|record| record.local_port != 0));
}

/// What a run directory without an event log tells.
fn callers(directory: &tempfile::TempDir) -> facts::History {
    std::fs::write(directory.path().join(ledger::EVENT_LOG_NAME), "").unwrap();
    ledger::read_history(directory.path()).unwrap()
}

#[test]
fn an_ipv6_target_is_reached_and_has_one_client_address() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.incoming().map_while(Result::ok)));
    let records = run(population(), address, 20);
    assert_eq!(outcomes(&records), [("ok", records.len())].into());
    assert_eq!(
        refusal(Population { sources: 2, ..population() }, address.into()),
        "start population `users`: its target is not at an IPv4 loopback address, so its clients cannot have \
         addresses of their own"
    );
}

fn refusal(population: Population, address: Address) -> String {
    let directory = tempfile::tempdir().unwrap();
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let setup = Setup { addresses: vec![address], ..setup(vec![population], nobody, &directory) };
    load::start(setup).err().map_or("accepted".into(), |error| error.to_string())
}

#[test]
fn a_unix_socket_is_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || serve(listener.incoming().map_while(Result::ok)));
    let to_unix = |population: Population, count: u64| {
        let directory = tempfile::tempdir().unwrap();
        let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let setup = setup(vec![population], nobody, &directory);
        let load = load::start(Setup { addresses: vec![Address::Unix(path.clone())], ..setup }).unwrap();
        wait_for_planned(&load, count);
        stop(load, &directory).1
    };
    for behaviour in [Behaviour::Short, Behaviour::Keepalive] {
        let records = to_unix(Population { behaviour, ..population() }, 50);
        assert_eq!(outcomes(&records), [("ok", records.len())].into());
    }
    std::fs::remove_file(&path).unwrap();
    let records = to_unix(population(), 20);
    assert_eq!(outcomes(&records), [("refused", records.len())].into());
}

/// Answers every request on every connection, until the process ends.
fn serve<S: Read + Write + Send + 'static>(connections: impl Iterator<Item = S>) {
    for mut connection in connections {
        thread::spawn(move || {
            let (mut unread, mut buffer) = (Vec::new(), [0; 1024]);
            while let Ok(read @ 1..) = connection.read(&mut buffer) {
                unread.extend_from_slice(&buffer[..read]);
                while let Some(end) = unread.windows(4).position(|w| w == b"\r\n\r\n") {
                    unread.drain(..end + 4);
                    let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            }
        });
    }
}
