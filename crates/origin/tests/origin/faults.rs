//! What it does wrong when it is asked to.

use nix::sys::signal::{Signal, kill};

use crate::{Origin, wait_until};

#[test]
fn each_third_request_is_reset_and_not_executed() {
    let origin = Origin::start(&["--fault", "reset-every=3"]);
    let answers: Vec<String> = (1..=6).map(|id| origin.ask(id).map_or_else(|e| e, |_| "ok".into())).collect();
    assert_eq!(answers, ["ok", "ok", "ConnectionReset", "ok", "ok", "ConnectionReset"]);
    assert_eq!(origin.journal().iter().map(|e| e.id).collect::<Vec<_>>(), [1, 2, 4, 5]);
}

#[test]
fn each_second_request_is_executed_and_never_answered() {
    let origin = Origin::start(&["--fault", "swallow-every=2"]);
    let answers: Vec<String> = (1..=4).map(|id| origin.ask(id).map_or_else(|e| e, |_| "ok".into())).collect();
    assert_eq!(answers, ["ok", "WouldBlock", "ok", "WouldBlock"]);
    let journal = origin.journal();
    assert_eq!(journal.iter().map(|e| e.answered > 0).collect::<Vec<_>>(), [true, false, true, false]);
}

#[test]
fn a_queue_is_dropped_on_usr2_and_service_goes_on() {
    let origin = Origin::start(&["--fault", "drop-queue-on-usr2"]);
    assert!(origin.ask(1).is_ok());
    kill(origin.pid, Signal::SIGUSR2).unwrap();
    wait_until("a queued connection is reset", || origin.ask(2) == Err("ConnectionReset".into()));
    wait_until("requests are answered again", || origin.ask(3).is_ok());
    assert!(origin.ask(4).is_ok());
}
