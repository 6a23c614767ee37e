//! A connection that two parties hold: hyper reads and writes it, the service may condemn it. It also tells the
//! journal when an answer was handed to the kernel: hyper flushes only when its own buffer is empty.

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

/// A connection and the answers that hyper has taken and perhaps not written yet. Only one thread ever holds it; that it
/// could be sent to another is what hyper asks of a connection that can be upgraded.
#[derive(Clone)]
pub(crate) struct Stream {
    shared: Arc<Shared>,
}

struct Shared {
    socket: TcpStream,
    taken: Mutex<Vec<Receipt>>,
}

/// An execution that is to be written down as answered.
pub(crate) struct Receipt {
    stream: Stream,
    journal: Journal,
    begun: Begun,
    status: u16,
}

impl Receipt {
    /// Hyper has all of the answer: the next flush puts it into the kernel.
    pub(crate) fn taken(self) {
        let stream = self.stream.clone();
        stream.taken().push(self);
    }
}

impl Stream {
    pub(crate) fn new(socket: TcpStream) -> Stream {
        Stream { shared: Arc::new(Shared { socket, taken: Mutex::default() }) }
    }

    /// What is to be told when the answer to this request has left.
    pub(crate) fn receipt(&self, journal: &Journal, begun: Begun, status: u16) -> Receipt {
        Receipt { stream: self.clone(), journal: journal.clone(), begun, status }
    }

    /// When it is closed the kernel sends a reset.
    pub(crate) fn condemn(&self) -> io::Result<()> {
        self.shared.socket.set_zero_linger()
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Receipt>> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flushed(&self) {
        for Receipt { journal, begun, status, .. } in self.taken().drain(..) {
            journal.answered(begun, clock::now(), status);
        }
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
            ready!(socket.poll_read_ready(context))?;
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
        let socket = &self.shared.socket;
        loop {
            ready!(socket.poll_write_ready(context))?;
            match socket.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(self.shared.socket.as_raw_fd(), Shutdown::Write).map_err(io::Error::from))
    }
}
