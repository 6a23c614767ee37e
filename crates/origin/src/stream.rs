//! A connection that two parties hold: hyper reads and writes it, the service may condemn it. It also tells the
//! journal when an answer was handed to the kernel.

use std::{
    cell::RefCell,
    io,
    os::fd::AsRawFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use ledger::{Begun, Journal, clock};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A connection and the answers that wait to be written to it.
#[derive(Clone)]
pub(crate) struct Stream {
    socket: Rc<TcpStream>,
    journal: Option<Journal>,
    unwritten: Rc<RefCell<Vec<(Begun, u16)>>>,
}

impl Stream {
    pub(crate) fn new(socket: TcpStream, journal: Option<Journal>) -> Stream {
        Stream { socket: Rc::new(socket), journal, unwritten: Rc::default() }
    }

    /// The next bytes written are the answer to this request.
    pub(crate) fn will_answer(&self, begun: Begun, status: u16) {
        self.unwritten.borrow_mut().push((begun, status));
    }

    /// When it is closed the kernel sends a reset.
    pub(crate) fn condemn(&self) -> io::Result<()> {
        self.socket.set_zero_linger()
    }

    fn written(&self) {
        let Some(journal) = &self.journal else { return };
        for (begun, status) in self.unwritten.borrow_mut().drain(..) {
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
        loop {
            ready!(self.socket.poll_read_ready(context))?;
            match self.socket.try_read(into.initialize_unfilled()) {
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
        loop {
            ready!(self.socket.poll_write_ready(context))?;
            match self.socket.try_write(bytes) {
                Ok(count) => {
                    self.written();
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(self.socket.as_raw_fd(), Shutdown::Write).map_err(io::Error::from))
    }
}
