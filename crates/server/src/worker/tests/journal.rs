//! What a worker writes down of what it executes.

use std::net::Shutdown;

use facts::journal::Entry;

use super::*;

/// Most that any pair of sockets holds.
const MORE_THAN_ANY_BUFFER: usize = 32 << 20;

fn with_id(id: u64) -> String {
    format!("X-Changeover-Id: {id:016x}\r\n")
}

#[test]
fn every_request_with_an_id_is_begun_and_answered() {
    let rig = Rig::accepting("server { listen LISTEN; location / { return 404; } }");
    let mut client = rig.connect();
    client.request("GET /", &with_id(5));
    client.get();
    client.request("GET /", &with_id(6));
    client.request("HEAD /", &with_id(7));
    rig.wait_for("three answers in the journal", || {
        rig.journal().iter().filter(|e| e.answered > 0).count() == 3
    });
    let pid = std::process::id();
    for (entry, id) in rig.journal().iter().zip(5..) {
        let Entry { started, answered, .. } = *entry;
        assert_eq!((entry.id, entry.pid, entry.status, entry.repeats), (id, pid, 404, 0));
        assert!(0 < started && started <= answered);
    }
}

#[test]
fn an_answer_is_written_down_when_the_kernel_has_all_of_it() {
    let text = "x".repeat(MORE_THAN_ANY_BUFFER);
    let rig = Rig::accepting(&format!("server {{ listen LISTEN; location / {{ return 200 {text}; }} }}"));
    let mut client = rig.connect();
    client.send(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", with_id(5)));
    rig.wait_for("the request in the journal", || rig.journal().len() == 1);
    client.stream.peek(&mut [0]).expect("the begin of the answer");
    assert_eq!(rig.journal()[0].answered, 0, "most of the answer waits for the client");
    assert_eq!(client.answer().body.len(), MORE_THAN_ANY_BUFFER);
    rig.wait_for("the answer in the journal", || rig.journal()[0].answered > 0);
}

#[test]
fn a_request_that_never_came_whole_is_begun_and_not_answered() {
    let rig = Rig::accepting("server { listen LISTEN; location / { return 200 ok; } }");
    let mut client = rig.connect();
    client.send(&format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n{}\r\nhalf", with_id(5)));
    rig.wait_for("the request in the journal", || rig.journal().len() == 1);
    client.stream.shutdown(Shutdown::Write).expect("says that nothing follows");
    client.rest();
    assert_eq!(rig.journal()[0].answered, 0);
}
