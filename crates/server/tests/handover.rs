//! Thousands of connections go on in the other generation of the real program, also when somebody dies in the middle.

mod daemon;

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use daemon::{DEADLINE, Server};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::Signal,
};

/// Connections of the test that only counts, and of the one that kills; both may run at once.
const MANY: usize = 10_000;
const FEWER: usize = 4_000;

fn start() -> Server {
    // For both ends, which inherit it.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("raises the limit");
    Server::start_with(|server| {
        let text = format!(
            "worker_processes 2; pid server.pid; error_log error.log info; events {{ worker_connections 15000; }}\n\
             http {{ server {{
                 listen {} backlog=4096;
                 location / {{ return 200 $connection_requests; }}
                 location /early {{ proxy_pass http://{}; }}
             }} }}",
            server.address,
            hasty(),
        );
        fs::write(server.path("nginx.conf"), text).expect("write the configuration");
    })
}

/// A back end that answers every head, waits for no body, and closes.
fn hasty() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("accepts");
            let _ = stream.read(&mut [0; 4096]).expect("a head");
            let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1";
            stream.write_all(answer).expect("answers");
        }
    });
    address
}

/// A client that keeps its connection.
struct Client(TcpStream);

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Answered {
        generation: u32,
        requests: u64,
        closes: bool,
    },
    /// Nothing of an answer, in order or by a reset.
    Closed,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let stream = TcpStream::connect(&server.address).expect("connects");
        stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
        Client(stream)
    }

    fn get(&mut self) -> End {
        self.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    fn send(&mut self, rest: &str) -> End {
        if self.0.write_all(rest.as_bytes()).is_err() {
            return End::Closed;
        }
        let (mut bytes, mut text) = ([0; 1024], String::new());
        // Our answers are a head and a digit.
        while text.split_once("\r\n\r\n").is_none_or(|(_, body)| body.is_empty()) {
            match self.0.read(&mut bytes) {
                Ok(0) => {
                    assert_eq!(text, "", "closed within an answer");
                    return End::Closed;
                }
                Ok(count) => text.push_str(std::str::from_utf8(&bytes[..count]).expect("text")),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return End::Closed,
                Err(error) => panic!("{error} after {text:?}"),
            }
        }
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        End::Answered {
            generation: header("X-Changeover-Generation: ").expect("a generation").parse().expect("a number"),
            requests: body.parse().expect("a number"),
            closes: header("Connection: ") == Some("close"),
        }
    }
}

fn answered(generation: u32, requests: u64) -> End {
    End::Answered { generation, requests, closes: false }
}

/// Clients that have had an answer.
fn idle(server: &Server, count: usize) -> Vec<Client> {
    let (files, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(files > 15_000, "these tests need 15000 files in a process (ulimit -Hn), not {files}");
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connect(server)).collect();
    for client in &mut clients {
        assert_eq!(client.get(), answered(1, 1));
    }
    clients
}

#[test]
fn ten_thousand_idle_connections_go_on_in_the_new_generation() {
    let server = start();
    let mut clients = idle(&server, MANY);
    let (mut heads, mut silent): (Vec<Client>, Vec<Client>) = (
        (0..100).map(|_| Client::connect(&server)).collect(),
        (0..100).map(|_| Client::connect(&server)).collect(),
    );
    heads.iter_mut().for_each(|client| client.0.write_all(b"GET / HTTP/1.1\r\nHo").expect("sends"));
    // Requests whose body ends after the switch: one is answered then, one long before.
    let post = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12");
    let (mut bodies, mut early): (Vec<Client>, Vec<Client>) = (
        (0..100).map(|_| Client::connect(&server)).collect(),
        (0..100).map(|_| Client::connect(&server)).collect(),
    );
    bodies.iter_mut().for_each(|client| client.0.write_all(post("/").as_bytes()).expect("sends"));
    early.iter_mut().for_each(|client| assert_eq!(client.send(&post("/early")), answered(1, 1)));
    let (old, _) = server.upgrade();
    server.signal(old, Signal::SIGWINCH);
    server.signal(old, Signal::SIGQUIT);
    server.wait("the old generation drains", |s| s.log().matches("gracefully shutting down").count() >= 2);
    early.iter_mut().for_each(|client| client.0.write_all(b"345").expect("sends"));
    bodies.iter_mut().for_each(|client| assert_eq!(client.send("345"), answered(1, 1)));
    server.wait("the old generation is gone", |s| s.pid("server.pid.oldbin").is_none());
    early.iter_mut().chain(&mut bodies).for_each(|client| assert_eq!(client.get(), answered(2, 2)));
    clients.iter_mut().for_each(|client| assert_eq!(client.get(), answered(2, 2)));
    heads.iter_mut().for_each(|client| assert_eq!(client.send("st: a\r\n\r\n"), answered(2, 1)));
    silent.iter_mut().for_each(|client| assert_eq!(client.get(), answered(2, 1)));
}

/// Exactly the connections that the killed worker had taken are lost with it. All others are served: by the generation that had
/// not given them yet, or by the rest of the new one.
#[test]
fn a_taker_killed_in_the_middle_loses_what_it_had_taken_and_nothing_else() {
    let server = start();
    let mut clients = idle(&server, FEWER);
    let (old, new) = server.upgrade();
    let workers = fs::read_to_string(format!("/proc/{new}/task/{new}/children")).expect("a live master");
    let victim: i32 = workers.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a worker");
    server.signal(old, Signal::SIGWINCH);
    let went = |server: &Server| went(&server.log(), victim);
    server.wait("it took some", |s| went(s) > 0);
    server.signal(victim, Signal::SIGKILL);
    server.wait("its master knows", |s| s.log().contains(&format!("worker process {victim} was killed")));
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for client in &mut clients {
        let end = match client.get() {
            End::Answered { generation, requests: 2, closes } => format!("{generation} {closes}"),
            End::Closed => "closed".to_owned(),
            other => panic!("{other:?}"),
        };
        *ends.entry(end).or_default() += 1;
    }
    drop(clients);
    let taken = went(&server);
    assert!(taken < FEWER, "killed too late to show anything");
    assert_eq!(ends.get("closed").copied().unwrap_or_default(), taken, "{ends:?}");
    assert!(ends.get("2 false").is_some_and(|count| *count > 0), "{ends:?}");
}

/// How many connections the old workers say that this one took.
fn went(log: &str, taker: i32) -> usize {
    let tail = format!(" connections went to worker process {taker}");
    let counts =
        log.lines().filter_map(|line| line.strip_suffix(&tail)?.rsplit(' ').next()?.parse::<usize>().ok());
    counts.sum()
}
