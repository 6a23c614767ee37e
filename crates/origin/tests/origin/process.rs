//! What it writes down, how it comes and goes.

use std::{
    fs,
    net::{TcpListener, TcpStream},
};

use facts::journal::Entry;
use nix::sys::signal::{Signal, kill};

use crate::{Origin, launch, wait_until};

#[test]
fn it_answers_and_writes_down_what_it_executed() {
    let origin = Origin::start(&[]);
    let answer = origin.ask(0x2a).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    assert!(
        answer.contains("x-changeover-origin: a\r\n") && !answer.contains("x-changeover-pid"),
        "{answer}"
    );
    let journal = origin.journal();
    assert_eq!(journal.len(), 1);
    let Entry { id, started, answered, pid, status, repeats } = journal[0];
    assert_eq!((id, pid as i32, status, repeats), (0x2a, origin.pid.as_raw(), 200, 0));
    assert!(0 < started && started <= answered);
}

#[test]
fn with_echo_it_is_a_target() {
    let origin = Origin::start(&["--echo"]);
    let answer = origin.ask(0x2a).unwrap();
    assert!(answer.contains("x-changeover-id: 000000000000002a\r\n"), "{answer}");
    assert!(answer.contains(&format!("x-changeover-pid: {}\r\n", origin.pid)), "{answer}");
}

#[test]
fn it_ends_in_order_on_each_of_three_signals() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let origin = Origin::start(&[]);
        assert!(origin.is_alive());
        kill(origin.pid, signal).unwrap();
        wait_until("the process ends", || !origin.is_alive());
        assert!(!origin.pid_file().exists(), "{signal}");
        assert!(TcpStream::connect(origin.address).is_err());
    }
}

#[test]
fn an_address_in_use_is_one_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap();
    let output = launch(&directory, address, &[]);
    let error = format!(
        "origin a: listen on {address}: Address already in use (os error 98); choose a free address with --listen\n"
    );
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), error));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
}
