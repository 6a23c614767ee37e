//! The socket to a peer as hyper reads and writes it, and what can be seen of it from beside.

use std::{
    cell::{Cell, RefCell},
    io,
    os::fd::AsRawFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, Shutdown, recv, shutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// Longest head whose names are passed on as they were written.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The socket, shared so that one can look at it beside hyper.
#[derive(Debug, Clone)]
pub(super) struct Wire(Rc<Heard>);

#[derive(Debug)]
struct Heard {
    stream: TcpStream,
    hearing: Cell<Hearing>,
    /// What has come since a head was expected, as long as it is.
    head: RefCell<Option<Vec<u8>>>,
}

/// Whether the peer takes what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    /// It has taken nothing of the newest request yet.
    Unknown,
    Yes,
    /// It has closed in the middle of the request, perhaps after an answer.
    NoMore,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Wire {
        let hearing = Cell::new(Hearing::Unknown);
        Wire(Rc::new(Heard { stream, hearing, head: RefCell::default() }))
    }

    /// The next that comes is the head of an answer, to a request of which nothing was sent.
    pub(super) fn expect_head(&self) {
        self.0.hearing.set(Hearing::Unknown);
        self.0.head.replace(Some(Vec::new()));
    }

    /// That head, and perhaps more.
    pub(super) fn take_head(&self) -> Option<Vec<u8>> {
        self.0.head.take()
    }

    /// Whether the peer has neither closed it nor said anything.
    pub(super) fn is_silent(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        recv(self.0.stream.as_raw_fd(), &mut [0; 1], flags) == Err(Errno::EAGAIN)
    }
}

impl Heard {
    /// A peer may answer before it has had all of a request, and close: then the kernel refuses the rest, and still has the
    /// answer. To hyper, which would look no further, the rest is written. If there is no answer, it hears of the end soon.
    fn written(&self, result: io::Result<usize>, buffers: &[io::IoSlice]) -> io::Result<usize> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match (result, self.hearing.get()) {
            (Err(error), Hearing::Yes | Hearing::NoMore)
                if matches!(error.kind(), BrokenPipe | ConnectionReset) =>
            {
                self.hearing.set(Hearing::NoMore);
                Ok(buffers.iter().map(|buffer| buffer.len()).sum())
            }
            (Ok(count), Hearing::Unknown) => {
                self.hearing.set(Hearing::Yes);
                Ok(count)
            }
            (result, _) => result,
        }
    }

    fn note(&self, bytes: &[u8]) {
        if let Some(head) = &mut *self.head.borrow_mut() {
            let room = HEAD_BYTES_MAX.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        loop {
            std::task::ready!(self.0.stream.poll_read_ready(cx))?;
            let before = buffer.filled().len();
            match self.0.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    self.0.note(&buffer.filled()[before..]);
                    return Poll::Ready(result.map(drop));
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context,
        buffers: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.stream.try_write_vectored(buffers) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(self.0.written(result, buffers)),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown(self.0.stream.as_raw_fd(), Shutdown::Write).map_err(io::Error::from))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        runtime,
    };

    use super::*;

    /// Sends a peer a head and a body. It reads one byte, answers and closes with the rest unread, so that the kernel resets
    /// the connection. Then the body is sent on.
    async fn sent_too_much(mut wire: Wire, peer: &TcpListener) -> (io::Result<()>, String) {
        wire.expect_head();
        wire.write_all(b"head and body").await.expect("fits");
        let (mut stream, _) = peer.accept().expect("accepts");
        stream.read_exact(&mut [0]).expect("a byte");
        stream.write_all(b"early").expect("answers");
        drop(stream);
        wire.0.stream.ready(tokio::io::Interest::ERROR).await.expect("a reset");
        let sent = wire.write_all(b"more of the body").await;
        let mut answer = String::new();
        let _ = wire.read_to_string(&mut answer).await;
        (sent, answer)
    }

    #[test]
    fn an_early_answer_is_read_although_the_rest_of_the_request_is_refused() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (sent, answer) = runtime.block_on(async {
            let peer = TcpListener::bind("127.0.0.1:0").expect("binds");
            let stream = TcpStream::connect(peer.local_addr().expect("an address")).await.expect("connects");
            sent_too_much(Wire::new(stream), &peer).await
        });
        assert_eq!((sent.map_err(|error| error.kind()), answer.as_str()), (Ok(()), "early"));
    }

    /// Only so is it known that nothing was executed.
    #[test]
    fn a_request_of_which_nothing_was_taken_is_not_sent() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let sent = runtime.block_on(async {
            let peer = TcpListener::bind("127.0.0.1:0").expect("binds");
            let stream = TcpStream::connect(peer.local_addr().expect("an address")).await.expect("connects");
            let (mut wire, (there, _)) = (Wire::new(stream), peer.accept().expect("accepts"));
            wire.write_all(b"an old request").await.expect("fits");
            drop(there);
            wire.0.stream.ready(tokio::io::Interest::ERROR).await.expect("a reset");
            wire.expect_head();
            wire.write_all(b"head").await
        });
        assert!(sent.is_err());
    }
}
