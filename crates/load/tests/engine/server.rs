//! A server that does what a test tells it to, one thread per connection.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

/// One accepted connection.
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
    /// How often something came.
    pieces: usize,
}

impl Peer {
    /// Reads one whole request; its id, or `None` when the client is gone.
    pub(crate) fn request(&mut self) -> Option<String> {
        let head = self.head()?;
        let length = field(&head, "Content-Length: ").map_or(0, |n| n.parse().unwrap());
        while self.unread.len() < length {
            self.read_more()?;
        }
        self.unread.drain(..length);
        Some(field(&head, "X-Changeover-Id: ").unwrap_or_default())
    }

    /// Reads the head of a request.
    pub(crate) fn head(&mut self) -> Option<String> {
        let head = loop {
            if let Some(end) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                break self.unread.drain(..end + 4).collect::<Vec<u8>>();
            }
            self.read_more()?;
        };
        Some(String::from_utf8(head).unwrap())
    }

    /// Reads the body behind a head, however it is framed; the id of the request, and the body.
    pub(crate) fn body(&mut self, head: &str) -> Option<(String, Vec<u8>)> {
        let id = field(head, "X-Changeover-Id: ").unwrap_or_default();
        let Some(length) = field(head, "Content-Length: ") else { return Some((id, self.chunks()?)) };
        let length: usize = length.parse().unwrap();
        while self.unread.len() < length {
            self.read_more()?;
        }
        Some((id, self.unread.drain(..length).collect()))
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = self.unread.windows(2).position(|w| w == b"\r\n") {
                    break self.unread.drain(..end + 2).collect::<Vec<u8>>();
                }
                self.read_more()?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            while self.unread.len() < size + 2 {
                self.read_more()?;
            }
            body.extend(self.unread.drain(..size + 2).take(size));
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// How often something came.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces
    }

    /// Bytes that came and were not yet taken.
    pub(crate) fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Reads so many bytes.
    pub(crate) fn read(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.read_more()?;
        }
        Some(self.unread.drain(..count).collect())
    }

    fn read_more(&mut self) -> Option<()> {
        let mut buffer = [0; 65536];
        let count = self.stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        self.pieces += 1;
        self.unread.extend_from_slice(&buffer[..count]);
        Some(())
    }

    /// Reads to the end; true when that came in order, and not by a reset.
    pub(crate) fn ends_in_order(&mut self) -> bool {
        self.stream.read_to_end(&mut self.unread).is_ok()
    }

    /// Writes `text`, in which `|` is a line end.
    pub(crate) fn say(&mut self, text: &str) {
        self.write(text.replace('|', "\r\n").as_bytes());
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        // The client may be gone; then it has its outcome already.
        let _ = self.stream.write_all(bytes);
    }

    /// Where the client is.
    pub(crate) fn client(&self) -> SocketAddr {
        self.stream.peer_addr().expect("a client")
    }

    /// The plain answer to one request.
    pub(crate) fn answer(&mut self, id: &str) {
        self.say(&format!(
            "HTTP/1.1 200 OK|X-Changeover-Id: {id}|X-Changeover-Pid: 77|Content-Length: 2||ok"
        ));
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    /// Reads nothing more, and leaves; what it did not read makes the kernel send a reset.
    pub(crate) fn leave_unread(mut self) {
        self.read_more();
    }

    /// Waits until the client has read everything that was said: its receive queue is empty.
    pub(crate) fn until_read(&self) {
        let client = self.stream.peer_addr().expect("a client").port();
        let deadline = Instant::now() + Duration::from_secs(10);
        while unread_by(client) > 0 {
            assert!(
                Instant::now() < deadline,
                "the client on port {client} still has {} unread",
                unread_by(client)
            );
            thread::yield_now();
        }
    }

    /// Says nothing more until the client leaves.
    pub(crate) fn hold(mut self) {
        self.until_gone();
    }

    /// As `hold`.
    pub(crate) fn until_gone(&mut self) {
        while self.read_more().is_some() {}
    }

    /// Says nothing and reads nothing until `done`.
    pub(crate) fn freeze(self, done: &AtomicBool) {
        while !done.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Bytes in the receive queue of the socket on this local port (proc(5), `/proc/net/tcp`: `tx_queue:rx_queue`).
fn unread_by(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the sockets of this machine");
    let local = format!(":{port:04X}");
    let own = table
        .lines()
        .find(|line| line.split_whitespace().nth(1).is_some_and(|address| address.ends_with(&local)));
    let queues = own.and_then(|line| line.split_whitespace().nth(4));
    queues.and_then(|q| u64::from_str_radix(q.split(':').nth(1)?, 16).ok()).unwrap_or(0)
}

fn field(head: &str, name: &str) -> Option<String> {
    let is_it = |line: &&str| line.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name));
    head.lines().find(is_it).map(|line| line[name.len()..].to_owned())
}

/// A listener and its accepting thread.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    done: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// `serve` runs once per connection, with the flag that is set when the server ends.
    pub(crate) fn start(serve: impl Fn(Peer, &AtomicBool) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let (flag, serve) = (done.clone(), Arc::new(serve));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::Acquire) {
                    break;
                }
                let (serve, flag) = (serve.clone(), flag.clone());
                stream.set_nodelay(true).unwrap();
                thread::spawn(move || serve(Peer { stream, unread: Vec::new(), pieces: 0 }, &flag));
            }
        });
        Server { address, done, accepting: Some(accepting) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        self.accepting.take().map(JoinHandle::join);
    }
}
