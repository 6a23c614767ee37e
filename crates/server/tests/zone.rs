//! What workers know of the members of an upstream, and what an operator says of them, outlives reloads, upgrades, and deaths.

mod daemon;

use std::{
    cell::RefCell,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use assert_cmd::Command;
use daemon::{DEADLINE, Server, order};
use nix::sys::signal::Signal;
use serde_json::Value;

/// A director and its members, which it serves itself: `a` is good, and `b` is what the test makes of it.
struct Director {
    server: Server,
    members: [SocketAddr; 2],
}

impl Director {
    /// `inside` is what stands in the upstream beside its servers, whose parameters are `peers`.
    fn start(inside: &str, peers: [&str; 2], b: &str) -> Director {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let members = [free(), free()];
        let server = Server::start_with(|server| configure(server, &members, inside, peers, b));
        Director { server, members }
    }

    fn configure(&self, inside: &str, peers: [&str; 2], b: &str) {
        configure(&self.server, &self.members, inside, peers, b);
    }

    /// Who answers so many requests, each on a connection of its own: with the first letter of the answer's body, or the status.
    fn ask(&self, count: usize, method: &str) -> String {
        (0..count).map(|_| self.ask_once(method)).collect()
    }

    fn ask_once(&self, method: &str) -> char {
        let mut stream = TcpStream::connect(&self.server.address).expect("connects");
        stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
        let request =
            format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).expect("a status");
        if status == "200" {
            body.chars().next().expect("a body")
        } else {
            status.chars().next().expect("a digit")
        }
    }

    fn share(&self, of: char, count: usize) -> usize {
        self.ask(count, "GET").matches(of).count()
    }

    fn order(&self, words: &[&str]) -> (Option<i32>, String, String) {
        order(&self.server, words)
    }

    /// `a=5`, with the member's address in the place of its letter.
    fn weights(&self, a: &str, b: &str) -> [String; 2] {
        [format!("{}={a}", self.members[0]), format!("{}={b}", self.members[1])]
    }

    fn weigh(&self, a: &str, b: &str) {
        let [a, b] = self.weights(a, b);
        let (code, out, wrong) = self.order(&["weight", "origins", &a, &b]);
        assert_eq!(code, Some(0), "{out}{wrong}");
    }

    /// Of each generation, of each member: weight, failures.
    fn known(&self) -> Vec<Vec<(u64, u64)>> {
        let (code, out, wrong) = self.order(&["status", "--json"]);
        assert_eq!(code, Some(0), "{wrong}");
        let told: Value = serde_json::from_str(&out).expect("JSON");
        let number = |member: &Value, what: &str| member[what].as_u64().expect("a number");
        let masters = told["masters"].as_array().expect("masters").iter();
        let members = masters.map(|master| master["clusters"][0]["members"].as_array().expect("members"));
        members
            .map(|all| all.iter().map(|one| (number(one, "weight"), number(one, "fails"))).collect())
            .collect()
    }

    fn reload(&self) {
        let lines = |server: &Server| server.log().matches("gracefully shutting down").count();
        let before = lines(&self.server);
        self.server.signal(self.server.master(), Signal::SIGHUP);
        self.server.wait("the old workers leave", |server| lines(server) >= before + 2);
    }

    fn workers(&self) -> Vec<i32> {
        let (_, out, _) = self.order(&["status", "--json"]);
        let told: Value = serde_json::from_str(&out).expect("JSON");
        let workers = told["masters"][0]["workers"].as_array().expect("workers").iter();
        workers.map(|worker| worker["pid"].as_i64().expect("a pid") as i32).collect()
    }
}

fn configure(server: &Server, members: &[SocketAddr; 2], inside: &str, peers: [&str; 2], b: &str) {
    let ([first, second], address) = (members, &server.address);
    let text = format!(
        "worker_processes 2; pid server.pid; error_log error.log notice; events {{}}
         http {{
             upstream origins {{ {inside} server {first} {}; server {second} {}; }}
             server {{ listen {first}; location / {{ return 200 a; }} }}
             server {{ listen {second}; location / {{ {b} }} }}
             server {{ listen {address}; location / {{ proxy_next_upstream error http_503; proxy_pass http://origins; }} }}
         }}",
        peers[0], peers[1],
    );
    fs::write(server.path("nginx.conf"), text).expect("write the configuration");
}

const ZONE: &str = "zone origins 64k;";
const EVEN: [&str; 2] = ["weight=50", "weight=50"];
const GOOD: &str = "return 200 b;";

#[test]
fn all_workers_share_one_turn() {
    let director = Director::start(ZONE, ["weight=5", "weight=2"], GOOD);
    let picked = director.ask(70, "GET");
    assert!(
        picked.as_bytes().windows(7).all(|seven| seven.iter().filter(|one| **one == b'b').count() == 2),
        "{picked}"
    );
}

#[test]
fn weights_are_obeyed_at_once_and_exactly_through_an_upgrade_a_rollback_and_a_reload() {
    let director = Director::start(ZONE, EVEN, GOOD);
    assert_eq!(director.share('b', 40), 20);
    director.weigh("95", "5");
    assert_eq!(director.share('b', 100), 5);
    let (old, new) = director.server.upgrade();
    assert_eq!(director.known(), [[(95, 0), (5, 0)], [(95, 0), (5, 0)]]);
    assert_eq!(director.share('b', 100), 5);
    director.weigh("80", "20");
    assert_eq!(director.known(), [[(80, 0), (20, 0)], [(80, 0), (20, 0)]]);
    assert_eq!(director.share('b', 100), 20);
    director.server.signal(new, Signal::SIGKILL);
    director.server.wait("the old one leads again", |server| server.pid("server.pid") == Some(old));
    assert_eq!(director.share('b', 100), 20);
    director.reload();
    assert_eq!(director.share('b', 100), 20);
    director.weigh("0", "100");
    assert_eq!(director.share('b', 50), 50);
    director.configure(ZONE, ["weight=30", "weight=10"], GOOD);
    director.reload();
    assert_eq!(director.share('b', 40), 10, "a configuration with other weights wins");
    director.configure(ZONE, EVEN, GOOD);
    director.reload();
    assert_eq!(director.share('b', 40), 20, "and what it ended does not come back");
}

#[test]
fn members_go_down_and_come_back_and_a_drain_waits_for_what_is_under_way() {
    let hangs = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = hangs.local_addr().expect("an address").port();
    let director = Director::start(ZONE, EVEN, &format!("proxy_pass http://127.0.0.1:{port};"));
    let b = director.members[1].to_string();
    // One of two in turn comes to `b`, and waits there.
    let mut clients: Vec<TcpStream> =
        (0..2).map(|_| TcpStream::connect(&director.server.address).expect("connects")).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sends"));
    let (mut held, _) = hangs.accept().expect("somebody asks");
    let mut drain =
        std::process::Command::new(Command::cargo_bin("changeoverd").expect("built").get_program())
            .current_dir(director.server.directory.path())
            .args(["-s", "drain", "origins", &b])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
    director
        .server
        .wait("the order is given", |server| server.log().contains(&format!("{b} weight 50, down")));
    assert_eq!(director.ask(10, "GET"), "a".repeat(10));
    let (old, new) = director.server.upgrade();
    director.server.signal(new, Signal::SIGKILL);
    director.server.wait("the old one leads again", |server| server.pid("server.pid") == Some(old));
    assert_eq!(director.ask(10, "GET"), "a".repeat(10));
    assert!(drain.try_wait().expect("looks").is_none(), "it waits for the request, whoever leads");
    held.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nb").expect("answers");
    let output = drain.wait_with_output().expect("ends");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains(&format!("no connection to {b} is left")),
        "{output:?}"
    );
    assert_eq!(director.order(&["undrain", "origins", &b]).0, Some(0));
    assert_eq!(director.known()[0], [(50, 0), (50, 0)]);
    let (code, _, why) = director.order(&["down", "origins", &director.members[0].to_string(), &b]);
    assert_eq!(
        (code, why.contains("nobody in upstream \"origins\" would get a request")),
        (Some(1), true),
        "{why}"
    );
}

#[test]
fn failures_are_counted_once_for_all_and_forgotten_at_a_reload_unless_it_is_said() {
    let bad = "return 503;";
    let peers = ["max_fails=3 fail_timeout=60s", "max_fails=3 fail_timeout=60s"];
    let director = Director::start(ZONE, peers, bad);
    assert_eq!(director.ask(40, "GET"), "a".repeat(40));
    assert_eq!(director.known()[0], [(1, 0), (1, 3)], "three of two workers together");
    let told = || {
        let says = format!("server {} is left alone until ", director.members[1]);
        director.server.log().matches(&says).count()
    };
    assert_eq!(told(), 1);
    assert!(director.order(&["status"]).1.contains("  left alone after failures until "));
    director.reload();
    assert_eq!(director.known()[0], [(1, 0), (1, 0)], "as nginx");
    director.ask(40, "GET");
    assert_eq!(director.known()[0], [(1, 0), (1, 3)]);
    assert_eq!(told(), 2);
    let (old, new) = director.server.upgrade();
    director.ask(40, "GET");
    assert_eq!(director.known(), [[(1, 0), (1, 3)], [(1, 0), (1, 3)]], "an upgrade forgets nothing");
    director.server.signal(old, Signal::SIGQUIT);
    director.server.wait("the new one is alone", |server| !server.path("server.pid.oldbin").exists());
    assert_eq!(director.server.master(), new);
    director.configure("zone origins; changeover_zone_reload keep;", peers, bad);
    director.reload();
    director.ask(40, "GET");
    assert_eq!(director.known()[0], [(1, 0), (1, 3)]);
}

#[test]
fn the_death_of_workers_and_of_all_masters_loses_nothing() {
    let bad = "return 503;";
    let peers = ["weight=50 max_fails=3 fail_timeout=60s", "weight=50 max_fails=3 fail_timeout=60s"];
    let director = Director::start(ZONE, peers, bad);
    director.weigh("40", "60");
    director.ask(40, "GET");
    let expected = [(40, 0), (60, 3)];
    assert_eq!(director.known()[0], expected);
    let workers = director.workers();
    workers.iter().for_each(|pid| director.server.signal(*pid, Signal::SIGKILL));
    director.server.wait("there are other workers", |_| {
        let now = director.workers();
        now.len() == 2 && now.iter().all(|pid| !workers.contains(pid))
    });
    assert_eq!(director.ask(20, "GET"), "a".repeat(20));
    assert_eq!(director.known()[0], expected);
    let dead = director.server.master();
    director.server.signal(dead, Signal::SIGKILL);
    director
        .server
        .wait("the workers know", |server| server.log().matches("the master is gone").count() == 2);
    let mut again = Command::cargo_bin("changeoverd").expect("built");
    again.current_dir(director.server.directory.path()).assert().success();
    assert_ne!(director.server.master(), dead);
    assert_eq!(director.ask(20, "GET"), "a".repeat(20));
    assert_eq!(director.known()[0], expected);
}

#[test]
fn a_member_that_fails_every_post_is_ejected_for_all_workers_where_it_is_said() {
    let post = |inside: &str| {
        let director = Director::start(&format!("{ZONE} {inside}"), ["", ""], "return 500;");
        let answered = director.ask(60, "POST");
        (answered.matches('5').count(), director.order(&["status"]).1.contains(" ejected"))
    };
    assert_eq!(post(""), (30, false), "as nginx: it is never left alone");
    assert_eq!(post("changeover_eject 50% of=4 rest=60s;"), (4, true));
}

/// A member that the test holds in its hand.
struct Puppet {
    address: SocketAddr,
    state: Arc<(Mutex<Mood>, Condvar)>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Answers 500.
    Bad,
    /// Answers.
    Good,
    /// Answers when it is told what.
    Silent,
}

impl Puppet {
    fn start() -> Puppet {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new((Mutex::new(Mood::Bad), Condvar::new()));
        let asked = Arc::new(AtomicUsize::new(0));
        let puppet = Puppet { address, state: Arc::clone(&state), asked: Arc::clone(&asked) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, asked) = (Arc::clone(&state), Arc::clone(&asked));
                std::thread::spawn(move || answer(stream, &state, &asked));
            }
        });
        puppet
    }

    fn becomes(&self, mood: Mood) {
        *self.state.0.lock().expect("nobody panicked") = mood;
        self.state.1.notify_all();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, (mood, changed): &(Mutex<Mood>, Condvar), asked: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or_default() == 0 {
            return;
        }
        head.push(byte[0]);
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let mood = changed
        .wait_while(mood.lock().expect("nobody panicked"), |mood| *mood == Mood::Silent)
        .expect("nobody panicked");
    let status = if *mood == Mood::Good { "200 OK" } else { "500 Internal Server Error" };
    // A client that has left is no matter here.
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb");
}

#[test]
fn an_ejected_member_is_told_of_is_not_relied_upon_and_comes_back_by_doubling() {
    let puppet = Puppet::start();
    let inside = format!("{ZONE} changeover_eject 50% of=4 rest=3s;");
    let director = Director::start(&inside, ["", ""], &format!("proxy_pass http://{};", puppet.address));
    let [a, b] = director.members.map(|member| member.to_string());
    assert_eq!(director.ask(20, "POST").matches('5').count(), 4);
    let status = |word: &str| {
        let (_, told, _) = director.order(&["status"]);
        let row = told
            .lines()
            .find(|line| line.contains(&b) && line.contains(" under way"))
            .unwrap_or_default()
            .to_owned();
        assert!(row.contains(word), "{word} in {row}");
    };
    status(" ejected until ");
    let log = director.server.log();
    assert_eq!(log.matches(&format!("server {b} is ejected until ")).count(), 1, "once for all workers");
    assert!(log.contains("4 of its last 4 answers were faults"), "{log}");
    for what in ["drain", "down"] {
        let (code, _, why) = director.order(&[what, "origins", &a]);
        assert_eq!(code, Some(1), "{why}");
        assert!(why.contains(&format!("{b} is ejected until ")) && why.contains("--force"), "{why}");
    }
    assert_eq!(director.ask(4, "POST"), "aaaa", "nothing was ordered");
    let until_tried = |before: usize| {
        director.server.wait("one request tries it", |_| {
            director.ask_once("POST");
            puppet.asked() > before
        });
    };
    until_tried(4);
    assert_eq!(director.ask(20, "POST"), "a".repeat(20), "one request was enough");
    assert_eq!(puppet.asked(), 5);
    assert!(director.server.log().contains(&format!("server {b} is ejected again until ")));
    puppet.becomes(Mood::Silent);
    let held: RefCell<Vec<TcpStream>> = RefCell::default();
    let mut asked = 5;
    for round in [1, 2, 4, 8] {
        // Nobody can get more than it has earned while nothing of it is answered.
        director.server.wait("a round is begun", |_| {
            let mut client = TcpStream::connect(&director.server.address).expect("connects");
            client.write_all(b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n").expect("sends");
            held.borrow_mut().push(client);
            puppet.asked() == asked + round
        });
        asked += round;
        assert_eq!(director.ask(20, "POST"), "a".repeat(20), "round of {round}");
        status("on trial");
        assert_eq!(puppet.asked(), asked);
        puppet.becomes(Mood::Good);
        let answers = held.take().into_iter().map(|mut client| {
            let mut answer = String::new();
            client.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
            client.read_to_string(&mut answer).expect("an answer");
            answer
        });
        let of_b: Vec<String> = answers.filter(|answer| !answer.ends_with('a')).collect();
        assert!(of_b.len() == round && of_b.iter().all(|answer| answer.contains("200 OK")), "{of_b:?}");
        puppet.becomes(Mood::Silent);
    }
    puppet.becomes(Mood::Good);
    director.server.wait("it is admitted", |server| {
        director.ask_once("POST");
        server.log().contains(&format!("server {b} is admitted again"))
    });
    assert_eq!(director.share('b', 40), 20);
    status(" up, weight 1, 0 failed, 0 under way");
    assert_eq!(director.order(&["drain", "origins", &a]).0, Some(0), "the other one serves");
    assert_eq!(director.ask(4, "GET"), "bbbb");
}

#[test]
fn a_drain_says_what_it_waits_for_and_ends_when_it_is_told_to() {
    let puppet = Puppet::start();
    puppet.becomes(Mood::Silent);
    let director = Director::start(ZONE, EVEN, &format!("proxy_pass http://{};", puppet.address));
    let b = director.members[1].to_string();
    let mut clients: Vec<TcpStream> =
        (0..2).map(|_| TcpStream::connect(&director.server.address).expect("connects")).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sends"));
    director.server.wait("one is with the member", |_| puppet.asked() == 1);
    let (code, out, why) = director.order(&["drain", "origins", &b, "--timeout", "300ms"]);
    assert_eq!(code, Some(1), "{out}{why}");
    assert!(out.contains(&format!("waiting for 1 connection to {b} to end")), "{out}");
    assert!(why.contains(&format!("1 connection to {b} left")), "{why}");
    assert!(director.order(&["status"]).1.contains(" draining, weight 50, 0 failed, 1 under way"));
    let (code, _, why) = director.order(&["status", "--timeout", "1s"]);
    assert!(code == Some(1) && why.contains("leave --timeout out"), "{why}");
    let (code, _, why) = director.order(&["status", "--force"]);
    assert!(code == Some(1) && why.contains("leave it out"), "{why}");
    let (code, _, why) = director.order(&["drain", "origins", &b, "--timeout", "soon"]);
    assert!(code == Some(2) && why.contains("write a number and a unit"), "{why}");
    puppet.becomes(Mood::Good);
    assert_eq!(director.order(&["drain", "origins", &b, "--timeout", "10s"]).0, Some(0));
    assert!(director.order(&["status"]).1.contains(" down, weight 50"));
}

#[test]
fn orders_go_on_in_an_upgrade_to_other_members_and_of_more_zones_than_one_message_carries() {
    let configuration = |server: &Server, net: u32| {
        let upstream = |name: u32, servers: &str| {
            format!("upstream u{name} {{ zone u{name}; server 127.0.0.1:1; {servers} }} ")
        };
        let servers: String =
            (0..400).map(|peer| format!("server 127.{net}.{}.{}:1; ", peer / 200, peer % 200 + 1)).collect();
        let small: String = (0..139).map(|name| upstream(name, "")).collect();
        let upstreams = small + &upstream(139, &servers);
        let text = format!(
            "worker_processes 1; pid server.pid; error_log error.log notice; events {{}}
             http {{ {upstreams} server {{ listen {}; location / {{ proxy_pass http://u139; }} }} }}",
            server.address
        );
        fs::write(server.path("nginx.conf"), text).expect("write the configuration");
    };
    let server = Server::start_with(|server| configuration(server, 1));
    let down = |peer: &str| {
        let (code, out, wrong) = order(&server, &["down", "u139", peer]);
        assert_eq!(code, Some(0), "{out}{wrong}");
    };
    down("127.0.0.1:1");
    configuration(&server, 2);
    server.upgrade();
    down("127.2.0.1:1");
    let (_, out, _) = order(&server, &["status", "--json"]);
    let told: Value = serde_json::from_str(&out).expect("JSON");
    let generations = told["masters"].as_array().expect("masters").iter();
    let members = generations.map(|master| master["clusters"][139]["members"].as_array().expect("members"));
    let down: Vec<Vec<&str>> = members
        .map(|members| {
            let down = members.iter().filter(|member| member["down"] == true);
            down.map(|member| member["name"].as_str().expect("a name")).collect()
        })
        .collect();
    assert_eq!(down, [vec!["127.0.0.1:1"], vec!["127.0.0.1:1", "127.2.0.1:1"]]);
}

#[test]
fn what_cannot_be_ordered_is_said_in_one_line() {
    let director = Director::start("", EVEN, GOOD);
    let refused = |words: &[&str], expected: &str| {
        let (code, out, wrong) = director.order(words);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{wrong}");
        assert!(wrong.contains(expected) && wrong.lines().count() == 1, "{wrong}");
    };
    let [a, b] = director.weights("5", "95");
    refused(&["weight", "origins", &a, &b], "upstream \"origins\" has no zone");
    refused(&["weight", "origin", &a], "there is no upstream \"origin\"; there are: origins");
    refused(&["weight", "origins"], "write UPSTREAM SERVER=WEIGHT | down | up...");
    refused(&["down", "origins"], "write UPSTREAM SERVER...");
    refused(&["weight", "origins", "a=b"], "\"a=b\" says nothing of a server");
    refused(&["reload", "origins"], "takes no words");
}
