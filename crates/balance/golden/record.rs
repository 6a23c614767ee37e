//! Records what nginx picks, so that `tests/golden.rs` can hold the balancer against it:
//!
//! ```console
//! $ cargo run --release -p balance --example record-golden > crates/balance/golden/picks.txt
//! ```
//!
//! Names of cases after `--` record these alone.
//!
//! It needs `nginx` (or `NGINX=/path/to/it`) and the addresses 127.77.0.1 to .6 with port 18081 free. It takes about two
//! minutes. nginx runs as one process, because each worker has a state of its own. The back ends of most cases are servers
//! of the same nginx; where a request is held on its peer they are this program's.

#[path = "cases.rs"]
mod cases;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use balance::{Availability, Method};
use cases::{CASES, Case, Clock, Connections, Failures, Numbers, Request, Trace};

const FRONT: &str = "127.77.0.6:18081";
const DEADLINE: Duration = Duration::from_secs(10);
/// Requests that are sent before the first answer is read. nginx answers them one after the other.
const AHEAD: usize = 40;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let binary = std::env::var("NGINX").unwrap_or_else(|_| "nginx".to_owned());
    println!("{}", version(&binary));
    println!(
        "# Peers tried by each request, then `!` if none was left; one digest for each 1000 requests.\n"
    );
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    if is_chosen(cases::SPLIT_NAME) {
        let nginx = Nginx::start(&binary, directory.path(), &CASES[0]);
        print!("{}", split_clients());
        drop(nginx);
    }
    // Those that hold connections come last: from then on the addresses are taken by this program.
    for case in CASES.iter().filter(|case| is_chosen(case.name)) {
        let nginx = Nginx::start(&binary, directory.path(), case);
        eprintln!("{}", case.name);
        print!("{}", record(case));
        drop(nginx);
    }
}

fn version(binary: &str) -> String {
    let told = Command::new(binary).arg("-v").output().expect("nginx is installed");
    String::from_utf8_lossy(&told.stderr).trim().replace("nginx version: ", "")
}

fn record(case: &Case) -> String {
    if let Connections::Held { most } = case.connections {
        return hold(case, most).lines(case.name);
    }
    let mut client = Client::connect();
    if case.is_drawn() {
        let mut counts = vec![0; case.peers.len()];
        for tried in client.ask(case.stream().take(case.requests as usize).map(|one| head("/", &one))) {
            counts[usize::from(tried.as_bytes()[0] - b'a')] += 1;
        }
        return shares_line(case.name, &counts);
    }
    let mut trace = Trace::default();
    let mut requests = case.stream().take(case.requests as usize).map(|one| head("/", &one));
    match case.clock {
        Clock::Stands => client.ask(requests).iter().for_each(|tried| trace.push(tried)),
        Clock::Ticks => {
            let first = next_second();
            for burst in 0..u64::from(case.requests / cases::REQUESTS_PER_BURST) {
                let burst_second = first + burst;
                wait_until_into(burst_second);
                let burst = requests.by_ref().take(cases::REQUESTS_PER_BURST as usize);
                client.ask(burst).iter().for_each(|tried| trace.push(tried));
                let (second, millis) = now();
                assert!(
                    second == burst_second && millis < 900,
                    "too slow for a burst a second: record again"
                );
            }
        }
    }
    trace.lines(case.name)
}

/// The shares of a case whose picks are chance.
fn shares_line(name: &str, counts: &[u64]) -> String {
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    format!("case {name} counts {}\n\n", counts.join(" "))
}

fn split_clients() -> String {
    let mut numbers = Numbers::of(cases::SPLIT_NAME);
    let keys = (0..cases::SPLIT_REQUESTS)
        .map(|_| Request { key: cases::split_key(&mut numbers), failing: String::new() });
    let mut trace = Trace::default();
    for part in Client::connect().ask(keys.map(|one| head("/split", &one))) {
        trace.push(&part);
    }
    trace.lines(cases::SPLIT_NAME)
}

fn head(path: &str, request: &Request) -> String {
    let Request { key, failing } = request;
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nX-Key: {key}\r\nX-Forwarded-For: {key}\r\nX-Fail: {failing}\r\n\r\n"
    )
}

/// Requests begin and end in an order that is drawn. A request has begun when its peer has read it, and has ended when the
/// client has its answer: nginx, being one process, has then counted it.
fn hold(case: &Case, most: usize) -> Trace {
    let begun = peers_that_hold(case.peers.len());
    let mut numbers = Numbers::of(case.name);
    let mut free: Vec<Client> = (0..most).map(|_| Client::connect()).collect();
    let mut held: Vec<(Client, TcpStream)> = Vec::new();
    let mut trace = Trace::default();
    for _ in 0..case.requests {
        for index in cases::ends(&mut numbers, held.len(), most) {
            let (mut client, mut peer) = held.swap_remove(index);
            peer.write_all(b"HTTP/1.0 204 No Content\r\n\r\n").expect("nginx waits for it");
            drop(peer);
            client.answer();
            free.push(client);
        }
        let mut client = free.pop().expect("fewer than there are clients are held");
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (index, peer) = begun.recv_timeout(DEADLINE).expect("a peer is asked");
        trace.push(&cases::letter(index).to_string());
        held.push((client, peer));
    }
    trace
}

/// Back ends that read a request and hand over its connection, unanswered.
fn peers_that_hold(count: usize) -> Receiver<(usize, TcpStream)> {
    let (sender, begun) = channel();
    for index in 0..count {
        let listener = TcpListener::bind(cases::address(index)).expect("the address is free");
        let sender = sender.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("accepts");
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n") {
                    let mut buffer = [0; 1024];
                    let count = stream.read(&mut buffer).expect("nginx sends its request");
                    read.extend_from_slice(&buffer[..count]);
                }
                // The recording may be over.
                if sender.send((index, stream)).is_err() {
                    return;
                }
            }
        });
    }
    begun
}

fn now() -> (u64, u32) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    (since.as_secs(), since.subsec_millis())
}

fn next_second() -> u64 {
    now().0 + 1
}

/// Into the second, so that nginx, which looks at the clock now and then, knows of it too.
fn wait_until_into(second: u64) {
    while now() < (second, 100) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A connection to nginx.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect() -> Client {
        let stream = TcpStream::connect(FRONT).expect("nginx listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
        stream.set_nodelay(true).expect("sets an option");
        Client(BufReader::new(stream))
    }

    fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("nginx reads");
    }

    /// Sends all of them, some ahead; the peers that each tried.
    fn ask(&mut self, mut requests: impl Iterator<Item = String>) -> Vec<String> {
        let mut answers = Vec::new();
        loop {
            let ahead: Vec<String> = requests.by_ref().take(AHEAD).collect();
            if ahead.is_empty() {
                return answers;
            }
            self.send(&ahead.concat());
            answers.extend(ahead.iter().map(|_| self.answer()));
        }
    }

    /// What the answer says of the peers that were tried.
    fn answer(&mut self) -> String {
        let (mut tried, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("nginx answers") > 0, "nginx closed the connection");
            match line.trim_end().split_once(": ") {
                Some(("X-Tried", value)) => tried = value.split(", ").map(name_to_letter).collect(),
                Some(("X-Part", value)) => tried = value.to_owned(),
                Some(("Content-Length", value)) => length = value.parse().expect("a number"),
                _ if line == "\r\n" => break,
                _ => {}
            }
        }
        self.0.read_exact(&mut vec![0; length]).expect("a body");
        tried
    }
}

/// nginx names the upstream itself when it found no peer.
fn name_to_letter(name: &str) -> char {
    (0..).take(6).find(|index| cases::address(*index) == name).map_or('!', cases::letter)
}

/// A running nginx, for one case.
struct Nginx(Child);

impl Nginx {
    fn start(binary: &str, directory: &Path, case: &Case) -> Nginx {
        let file = directory.join("nginx.conf");
        std::fs::write(&file, configuration(directory, case)).expect("writes");
        let child = Command::new(binary)
            .args(["-e", "stderr", "-p"])
            .arg(directory)
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(FRONT).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen at {FRONT}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Nginx(child)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it ends");
    }
}

fn configuration(directory: &Path, case: &Case) -> String {
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", directory.display()))
        .concat();
    let parts: String =
        cases::PARTS.iter().zip('a'..).map(|((_, size), letter)| format!("{size} {letter};")).collect();
    let back_ends = match case.connections {
        Connections::Short => (0..case.peers.len()).map(|index| back_end(case, index)).collect(),
        Connections::Held { .. } => String::new(),
    };
    format!(
        "daemon off; master_process off; pid {0}/pid; error_log stderr crit;
         events {{ worker_connections 4096; }}
         http {{
             access_log off; keepalive_requests 100000000; client_header_buffer_size 64k; {paths}
             set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;
             proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Fail $http_x_fail;
             proxy_next_upstream error timeout http_500;
             split_clients $http_x_key $part {{ {parts} }}
             upstream back {{ {upstream} }}
             {back_ends}
             server {{
                 listen {FRONT};
                 location / {{ proxy_pass http://back; add_header X-Tried $upstream_addr always; }}
                 location /split {{ add_header X-Part $part; return 204; }}
             }}
         }}",
        directory.display(),
        upstream = upstream(case),
    )
}

fn upstream(case: &Case) -> String {
    let method = match case.method {
        Method::RoundRobin => "",
        Method::IpHash => "ip_hash;",
        Method::Hash => "hash $http_x_key;",
        Method::ConsistentHash => "hash $http_x_key consistent;",
        Method::LeastConn => "least_conn;",
        Method::Random => "random;",
        Method::RandomTwo => "random two least_conn;",
    };
    let mut text = method.to_owned();
    for setup in case.setups() {
        let availability = match setup.availability {
            Availability::Primary => "",
            Availability::Backup => "backup",
            Availability::PrimaryDown => "down",
            Availability::BackupDown => "backup down",
        };
        write!(
            text,
            "server {} weight={} max_conns={} max_fails={} fail_timeout={}s {availability};",
            setup.name, setup.weight, setup.max_conns, setup.max_fails, setup.fail_timeout_seconds
        )
        .expect("a string takes everything");
    }
    // A kept connection that is closed counts for less than a new one.
    match (case.connections, case.failures) {
        (Connections::Held { .. }, _) | (_, Failures::Close { .. }) => text,
        _ => text + "keepalive 16; keepalive_requests 100000000;",
    }
}

fn back_end(case: &Case, index: usize) -> String {
    let (address, letter) = (cases::address(index), cases::letter(index));
    let status = if matches!(case.failures, Failures::Close { .. }) { 444 } else { 500 };
    format!(
        "server {{ listen {address}; if ($http_x_fail ~ {letter}) {{ return {status}; }} return 204; }}\n"
    )
}
