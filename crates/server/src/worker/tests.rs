//! A worker in a thread of the test, with the test in place of its master and of its clients.

mod director;
mod drain;
mod early;
mod endpoints;
mod files;
mod handover;
mod http;
mod journal;
mod orders;
mod proxy;

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use conf::{Destination, ErrorLog, Level};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use protocol::{
    signals::Signal,
    worker::{Command, Report},
};
use tokio::{
    runtime,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::LocalSet,
};

use super::{Listener, Start};
use crate::{
    access_log::AccessLogs,
    log::Log,
    wire::{self, Frame},
};

const DEADLINE: Duration = Duration::from_secs(10);

/// A running worker.
struct Rig {
    /// The master's end; `None` once the master is "dead".
    channel: Option<OwnedFd>,
    signals: UnboundedSender<Signal>,
    /// The master's own handle of the listening socket.
    listener: TcpListener,
    thread: Option<JoinHandle<i32>>,
    directory: tempfile::TempDir,
    /// Where it gives connections away, and takes some.
    family: String,
}

impl Rig {
    /// A worker that has prepared itself. `http` is what stands in the `http` block; `LISTEN` in it is replaced.
    fn prepared(http: &str) -> Rig {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has an address");
        let text = format!("events {{ }} http {{ {http} }}").replace("LISTEN", &address.to_string());
        Rig::with(&text, listener)
    }

    /// A worker that accepts.
    fn accepting(http: &str) -> Rig {
        let rig = Rig::prepared(http);
        rig.tell(Command::Accept);
        rig.expect(Report::Accepting);
        rig
    }

    /// A worker for a whole configuration.
    fn with(text: &str, listener: TcpListener) -> Rig {
        let directory = tempfile::tempdir().expect("a directory");
        let family = crate::names::family("handover", &directory.path().join("server.pid"));
        Rig::born(text, listener, directory, (7, family))
    }

    /// A worker of the next generation of the same server, that accepts.
    fn next(&self, http: &str) -> Rig {
        let listener = self.listener.try_clone().expect("clones");
        let directory = tempfile::tempdir().expect("a directory");
        let rig = Rig::born(
            &format!("events {{ }} http {{ {http} }}"),
            listener,
            directory,
            (8, self.family.clone()),
        );
        rig.tell(Command::Accept);
        rig.expect(Report::Accepting);
        rig
    }

    fn born(
        text: &str,
        listener: TcpListener,
        directory: tempfile::TempDir,
        (generation, family): (u32, String),
    ) -> Rig {
        let address = listener.local_addr().expect("has an address");
        let text = text.replace("LISTEN", &address.to_string());
        let configuration =
            conf::parse("test", &text, "").unwrap_or_else(|wrong| panic!("{}", wrong[0].render(&text)));
        let destination = Destination::File(log_path(&directory).to_str().expect("utf-8").to_owned());
        let log = Log::open(&[ErrorLog { destination, level: Level::Info }]).expect("opens");
        let journal = ledger::Journal::create(&directory.path().join("journal.bin"), 1000).expect("creates");
        let (ours, theirs) = wire::channel().expect("a channel");
        let (signals, received) = unbounded_channel();
        let socket = listener.try_clone().expect("clones");
        let start = Start {
            access_logs: AccessLogs::open(directory.path(), &configuration).expect("opens"),
            prefix: directory.path().to_owned(),
            configuration: Arc::new(configuration),
            generation,
            listeners: vec![Listener { address: address.into(), socket: socket.into() }],
            channel: theirs,
            journal: Some(journal),
            zones: Vec::new(),
            log,
            lineage: crate::orphan::Lineage {
                family: crate::orphan::family(&directory.path().join("server.pid")),
                numbering: crate::numbering::Numbering::new(8).expect("a number"),
                segments: Vec::new(),
            },
            handover: Some(family.clone()),
        };
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, super::serve(start, received)).expect("lives")
        });
        let rig = Rig { channel: Some(ours), signals, listener, thread: Some(thread), directory, family };
        rig.expect(Report::Prepared);
        rig
    }

    fn tell(&self, command: Command) {
        wire::send_command(self.channel.as_ref().expect("a master").as_fd(), command).expect("sends");
    }

    fn signal(&self, signal: Signal) {
        self.signals.send(signal).expect("the worker lives");
    }

    /// The master dies.
    fn orphan(&mut self) {
        self.channel = None;
    }

    /// The next report, which must be this one.
    fn expect(&self, report: Report) {
        let channel = self.channel.as_ref().expect("a master").as_fd();
        let mut fds = [PollFd::new(channel, PollFlags::POLLIN)];
        let ready = poll(&mut fds, PollTimeout::try_from(DEADLINE).expect("fits")).expect("polls");
        assert_eq!(ready, 1, "no {report:?} came; the log says:\n{}", self.log());
        let frame = wire::receive(channel).expect("receives");
        assert!(
            matches!(&frame, Some(Frame::Report(got)) if *got == report),
            "{report:?} expected, got {frame:?}"
        );
    }

    /// Waits for the end of the worker; its exit code.
    fn exit_code(mut self) -> i32 {
        self.thread.take().expect("not joined yet").join().expect("no panic")
    }

    /// Tells the worker to drain, and waits until it has begun to.
    fn drain(&self) {
        self.tell(Command::Drain);
        self.wait_for_log("gracefully shutting down");
    }

    fn log(&self) -> String {
        fs::read_to_string(log_path(&self.directory)).unwrap_or_default()
    }

    fn wait_for_log(&self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "the log never said {text:?}, only:\n{}", self.log());
            thread::yield_now();
        }
    }

    fn journal(&self) -> Vec<facts::journal::Entry> {
        ledger::read_journal(&self.directory.path().join("journal.bin")).expect("a journal")
    }

    fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            assert!(Instant::now() < deadline, "never: {what}; the journal has {:?}", self.journal());
            thread::yield_now();
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("has an address")
    }

    fn connect(&self) -> Client {
        Client::connect(self.address())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // A failed test must not leave its worker behind.
        let _ = self.signals.send(Signal::Term);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn log_path(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join("error.log")
}

/// A client that sends bytes and reads answers by their `Content-Length`.
struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
struct Answer {
    head: String,
    body: String,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(DEADLINE)).expect("sets a timeout");
        stream.set_nodelay(true).expect("sets an option");
        Client { stream, read: Vec::new() }
    }

    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("sends");
    }

    /// A request of HTTP/1.1 with these further lines of the head.
    fn request(&mut self, line: &str, headers: &str) -> Answer {
        self.send(&format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"));
        if line.starts_with("HEAD") { self.answer_without_body() } else { self.answer() }
    }

    fn get(&mut self) -> Answer {
        self.request("GET /", "")
    }

    fn answer(&mut self) -> Answer {
        let head = self.head();
        let answer = Answer { head, body: String::new() };
        let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more().unwrap_or_else(|error| panic!("{error} in the body after {}", answer.head));
        }
        let body = self.read.drain(..length).collect();
        Answer { body: String::from_utf8(body).expect("text"), ..answer }
    }

    fn answer_without_body(&mut self) -> Answer {
        Answer { head: self.head(), body: String::new() }
    }

    fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            self.more().unwrap_or_else(|error| panic!("{error} in the head after {:?}", self.read));
        }
    }

    /// Waits for bytes that are no HTTP.
    fn expect_bytes(&mut self, expected: &str) {
        while self.read.len() < expected.len() {
            self.more().unwrap_or_else(|error| panic!("{error} after {:?}", self.read));
        }
        let got: Vec<u8> = self.read.drain(..expected.len()).collect();
        assert_eq!(String::from_utf8_lossy(&got), expected);
    }

    /// A chunked body.
    fn read_chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let end = loop {
                match self.read.windows(2).position(|window| window == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().expect("a chunk"),
                }
            };
            let line: Vec<u8> = self.read.drain(..end + 2).collect();
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).expect("a size");
            while self.read.len() < size + 2 {
                self.more().expect("a chunk");
            }
            let chunk: Vec<u8> = self.read.drain(..size + 2).take(size).collect();
            body.push_str(&String::from_utf8(chunk).expect("text"));
            if size == 0 {
                return body;
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.read.extend_from_slice(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// All that comes until the server closes; fails if it resets.
    fn rest(&mut self) -> String {
        self.stream.read_to_end(&mut self.read).expect("an orderly end");
        String::from_utf8(std::mem::take(&mut self.read)).expect("text")
    }
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}
