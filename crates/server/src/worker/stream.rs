//! A client's connected socket of either kind.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    pin::Pin,
    task::{Context, Poll},
};

use conf::Address;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// Longest answer that is written in one piece.
const SHORT_BYTES_MAX: usize = 1024;

/// A connected stream.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    /// A client's on the same machine, or the self-test's.
    Unix(UnixStream),
}

impl Stream {
    /// Sends small writes at once; a unix domain socket does anyway.
    pub(super) fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nodelay(true),
            Stream::Unix(_) => Ok(()),
        }
    }

    /// The address the client connected to, where one listener has several.
    pub(super) fn local_address(&self) -> Option<Address> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().ok().map(Address::Inet),
            Stream::Unix(_) => None,
        }
    }

    /// Of the kind that its listener is.
    pub(super) fn from_socket(socket: OwnedFd, listener: &Address) -> io::Result<Stream> {
        match listener {
            Address::Inet(_) => {
                let socket = std::net::TcpStream::from(socket);
                socket.set_nonblocking(true)?;
                TcpStream::from_std(socket).map(Stream::Tcp)
            }
            Address::Unix(_) => {
                let socket = std::os::unix::net::UnixStream::from(socket);
                socket.set_nonblocking(true)?;
                UnixStream::from_std(socket).map(Stream::Unix)
            }
        }
    }

    /// Without the reactor, which hears no more of it.
    pub(super) fn into_socket(self) -> io::Result<OwnedFd> {
        match self {
            Stream::Tcp(stream) => stream.into_std().map(OwnedFd::from),
            Stream::Unix(stream) => stream.into_std().map(OwnedFd::from),
        }
    }

    pub(super) fn try_read(&self, buffer: &mut ReadBuf) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_read_buf(buffer),
            Stream::Unix(stream) => stream.try_read_buf(buffer),
        }
    }

    /// Of what comes hyper takes all there is room for: less means that there is no more, and the reactor will tell of the
    /// next. So nobody asks the kernel in vain after each request.
    pub(super) fn poll_read(&mut self, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    /// A short answer goes in one piece: the copy costs less than the kernel's way through a list of pieces.
    pub(super) fn poll_write(&mut self, cx: &mut Context, pieces: &[io::IoSlice]) -> Poll<io::Result<usize>> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut one = [0; SHORT_BYTES_MAX];
        let mut single = None;
        if let [piece] = pieces {
            single = Some(&**piece);
        } else if let Some(mut left) = one.get_mut(..length) {
            for piece in pieces {
                let (here, rest) = left.split_at_mut(piece.len());
                here.copy_from_slice(piece);
                left = rest;
            }
            single = Some(&one[..length]);
        }
        match (self, single) {
            (Stream::Tcp(stream), Some(bytes)) => Pin::new(stream).poll_write(cx, bytes),
            (Stream::Unix(stream), Some(bytes)) => Pin::new(stream).poll_write(cx, bytes),
            (Stream::Tcp(stream), None) => Pin::new(stream).poll_write_vectored(cx, pieces),
            (Stream::Unix(stream), None) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    pub(super) fn poll_readable(&self, cx: &mut Context) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => stream.poll_read_ready(cx),
            Stream::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    pub(super) fn try_write(&self, buffers: &[io::IoSlice]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.try_write_vectored(buffers),
            Stream::Unix(stream) => stream.try_write_vectored(buffers),
        }
    }

    pub(super) fn fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}
