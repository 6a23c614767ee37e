//! A server that notes when each request reached it, and prints that when it is told to end. A thread for each
//! connection, on core 0; it runs as a process of its own, before ordinary ones where that is allowed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use super::machine::{pinned, program};

/// How this program calls itself to be the server.
pub(super) const VERB: &str = "stamps";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The server, as seen from outside.
pub(super) struct Stamps {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Stamps {
    /// Starts one.
    pub(super) fn start() -> Option<Stamps> {
        let mut command = match program("chrt") {
            Some(chrt) => {
                let mut command = pinned(0, &chrt);
                command.args(["-f", "10"]).arg(std::env::current_exe().ok()?);
                command
            }
            None => pinned(0, &std::env::current_exe().ok()?),
        };
        command.args(["bench", VERB]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take()?);
        out.read_line(&mut line).ok()?;
        child.stdout = Some(out.into_inner());
        Some(Stamps { child, address: line.trim().parse().ok()? })
    }

    /// Ends it; nanoseconds at which requests came, in order.
    pub(super) fn end(mut self) -> Vec<u64> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut text).ok();
        }
        self.child.wait().ok();
        let mut stamps: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        stamps.sort_unstable();
        stamps
    }
}

/// Is the server: prints its address, serves until its input ends, prints what it noted.
pub(super) fn serve(_arguments: &[String]) -> ExitCode {
    let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { return ExitCode::FAILURE };
    let Ok(address) = listener.local_addr() else { return ExitCode::FAILURE };
    println!("{address}");
    let (begun, all) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let noted = all.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let all = noted.clone();
            thread::spawn(move || {
                let stamps = answer(stream, begun);
                all.lock().unwrap_or_else(PoisonError::into_inner).push(stamps);
            });
        }
    });
    // The clients are gone by then: whoever starts us ends them first.
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    thread::sleep(std::time::Duration::from_millis(100));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for stamp in all.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten() {
        writeln!(out, "{stamp}").ok();
    }
    ExitCode::SUCCESS
}

/// One request in one read: they are small, and one at a time.
fn answer(mut stream: TcpStream, begun: Instant) -> Vec<u64> {
    let (mut stamps, mut buffer) = (Vec::with_capacity(1 << 16), [0; 4096]);
    stream.set_nodelay(true).ok();
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        stamps.push(begun.elapsed().as_nanos() as u64);
        if stream.write_all(ANSWER).is_err() {
            break;
        }
    }
    stamps
}
