//! A connection to a peer: made, or kept from an earlier request.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, Shutdown, recv, shutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    task::{AbortHandle, spawn_local},
    time::{Instant, timeout},
};

use super::{
    super::{body::RequestBody, spelling::Names},
    attempt::Failure,
};

/// Longest head whose names are passed on as they were written.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// What a connection is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One request, and perhaps others after it.
    Requests,
    /// A request that asks the peer to switch the protocol, and what comes of that.
    Switch,
}

/// An open connection.
#[derive(Debug)]
pub(in crate::worker) struct Link {
    pub(super) peer: SocketAddr,
    pub(super) sender: SendRequest<RequestBody>,
    pub(super) opened: Instant,
    /// How many requests it has carried.
    pub(super) requests: u64,
    pub(super) purpose: Purpose,
    wire: Wire,
    task: AbortHandle,
    /// What the peer sent after the head of its switch, once hyper has let go of the connection.
    ahead: oneshot::Receiver<Bytes>,
}

impl Link {
    /// Connects.
    pub(super) async fn open(peer: SocketAddr, purpose: Purpose, longest: Duration) -> Result<Link, Failure> {
        let stream = timeout(longest, TcpStream::connect(peer))
            .await
            .map_err(|_| Failure::ConnectTimeout)?
            .map_err(Failure::Connect)?;
        // Small requests must not wait for the acknowledgement of their head.
        stream.set_nodelay(true).map_err(Failure::Connect)?;
        let wire = Wire(Rc::new(Heard { stream, head: RefCell::default() }));
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(wire.clone()))
            .await
            .map_err(Failure::Exchange)?;
        let (let_go, ahead) = oneshot::channel();
        // It ends with the answer, or when whoever asked is gone.
        let task = match purpose {
            Purpose::Requests => spawn_local(async move { drop(connection.await) }),
            Purpose::Switch => spawn_local(async move {
                if let Ok(parts) = connection.without_shutdown().await {
                    // Nobody may want it: the peer did not switch.
                    let _ = let_go.send(parts.read_buf);
                }
            }),
        };
        let (task, opened) = (task.abort_handle(), Instant::now());
        Ok(Link { peer, sender, opened, requests: 0, purpose, wire, task, ahead })
    }

    /// Whether the peer has neither closed it nor said anything unasked. Looks into the socket: what has just come is not
    /// known to hyper yet.
    pub(super) fn is_fresh(&self) -> bool {
        let looked =
            recv(self.wire.0.stream.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT);
        !self.sender.is_closed() && looked == Err(Errno::EAGAIN)
    }

    /// The next that comes is the head of an answer.
    pub(super) fn expect_head(&self) {
        self.wire.0.head.replace(Some(Vec::new()));
    }

    /// The names in that head, as they were written.
    pub(super) fn names(&self) -> Names {
        self.wire.0.head.take().map_or_else(Names::default, |head| Names::of_answer(&head))
    }

    /// The socket, to be used once hyper has let go of it.
    pub(super) fn wire(&self) -> Wire {
        self.wire.clone()
    }

    /// What hyper read beyond the head of a switch.
    pub(super) async fn ahead(&mut self) -> Bytes {
        (&mut self.ahead).await.unwrap_or_default()
    }

    /// Closes it, whatever is still on its way.
    pub(super) fn cut(self) {
        self.task.abort();
    }
}

/// The socket, shared so that one can look at it beside hyper.
#[derive(Debug, Clone)]
pub(super) struct Wire(Rc<Heard>);

#[derive(Debug)]
struct Heard {
    stream: TcpStream,
    /// What has come since a head was expected, as long as it is.
    head: RefCell<Option<Vec<u8>>>,
}

impl Heard {
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
                result => return Poll::Ready(result),
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
