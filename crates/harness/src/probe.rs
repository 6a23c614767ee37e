//! Asks a target over a fresh connection who answers. One connection at a time and only while somebody waits for
//! such a fact, so that the probe does not disturb what it observes.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use facts::{Generation, Moment, Nanos, journal::PROBE_BIT};
use ledger::clock::now;

/// A probe that took longer got no answer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Gap between two probes.
const GAP: Nanos = 5_000_000;

/// An answer longer than this is not one of ours.
const LONGEST_HEAD_BYTES: usize = 64 * 1024;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Index into `Plan::targets`.
    pub(crate) target: usize,
    /// From the connection being asked for to the answer.
    pub(crate) at: Moment,
    /// `None`: nobody answered.
    pub(crate) told: Option<Told>,
}

/// What the headers of an answer said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Every `X-Changeover-Pid`: a back end behind the target may add its own.
    pub(crate) pids: Vec<u32>,
    /// `X-Changeover-Generation`.
    pub(crate) generation: Option<Generation>,
}

struct Question {
    target: usize,
    address: SocketAddr,
    id: u64,
}

/// The probing thread. Dropping it waits for the probe in flight, which is bounded.
pub(crate) struct Probe {
    questions: Option<Sender<Question>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    asked: u64,
    /// Asked and not answered yet. Every probe ends: each of its calls has a timeout.
    pub(crate) in_flight: bool,
    not_before: Nanos,
}

impl Probe {
    /// Starts the thread; it asks nothing by itself.
    pub(crate) fn start() -> io::Result<Probe> {
        let (questions, from_us) = channel::<Question>();
        let (to_us, answers) = channel();
        let thread = thread::Builder::new().name("probe".into()).spawn(move || {
            for question in from_us {
                if to_us.send(question.put()).is_err() {
                    return;
                }
            }
        })?;
        let questions = Some(questions);
        Ok(Probe { questions, answers, thread: Some(thread), asked: 0, in_flight: false, not_before: 0 })
    }

    /// Asks, unless a probe is in flight or the last one ended only just now; true when it did.
    pub(crate) fn ask(&mut self, target: usize, address: SocketAddr) -> bool {
        if self.in_flight || now() < self.not_before {
            return false;
        }
        self.asked += 1;
        let question = Question { target, address, id: PROBE_BIT | self.asked };
        self.in_flight = self.questions.as_ref().is_some_and(|questions| questions.send(question).is_ok());
        self.in_flight
    }

    /// An answer, when there is one.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let answer = self.answers.try_recv().ok()?;
        self.in_flight = false;
        self.not_before = now() + GAP;
        Some(answer)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Question {
    fn put(&self) -> Answer {
        let earliest = now();
        let told = exchange(self.address, self.id).ok().and_then(|head| read_head(&head));
        Answer { target: self.target, at: Moment { earliest, latest: now() }, told }
    }
}

fn exchange(address: SocketAddr, id: u64) -> io::Result<String> {
    let deadline = now() + TIMEOUT.as_nanos() as Nanos;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nX-Changeover-Id: {id:016x}\r\nConnection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = Duration::from_nanos(deadline.saturating_sub(now()));
        if left.is_zero() || answer.len() > LONGEST_HEAD_BYTES {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let length = stream.read(&mut buffer)?;
        answer.extend_from_slice(&buffer[..length]);
        // Read to the end: closing with bytes unread would reset the connection and stain the target's log.
        if length == 0 {
            return Ok(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// `None` when the head is not a complete HTTP answer below 500.
fn read_head(text: &str) -> Option<Told> {
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let mut told = Told::default();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "x-changeover-pid" => told.pids.extend(value.trim().parse::<u32>()),
            "x-changeover-generation" => told.generation = value.trim().parse().ok(),
            _ => {}
        }
    }
    (status < 500).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_an_answer_says_who_answered() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nX-Changeover-Pid: 12\r\n\r\nbody", Some((vec![12], None))),
            ("HTTP/1.1 404 NO\r\nx-changeover-generation:  2\r\n\r\n", Some((vec![], Some(2)))),
            ("HTTP/1.1 502 Bad Gateway\r\nX-Changeover-Pid: 12\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\nX-Changeover-Pid: 12\r\n", None),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read_head(text).map(|told| (told.pids, told.generation)), expected, "{text:?}");
        }
    }

    #[test]
    fn nobody_listening_is_an_answer_of_nobody() {
        let unused =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("an address");
        let question = Question { target: 3, address: unused, id: 1 };
        assert_eq!(question.put().told, None);
    }
}
