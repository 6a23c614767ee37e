//! Clients that mean harm, all at once and through an upgrade: heads and bodies that never come to an end, more silent connections
//! than there are descriptors, heads that are too large, connections that are reset. The upgrade completes, and whoever behaves
//! is answered.

mod daemon;

use std::{
    fs, io,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use daemon::{DEADLINE, Server};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};

/// More than two workers have descriptors for.
const SILENT: usize = 400;
const SLOW: usize = 40;
const FILES: u32 = 80;

fn start() -> Server {
    // For our own ends of them.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raises the limit");
    Server::start_with(|server| {
        let text = format!(
            "worker_processes 2; worker_rlimit_nofile {FILES}; worker_shutdown_timeout 1s;\n\
             pid server.pid; error_log error.log notice; events {{}}\n\
             http {{ client_header_timeout 500ms; client_body_timeout 500ms; large_client_header_buffers 2 2k;\n\
             server {{ listen {} backlog=16; location / {{ return 200 ok; }} }} }}",
            server.address
        );
        fs::write(server.path("nginx.conf"), text).expect("write the configuration");
    })
}

fn connect(server: &Server) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server.address.parse().expect("an address"), DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// Everything that the server says to this, up to the end of the connection.
fn told(server: &Server, request: &str) -> io::Result<String> {
    let mut stream = connect(server)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// As many connections as that, each opened again when it is closed, on which `next` says a little now and then.
fn hold(
    server: &Server,
    is_over: &AtomicBool,
    count: usize,
    next: impl Fn(&mut TcpStream) -> io::Result<()>,
) {
    let mut held: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    while !is_over.load(Ordering::Relaxed) {
        for place in held.iter_mut().take_while(|_| !is_over.load(Ordering::Relaxed)) {
            let open = place.take().or_else(|| {
                let stream = connect(server).ok()?;
                stream.set_nonblocking(true).ok()?;
                Some(stream)
            });
            *place = open.and_then(|mut stream| {
                let is_open = matches!(stream.read(&mut [0; 64]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
                (is_open && next(&mut stream).is_ok()).then_some(stream)
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Every request is answered, and tells the generation.
fn behave(server: &Server, is_over: &AtomicBool) -> usize {
    let mut answered = 0;
    while !is_over.load(Ordering::Relaxed) {
        let answer = told(server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer =
            answer.unwrap_or_else(|error| panic!("{error} after {answered} answers; {}", server.log()));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok"), "{answer:?}");
        answered += 1;
    }
    answered
}

/// Heads that are too large are refused in words, and not by a reset that destroys them.
fn exaggerate(server: &Server, is_over: &AtomicBool) {
    let long = "a".repeat(3000);
    let cases = [
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 414 "),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), "HTTP/1.1 400 "),
        // Never complete.
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}"), "HTTP/1.1 400 "),
    ];
    while !is_over.load(Ordering::Relaxed) {
        for (request, expected) in &cases {
            let answer = told(server, request).expect("an answer");
            assert!(answer.starts_with(expected), "{answer:?}");
        }
    }
}

#[test]
fn an_upgrade_completes_and_whoever_behaves_is_answered() {
    let (server, is_over) = (start(), AtomicBool::new(false));
    let (server, is_over) = (&server, &is_over);
    thread::scope(|scope| {
        scope.spawn(|| hold(server, is_over, SILENT, |_| Ok(())));
        // A head and a body, a byte at a time.
        scope.spawn(|| hold(server, is_over, SLOW, |stream| stream.write_all(b"G")));
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        scope.spawn(|| hold(server, is_over, SLOW, |stream| stream.write_all(post.as_bytes())));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // With unread bytes: the kernel says so by a reset.
                drop(
                    connect(server).map(|mut stream| stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
                );
                thread::sleep(Duration::from_millis(10));
            }
        });
        scope.spawn(|| exaggerate(server, is_over));
        let behaved = scope.spawn(|| behave(server, is_over));
        let ended = End(is_over);
        server.wait("descriptors ran out", |s| s.log().contains("Too many open files"));
        let before = workers(server.master());
        let (old, new) = server.upgrade();
        server.signal(old, Signal::SIGWINCH);
        server.wait("the old workers are gone", |_| workers(old).iter().all(|pid| !before.contains(pid)));
        server.signal(old, Signal::SIGQUIT);
        server.wait("the old master is gone", |s| s.pid("server.pid.oldbin").is_none());
        assert_eq!((server.master(), workers(new).len()), (new, 2));
        drop(ended);
        assert!(behaved.join().expect("no panic") > 0);
    });
    assert_eq!(server.generation(), Some(2));
    let log = server.log();
    assert!(!log.contains("[alert]"), "{log}");
    // Each worker says it once a second at most.
    let said = log.matches("Too many open files").count();
    assert!(said < 100, "{said} times");
}

/// Lets the others end also when we do not come to say so.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn workers(master: i32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}
