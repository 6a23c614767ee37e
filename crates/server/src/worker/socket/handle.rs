//! A client's socket as hyper reads and writes it.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Buf;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{Flushed, Shut, Socket};

/// What hyper holds of a socket.
#[derive(Debug, Clone)]
pub(in crate::worker) struct Handle(pub(in crate::worker) Rc<Socket>);

impl AsyncRead for Handle {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        let socket = &self.0;
        let mut ahead = socket.ahead.borrow_mut();
        if !ahead.is_empty() {
            let count = ahead.len().min(buffer.remaining());
            buffer.put_slice(&ahead[..count]);
            ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        if socket.ended.get() {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match socket.stream.borrow_mut().poll_read(cx, buffer) {
            Poll::Pending => {
                socket.wait(cx);
                Poll::Pending
            }
            Poll::Ready(Ok(())) => {
                let read = &buffer.filled()[before..];
                socket.ended.set(read.is_empty());
                socket.feed(read);
                Poll::Ready(Ok(()))
            }
            failed => failed,
        }
    }
}

impl AsyncWrite for Handle {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context,
        buffers: &[io::IoSlice],
    ) -> Poll<io::Result<usize>> {
        let written = self.0.stream.borrow_mut().poll_write(cx, buffers);
        let blocked = self.0.blocked.get();
        if written.is_pending() {
            self.0.blocked.set(blocked.or_else(|| Some(Instant::now())));
        } else {
            self.0.blocked.set(None);
            self.0.written.set(Instant::now());
            if let Poll::Ready(Ok(count)) = &written {
                self.0.count(*count);
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        self.0.unwritten.flushed();
        self.0.unlogged.written();
        self.0.flushed.set(Flushed::Yes);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        match self.0.shutdown.get() {
            Shut::Obeyed => Poll::Ready(self.0.close_write()),
            Shut::Ignored => Poll::Ready(Ok(())),
        }
    }
}
