//! CPU of the reference server for a request, beside nginx: `return 200` over kept connections, each server alone on core 0
//! with one worker, wrk on core 1, interleaved. What the echo of an id and the journal add is told beside it.

use std::{
    env, fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    Verdict,
    machine::{Spent, Tools, pinned, program, run, stat},
    median,
};

const SECONDS: &str = "2";
const CONNECTIONS: &str = "32";
/// Asked for: ours in parts of nginx's.
const ASKED: f64 = 1.05;
/// 32 bytes each; more than anybody asks for in all rounds.
const JOURNAL_ENTRIES: u32 = 20_000_000;
const ID: &str = "X-Changeover-Id: 00000000000000a1";
/// As long as the server may take to come up.
const PATIENCE: Duration = Duration::from_secs(5);

/// One way to be asked.
struct Way {
    name: &'static str,
    server: Program,
    journal: Journal,
    id: Id,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Nginx,
    Changeoverd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Journal {
    Off,
    On,
}

/// Whether requests have one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    Absent,
    Sent,
}

const NGINX: &str = "nginx";
const PLAIN: &str = "changeoverd";
const NGINX_ECHO: &str = "nginx, id";
const ECHO: &str = "changeoverd, id";
const JOURNALED: &str = "…, id and journal";

const WAYS: [Way; 5] = [
    Way { name: NGINX, server: Program::Nginx, journal: Journal::Off, id: Id::Absent },
    Way { name: PLAIN, server: Program::Changeoverd, journal: Journal::Off, id: Id::Absent },
    Way { name: NGINX_ECHO, server: Program::Nginx, journal: Journal::Off, id: Id::Sent },
    Way { name: ECHO, server: Program::Changeoverd, journal: Journal::Off, id: Id::Sent },
    Way { name: JOURNALED, server: Program::Changeoverd, journal: Journal::On, id: Id::Sent },
];

/// Runs all ways, A B C D E A B C D E …
pub(super) fn server(tools: &Tools, rounds: u32) -> Verdict {
    let (Some(wrk), Some(nginx)) = (program("wrk"), program("nginx")) else {
        println!("SKIP wrk or nginx is not installed; apt-get install wrk nginx-light");
        return Verdict::Skipped;
    };
    let mut running = Vec::new();
    for way in &WAYS {
        let program = if way.server == Program::Nginx { &nginx } else { &tools.changeoverd };
        match Server::start(way, program) {
            Ok(server) => running.push((way, server, Vec::new())),
            Err(why) => {
                println!("{} did not come up: {why}", way.name);
                return Verdict::Missed;
            }
        }
    }
    let (before, mut ours) = (Spent::now(), 0.0);
    for _ in 0..rounds {
        for (way, server, micros) in &mut running {
            ours += once(way, server, &wrk, micros);
        }
    }
    let foreign = before.foreign_since(ours);
    let all: Vec<(&str, Vec<f64>)> = running.into_iter().map(|(way, _, micros)| (way.name, micros)).collect();
    told(&all, rounds, foreign)
}

/// CPU seconds that it took, on both cores.
fn once(way: &Way, server: &Server, wrk: &Path, micros: &mut Vec<f64>) -> f64 {
    let mut command = pinned(1, wrk);
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", SECONDS]);
    if way.id == Id::Sent {
        command.args(["-H", ID]);
    }
    command.arg(format!("http://{}/", server.address));
    let before = server.cpu();
    let Ok((used, text)) = run(command, Duration::ZERO) else { return 0.0 };
    let served = server.cpu() - before;
    if let Some(requests) = requests(&text) {
        micros.push(served * 1e6 / requests);
    }
    used.cpu + served
}

/// What wrk counted, if every answer was as it should be.
fn requests(text: &str) -> Option<f64> {
    let counted = text.lines().find_map(|line| line.trim().split_once(" requests in "))?.0.parse().ok()?;
    let is_clean = !text.contains("Non-2xx") && !text.contains("Socket errors");
    (is_clean && counted > 0.0).then_some(counted)
}

fn told(all: &[(&str, Vec<f64>)], rounds: u32, foreign: f64) -> Verdict {
    println!(
        "medians of {rounds} rounds of {SECONDS} s, {CONNECTIONS} connections; others took {:.0} % of the CPUs",
        foreign * 100.0
    );
    println!("{:<20}{:>12}{:>8}", "", "CPU us/req", "least");
    let figures = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, micros)| micros);
    for (name, micros) in all {
        let least = micros.iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name:<20}{:>12.2}{least:>8.2}", median(micros));
    }
    let of = |name: &str| figures(name).filter(|micros| micros.len() == rounds as usize).map(|m| median(m));
    let (Some(theirs), Some(plain), Some(echo), Some(journal)) =
        (of(NGINX), of(PLAIN), of(ECHO), of(JOURNALED))
    else {
        println!("not every round had an answer to every request");
        return Verdict::Missed;
    };
    println!("price of an id: {:.2} us (nginx: {:.2})", echo - plain, of(NGINX_ECHO).unwrap_or(0.0) - theirs);
    println!("price of the journal beside that: {:.2} us", journal - echo);
    // Neighbours change it: each round has a ratio of its own.
    let pairs = figures(PLAIN).into_iter().flatten().zip(figures(NGINX).into_iter().flatten());
    let ratio = median(&pairs.map(|(own, theirs)| own / theirs).collect::<Vec<f64>>());
    let verdict = Verdict::of(ratio <= ASKED, foreign);
    println!("asked: at most {ASKED:.2} x nginx; is {ratio:.2}: {}", verdict.says());
    verdict
}

/// A server that is ended when it is dropped.
struct Server {
    child: Child,
    folder: PathBuf,
    address: SocketAddr,
    /// Who answers.
    worker: u32,
}

impl Server {
    fn start(way: &Way, program: &Path) -> Result<Server, String> {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = address.map_err(|error| error.to_string())?;
        let folder = env::temp_dir().join(format!("changeover-bench-{}", address.port()));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let configuration = folder.join("server.conf");
        fs::write(&configuration, configured(way, address)).map_err(|error| error.to_string())?;
        let mut command = pinned(0, program);
        command.arg("-c").arg(&configuration).arg("-p").arg(&folder).args(["-e", "stderr"]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| error.to_string())?;
        let mut server = Server { child, folder, address, worker: 0 };
        let deadline = Instant::now() + PATIENCE;
        while server.worker == 0 {
            if Instant::now() > deadline {
                return Err(format!("{address} did not name its worker within {} s", PATIENCE.as_secs()));
            }
            server.worker = named_worker(address).unwrap_or(0);
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// CPU seconds that its worker used.
    fn cpu(&self) -> f64 {
        stat(self.worker).map_or(0.0, |(_, cpu)| cpu)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // TERM, so that the master ends its worker.
        std::process::Command::new("kill").arg(self.child.id().to_string()).status().ok();
        self.child.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn named_worker(address: SocketAddr) -> Option<u32> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET /pid HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split_once("\r\n\r\n")?.1.trim().parse().ok()
}

fn configured(way: &Way, address: SocketAddr) -> String {
    let body = "0123456789".repeat(10);
    let journal = match way.journal {
        Journal::Off => String::new(),
        Journal::On => format!("changeover_journal journal.bin {JOURNAL_ENTRIES};"),
    };
    let folders = match way.server {
        Program::Changeoverd => "",
        Program::Nginx => {
            "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;"
        }
    };
    // The reference says so by itself.
    let echo = match (way.server, way.id) {
        (Program::Nginx, Id::Sent) => {
            "add_header X-Changeover-Id $http_x_changeover_id; add_header X-Changeover-Pid $pid;"
        }
        _ => "",
    };
    format!(
        "daemon off; worker_processes 1; pid server.pid; {journal}
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600; {folders}
    server {{
        listen {address} backlog=4096; {echo}
        location / {{ return 200 \"{body}\"; }}
        location = /pid {{ return 200 $pid; }}
    }}
}}
"
    )
}
