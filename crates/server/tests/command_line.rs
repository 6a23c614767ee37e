//! What `changeoverd` says to a person, and the code it exits with, before it ever serves.

use std::{fs, net::TcpListener, path::Path};

use assert_cmd::Command;
use tempfile::TempDir;

/// Runs the program in a directory of its own that holds `nginx.conf`; gives its exit code and standard error.
fn run(directory: &Path, configuration: &str, arguments: &[&str]) -> (i32, String) {
    fs::write(directory.join("nginx.conf"), configuration).expect("write the configuration");
    let mut command = Command::cargo_bin("changeoverd").expect("the binary of this package");
    let output = command.current_dir(directory).args(arguments).output().expect("run changeoverd");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Exit code 1 and every one of these words on standard error, and no process or pid file left.
fn fails(configuration: &str, arguments: &[&str], words: &[&str]) {
    let directory = TempDir::new().expect("tempdir");
    let (code, said) = run(directory.path(), configuration, arguments);
    assert_eq!(code, 1, "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
    assert!(!directory.path().join("server.pid").exists());
}

fn listening(address: &str) -> String {
    format!(
        "pid server.pid; error_log error.log notice; events {{}} http {{ server {{ listen {address}; \
         location / {{ return 200 ok; }} }} }}"
    )
}

#[test]
fn a_sound_configuration_passes_the_test_and_starts_nothing() {
    let directory = TempDir::new().expect("tempdir");
    let (code, said) = run(directory.path(), &listening("127.0.0.1:18090"), &["-t"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("nginx.conf syntax is ok"), "{said}");
    assert!(!directory.path().join("server.pid").exists());
}

#[test]
fn a_mistake_is_shown_with_its_place_and_what_to_write() {
    fails(
        "events {}\nhttp { acces_log off; }\n",
        &["-t"],
        &["nginx.conf:2:8", "did you mean \"access_log\""],
    );
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    fails("", &["-c", "other.conf"], &["failed to read", "other.conf"]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    fails(&listening(&address), &[], &["failed to bind", &address, "in use"]);
}

#[test]
fn a_pid_file_that_cannot_be_written_is_a_failed_start() {
    let configuration = listening("127.0.0.1:0").replace("pid server.pid", "pid nowhere/server.pid");
    fails(&configuration.replace("127.0.0.1:0", &free_address()), &[], &["did not start", "error.log"]);
}

#[test]
fn an_order_to_nobody_says_where_it_looked() {
    fails(&listening("127.0.0.1:18090"), &["-s", "reload"], &["server.pid", "is the server running"]);
}

#[test]
fn an_order_to_what_cannot_be_a_server_is_not_sent() {
    let directory = TempDir::new().expect("tempdir");
    // Numbers that would reach somebody if they were sent after all are left to the unit test of `pid_file`.
    for found in ["2147483648", "12x"] {
        fs::write(directory.path().join("server.pid"), found).expect("write the pid file");
        let (code, said) = run(directory.path(), &listening("127.0.0.1:18090"), &["-s", "reopen"]);
        assert_eq!(code, 1, "{found}: {said}");
        assert!(said.contains(&format!("server.pid holds \"{found}\"")), "{said}");
    }
}

#[test]
fn what_could_not_start_fails_the_test_and_leaves_nothing() {
    let sound = listening("127.0.0.1:0").replace("127.0.0.1:0", &free_address());
    let test = |from: &str, to: &str, words: &[&str]| {
        assert!(sound.contains(from), "{from}");
        fails(&sound.replace(from, to), &["-t"], &[words, &["nginx.conf test failed"]].concat());
    };
    test("server.pid", "nowhere/server.pid", &["nowhere/server.pid"]);
    test("error_log error.log", "error_log nowhere/error.log", &["nowhere/error.log"]);
    test("error_log", "worker_rlimit_nofile 1000000000000; error_log", &["worker_rlimit_nofile"]);
    test("listen ", "listen 192.0.2.1:8080; listen ", &["failed to bind 192.0.2.1:8080"]);
    if nix::unistd::geteuid().is_root() {
        test("error_log", "user nosuchuser; error_log", &["no user \"nosuchuser\""]);
        test("error_log", "user nobody nosuchgroup; error_log", &["no group \"nosuchgroup\""]);
    }
}

#[test]
fn the_port_of_a_running_server_does_not_fail_the_test() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    let directory = TempDir::new().expect("tempdir");
    let (code, said) = run(directory.path(), &listening(&address), &["-t"]);
    assert_eq!(code, 0, "{said}");
    let left: Vec<_> =
        fs::read_dir(directory.path()).expect("list").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| name == "nginx.conf" || name == "error.log"), "{left:?}");
}

/// An address that was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    listener.local_addr().expect("address").to_string()
}
