//! A connection that two parties hold: hyper reads and writes it, the service may have its answers damaged. It also
//! tells the journal when an answer was handed to the kernel: hyper flushes only when its own buffer is empty.

use std::{
    io,
    os::fd::AsRawFd,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use ledger::{Begun, Journal, clock};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{
    damage::{Cut, Then, damage},
    fault::Struck,
    outbox::Outbox,
};

/// A connection and the answers that hyper has taken and perhaps not written yet. Only one thread ever holds it; that it
/// could be sent to another is what hyper asks of a connection that can be upgraded.
#[derive(Clone)]
pub(crate) struct Stream {
    shared: Arc<Shared>,
}

struct Shared {
    socket: TcpStream,
    answers: Mutex<Answers>,
}

/// Answers on their way.
#[derive(Default)]
struct Answers {
    /// Hyper has all of them.
    taken: Vec<Execution>,
    /// What the next bytes suffer.
    struck: Option<Struck>,
    /// What waits for the next answer.
    withheld: Option<(Struck, Vec<u8>)>,
    /// Damaged bytes.
    outbox: Outbox,
    /// What follows them.
    end: Option<(Cut, bool)>,
}

struct Execution {
    journal: Journal,
    begun: Begun,
    status: u16,
}

/// An execution that is to be written down as answered.
pub(crate) struct Receipt {
    stream: Stream,
    execution: Execution,
}

impl Receipt {
    /// Hyper has all of the answer: the next flush puts it into the kernel.
    pub(crate) fn taken(self) {
        self.stream.answers().taken.push(self.execution);
    }
}

impl Stream {
    pub(crate) fn new(socket: TcpStream) -> Stream {
        Stream { shared: Arc::new(Shared { socket, answers: Mutex::default() }) }
    }

    /// What is to be told when the answer to this request has left.
    pub(crate) fn receipt(&self, journal: &Journal, begun: Begun, status: u16) -> Receipt {
        Receipt { stream: self.clone(), execution: Execution { journal: journal.clone(), begun, status } }
    }

    /// The next answer is damaged.
    pub(crate) fn strike(&self, struck: Struck) {
        self.answers().struck = Some(struck);
    }

    /// When it is closed the kernel sends a reset.
    pub(crate) fn condemn(&self) -> io::Result<()> {
        self.shared.socket.set_zero_linger()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = &self.shared.socket;
        loop {
            ready!(socket.poll_write_ready(context))?;
            match socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Nothing is pipelined behind the answer that waits: it goes as if nothing had been planned.
    fn release(&self, context: &mut Context<'_>) -> io::Result<()> {
        let mut answers = self.answers();
        let Some((_, bytes)) = answers.withheld.take() else { return Ok(()) };
        answers.outbox.put(&bytes);
        // What does not go now goes with the next flush.
        match self.send_damaged(context, &mut answers) {
            Poll::Ready(Ok(())) => answers.flushed(),
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Pending => {}
        }
        Ok(())
    }

    /// Sends the damaged bytes, and ends the connection if that is what follows them.
    fn send_damaged(&self, context: &mut Context<'_>, answers: &mut Answers) -> Poll<io::Result<()>> {
        ready!(answers.outbox.poll_send(context, |context, bytes| self.write(context, bytes)))?;
        let Some((cut, whole)) = answers.end.take() else { return Poll::Ready(Ok(())) };
        if whole {
            answers.flushed();
        }
        if cut == Cut::Reset {
            self.condemn()?;
        }
        Poll::Ready(Err(io::Error::other("ended on purpose")))
    }
}

impl Answers {
    fn flushed(&mut self) {
        for Execution { journal, begun, status } in self.taken.drain(..) {
            journal.answered(begun, clock::now(), status);
        }
    }

    /// Takes the bytes of an answer if they are not to go as they are.
    fn intercept(&mut self, bytes: &[u8]) -> bool {
        if let Some(struck) = self.struck.take() {
            let Some((bytes, then)) = damage(struck.fault, bytes) else {
                // Not these bytes: the next.
                self.struck = Some(struck);
                return false;
            };
            match then {
                Then::Wait => {
                    self.withheld = Some((struck, bytes));
                    return true;
                }
                Then::Drip => self.outbox.drip(bytes),
                Then::GoOn => self.outbox.put(&bytes),
                Then::End { cut, whole } => {
                    self.outbox.put(&bytes);
                    self.end = Some((cut, whole));
                }
            }
            struck.happens();
            return true;
        }
        let Some((struck, withheld)) = self.withheld.take() else { return false };
        struck.happens();
        self.outbox.put(bytes);
        self.outbox.put(&withheld);
        true
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let socket = &self.shared.socket;
        loop {
            if socket.poll_read_ready(context)?.is_pending() {
                self.release(context)?;
                return Poll::Pending;
            }
            match socket.try_read(into.initialize_unfilled()) {
                Ok(count) => {
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut answers = self.answers();
        ready!(self.send_damaged(context, &mut answers))?;
        if answers.intercept(bytes) { Poll::Ready(Ok(bytes.len())) } else { self.write(context, bytes) }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut answers = self.answers();
        ready!(self.send_damaged(context, &mut answers))?;
        if answers.withheld.is_none() {
            answers.flushed();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.release(context)?;
        ready!(self.as_mut().poll_flush(context))?;
        Poll::Ready(shutdown(self.shared.socket.as_raw_fd(), Shutdown::Write).map_err(io::Error::from))
    }
}
