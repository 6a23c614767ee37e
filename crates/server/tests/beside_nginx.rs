//! The same clients on nginx and on changeoverd: each goes to the same back end. Without nginx these tests say SKIP and
//! show nothing; picks recorded from nginx are held against the balancer in any case (`balance`, `tests/golden.rs`).

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket},
    },
    unistd::Pid,
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(10);
const CLIENTS: u32 = 10_000;
/// Requests that are sent before the first answer is read.
const AHEAD: usize = 50;

/// A server in the foreground, ended when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    _directory: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is our child, not yet waited for: the pid is its own.
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

/// A back end that answers with its letter.
fn back_end(letter: char) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("has an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("accepts");
            thread::spawn(move || answer(stream, letter));
        }
    });
    address
}

fn answer(mut stream: TcpStream, letter: char) {
    let mut reader = BufReader::new(stream.try_clone().expect("duplicates"));
    let mut line = String::new();
    // The other side closes, or the test is over.
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        let ends = line == "\r\n";
        line.clear();
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Back-End: {letter}\r\n\r\n");
        if ends && stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// Starts a server on what `inside` says in `http`; `LISTEN` in it is replaced. `None` if there is no such program.
fn start(program: &Path, main: &str, inside: &str) -> Option<Server> {
    let directory = TempDir::new().expect("a directory");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(directory.path(), open).expect("opens the directory");
    let free = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = free.local_addr().expect("has an address");
    drop(free);
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};", directory.path().display()))
        .concat();
    let text = format!(
        "daemon off; worker_processes 1; pid {0}/pid; error_log {0}/error.log; {main}
         events {{ worker_connections 1024; }} http {{ access_log off; {paths} {1} }}",
        directory.path().display(),
        inside.replace("LISTEN", &address.to_string())
    );
    let file = directory.path().join("nginx.conf");
    fs::write(&file, text).expect("writes");
    let mut command = Command::new(program);
    command.arg("-p").arg(directory.path()).arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
    let child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{} does not start: {error}", program.display()),
    };
    let server = Server { child, address, _directory: directory };
    let deadline = Instant::now() + DEADLINE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "{} does not listen", program.display());
        thread::sleep(Duration::from_millis(5));
    }
    Some(server)
}

/// Both servers on one configuration.
fn both(inside: &str) -> Option<[Server; 2]> {
    // One process, and so one state.
    let nginx = start(Path::new("nginx"), "master_process off;", inside);
    if nginx.is_none() {
        eprintln!("SKIP: nginx is not installed; apt-get install nginx-light");
    }
    let ours = start(Path::new(env!("CARGO_BIN_EXE_changeoverd")), "", inside).expect("it was built");
    Some([nginx?, ours])
}

/// The upstreams of the seed, and others over the same two back ends.
fn configuration() -> String {
    let (a, b) = (back_end('a'), back_end('b'));
    let upstream = |name: &str, method: &str, of_a: &str| {
        format!(
            "upstream {name} {{ {method}
                 server {a} weight=1 fail_timeout=15 max_fails=3 {of_a}; server {b} weight=2 fail_timeout=15 max_fails=3;
                 keepalive 8; keepalive_requests 100000; }}"
        )
    };
    let locations: String = ["seed", "removed", "hash", "ring", "parts"]
        .map(|name| format!("location /{name} {{ proxy_pass http://{name}; }}"))
        .concat()
        .replace("http://parts", "http://$variant");
    format!(
        "{} {} {} {} upstream one {{ server {a}; }} upstream two {{ server {b}; }}
         split_clients $remote_addr $variant {{ 12.5% one; * two; }}
         set_real_ip_from 127.0.0.0/16; real_ip_header X-Forwarded-For;
         proxy_http_version 1.1; proxy_set_header Connection \"\"; keepalive_requests 1000000;
         server {{ listen LISTEN; {locations} }}",
        upstream("seed", "ip_hash;", ""),
        upstream("removed", "ip_hash;", "down"),
        upstream("hash", "hash $remote_addr;", ""),
        upstream("ring", "hash $remote_addr consistent;", ""),
    )
}

/// Which back end each client gets, in order.
fn map(server: &Server, path: &str, clients: &[Ipv4Addr]) -> String {
    let stream = TcpStream::connect(server.address).expect("connects");
    stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
    let mut reader = BufReader::new(stream);
    let mut back_ends = String::new();
    for ahead in clients.chunks(AHEAD) {
        let head = |client: &Ipv4Addr| {
            format!("GET /{path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n")
        };
        let heads: Vec<String> = ahead.iter().map(head).collect();
        reader.get_mut().write_all(heads.concat().as_bytes()).expect("sends");
        back_ends.extend(ahead.iter().map(|_| read_back_end(&mut reader)));
    }
    back_ends
}

fn read_back_end(reader: &mut BufReader<TcpStream>) -> char {
    let (mut back_end, mut length) = ('?', 0);
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).expect("an answer") > 0, "the server closed the connection");
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("x-back-end", letter)) => back_end = letter.chars().next().expect("a letter"),
            Some(("content-length", text)) => length = text.parse().expect("a number"),
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("a body");
    back_end
}

/// As many clients as networks: spread over the address space by a multiplication.
fn clients() -> Vec<Ipv4Addr> {
    (1..=CLIENTS).map(|number| Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761))).collect()
}

#[test]
fn ten_thousand_clients_go_to_the_same_back_ends() {
    let Some([nginx, ours]) = both(&configuration()) else { return };
    let clients = clients();
    for path in ["seed", "removed", "hash", "ring", "parts"] {
        let (theirs, own) = (map(&nginx, path, &clients), map(&ours, path, &clients));
        let mut counts: BTreeMap<char, u32> = BTreeMap::new();
        theirs.chars().for_each(|back_end| *counts.entry(back_end).or_default() += 1);
        let differ = theirs.chars().zip(own.chars()).filter(|(theirs, own)| theirs != own).count();
        assert_eq!(differ, 0, "{path}: of {counts:?}");
        let of_a = counts.get(&'a').copied().unwrap_or(0);
        match path {
            "removed" => assert_eq!(counts, BTreeMap::from([('b', CLIENTS)])),
            "parts" => assert!((1_000..1_500).contains(&of_a), "{counts:?}"),
            // Points of a ring follow from the addresses of the peers, and their ports are new in each run.
            "ring" => assert!((2_000..4_700).contains(&of_a), "{counts:?}"),
            _ => assert!((3_000..3_700).contains(&of_a), "{path}: {counts:?}"),
        }
    }
}

/// Connects from an address of its own.
fn connect_from(client: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let SocketAddr::V4(server) = server else { panic!("servers listen on IPv4") };
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    let [a, b, c, d] = client.octets();
    bind(raw, &SockaddrIn::new(a, b, c, d, 0)).expect("all of 127.0.0.0/8 is ours");
    connect(raw, &SockaddrIn::from(server)).expect("connects");
    TcpStream::from(fd)
}

#[test]
fn clients_with_addresses_of_their_own_go_to_the_same_back_ends() {
    // Nobody is trusted beyond 127.0.0.0/16: these clients are who they are, whatever they say.
    let Some([nginx, ours]) = both(&configuration()) else { return };
    let clients = (0..240).map(|number| Ipv4Addr::new(127, 1 + number / 16, number.wrapping_mul(53), 9));
    let ask = |server: &Server, client: Ipv4Addr| {
        let mut stream = connect_from(client, server.address);
        stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
        stream
            .write_all(b"GET /seed HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 8.8.8.8\r\n\r\n")
            .expect("sends");
        read_back_end(&mut BufReader::new(stream))
    };
    let picks: Vec<(char, char)> = clients.map(|client| (ask(&nginx, client), ask(&ours, client))).collect();
    let differ = picks.iter().filter(|(theirs, own)| theirs != own).count();
    assert_eq!(differ, 0, "{picks:?}");
    assert!(picks.iter().any(|(theirs, _)| *theirs == 'a') && picks.iter().any(|(theirs, _)| *theirs == 'b'));
}
