//! A client's socket, shared so that the connection can look at it beside hyper: what has come that hyper has not asked for yet,
//! when something was last written, and whether the client is done.

mod handle;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::BytesMut;
use nix::sys::socket::{MsgFlags, Shutdown, recv, shutdown};
use tokio::{
    io::ReadBuf,
    time::{Instant, timeout},
};

pub(super) use self::handle::Handle;
use super::{
    access_log::Unlogged,
    framing::{Framing, Reading},
    head_size::Oversize,
    journal::Unwritten,
    spelling::Names,
    stream::Stream,
};

/// Most that is taken from the kernel before hyper asks for it.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// One client's socket.
#[derive(Debug)]
pub(super) struct Socket {
    /// Behind a cell because reading wants it for itself; nobody holds it longer than for one call.
    stream: RefCell<Stream>,
    framing: RefCell<Framing>,
    /// Looked at, and not yet given to hyper.
    ahead: RefCell<BytesMut>,
    /// Who waits for bytes; told when `look` takes them first.
    reader: RefCell<Option<Waker>>,
    ended: Cell<bool>,
    head_since: Cell<Instant>,
    written: Cell<Instant>,
    /// Told when a flush has reached the kernel.
    pub(super) unwritten: Unwritten,
    /// The same.
    pub(super) unlogged: Unlogged,
    /// Bytes that the kernel has taken.
    sent: Cell<u64>,
    /// Since when something is to be written and nothing fits.
    blocked: Cell<Option<Instant>>,
    flushed: Cell<Flushed>,
    shutdown: Cell<Shut>,
}

/// Whether hyper holds some of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Yes,
    NotYet,
}

/// What comes of hyper's wish to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    Obeyed,
    /// It is to let go of the connection, not to end it.
    Ignored,
}

impl Socket {
    pub(super) fn new(stream: Stream, reading: Reading) -> Self {
        let now = Instant::now();
        Socket {
            stream: RefCell::new(stream),
            framing: RefCell::new(Framing::after(0, reading)),
            ahead: RefCell::default(),
            reader: RefCell::default(),
            ended: Cell::new(false),
            head_since: Cell::new(now),
            written: Cell::new(now),
            unwritten: Unwritten::default(),
            unlogged: Unlogged::default(),
            sent: Cell::new(0),
            blocked: Cell::new(None),
            flushed: Cell::new(Flushed::Yes),
            shutdown: Cell::new(Shut::Obeyed),
        }
    }

    /// One on which this many requests have come, and then `unread`, since `since`.
    pub(super) fn resumed(
        stream: Stream,
        reading: Reading,
        requests: u64,
        unread: &[u8],
        since: Instant,
    ) -> Self {
        let socket = Socket::new(stream, reading.clone());
        socket.framing.replace(Framing::after(requests, reading));
        socket.feed(unread);
        socket.ahead.borrow_mut().extend_from_slice(unread);
        socket.head_since.set(since);
        socket.written.set(since);
        socket
    }

    /// The bare socket, and what came through it that hyper has not had.
    pub(super) fn into_parts(self) -> io::Result<(OwnedFd, BytesMut)> {
        Ok((self.stream.into_inner().into_socket()?, self.ahead.into_inner()))
    }

    /// hyper has all of an answer, and some of it perhaps not yet written.
    pub(super) fn expect_flush(&self) {
        self.flushed.set(Flushed::NotYet);
    }

    /// Whether the kernel has all that hyper was given to write.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed.get() == Flushed::Yes && self.blocked.get().is_none()
    }

    /// From here on hyper's end of the connection is not the end of the socket.
    pub(super) fn outlives_hyper(&self) {
        self.shutdown.set(Shut::Ignored);
    }

    /// The opposite.
    pub(super) fn ends_with_hyper(&self) {
        self.shutdown.set(Shut::Obeyed);
    }

    /// Takes what has come into our hands, as far as there is room.
    pub(super) fn look(&self) {
        let mut buffer = [0; 4096];
        let before = self.ahead.borrow().len();
        while !self.ended.get() && self.ahead.borrow().len() < AHEAD_BYTES_MAX {
            // Past tokio, which only knows of events it has already polled for. An event too many is harmless to it.
            match recv(self.stream.borrow().fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => self.ended.set(true),
                Ok(count) => {
                    self.feed(&buffer[..count]);
                    self.ahead.borrow_mut().extend_from_slice(&buffer[..count]);
                }
                Err(_) => break,
            }
        }
        // The kernel tells of bytes only while they are there: whoever waits for these would wait in vain.
        if self.ahead.borrow().len() > before
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// Ready once the client will send nothing more. Takes what comes before the end into our hands; with no room left for
    /// it the end is not looked for: whoever sends that much has not left.
    pub(super) fn poll_end(&self, cx: &mut Context) -> Poll<()> {
        while !self.ended.get() {
            if self.ahead.borrow().len() >= AHEAD_BYTES_MAX
                || self.stream.borrow().poll_readable(cx).is_pending()
            {
                return Poll::Pending;
            }
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            match self.stream.borrow().try_read(&mut buffer) {
                Ok(0) => self.ended.set(true),
                Ok(_) => {
                    self.feed(buffer.filled());
                    self.ahead.borrow_mut().extend_from_slice(buffer.filled());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Reset: it is gone, too.
                Err(_) => self.ended.set(true),
            }
        }
        Poll::Ready(())
    }

    /// How many requests have begun to arrive; `None` if what came is no HTTP.
    pub(super) fn requests_begun(&self) -> Option<u64> {
        self.framing.borrow().begun()
    }

    /// Which request has too large a head, and what of it.
    pub(super) fn refusal(&self) -> Option<(u64, Oversize)> {
        self.framing.borrow().refusal()
    }

    /// How a request writes the names of its headers, if that is worth telling; asked once of each, in order.
    pub(super) fn take_names(&self, request: u64) -> Option<Names> {
        self.framing.borrow_mut().take_names(request)
    }

    /// Whether every request that has begun to arrive has come whole.
    pub(super) fn is_between_requests(&self) -> bool {
        self.framing.borrow().is_between()
    }

    /// Whether the client will send nothing more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// When the newest request began to arrive.
    pub(super) fn head_since(&self) -> Instant {
        self.head_since.get()
    }

    /// How many bytes the client was sent through this process.
    pub(super) fn sent(&self) -> u64 {
        self.sent.get()
    }

    fn count(&self, written: usize) {
        self.sent.set(self.sent.get() + written as u64);
    }

    /// When something was last written.
    pub(super) fn written(&self) -> Instant {
        self.written.get()
    }

    /// Since when bytes wait until the client has read others.
    pub(super) fn blocked_since(&self) -> Option<Instant> {
        self.blocked.get()
    }

    /// Writes a few last bytes past hyper, as far as they fit.
    pub(super) fn write_last(&self, bytes: &[u8]) {
        // A client that has not even read what came before has no use for them.
        self.count(self.stream.borrow().try_write(&[io::IoSlice::new(bytes)]).unwrap_or_default());
    }

    /// Says that nothing more will be written.
    pub(super) fn close_write(&self) -> io::Result<()> {
        Ok(shutdown(self.stream.borrow().fd(), Shutdown::Write)?)
    }

    /// Reads and forgets what comes next, if anything does within `silent`.
    pub(super) async fn discard(&self, silent: Duration) {
        let ready = timeout(silent, poll_fn(|cx| self.stream.borrow().poll_readable(cx)))
            .await
            .unwrap_or_else(|late| Err(late.into()));
        match ready.and_then(|()| self.stream.borrow().try_read(&mut ReadBuf::new(&mut [0; 4096]))) {
            Ok(0) => self.ended.set(true),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.ended.set(true),
            _ => {}
        }
    }

    fn feed(&self, bytes: &[u8]) {
        let mut framing = self.framing.borrow_mut();
        let before = framing.begun();
        framing.feed(bytes);
        if framing.begun() != before {
            self.head_since.set(Instant::now());
        }
    }

    /// `look` tells this task.
    fn wait(&self, cx: &Context) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            *reader = Some(cx.waker().clone());
        }
    }
}
