//! A connection to a peer: made, or kept from an earlier request.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::oneshot,
    task::{AbortHandle, spawn_local},
    time::{Instant, timeout},
};

use super::{
    super::{body::RequestBody, spelling::Names},
    attempt::Failure,
    wire::Wire,
};

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
        let wire = Wire::new(stream);
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
        !self.sender.is_closed() && self.wire.is_silent()
    }

    /// The next that comes is the head of an answer.
    pub(super) fn expect_head(&self) {
        self.wire.expect_head();
    }

    /// The names in that head, as they were written.
    pub(super) fn names(&self) -> Names {
        self.wire.take_head().map_or_else(Names::default, |head| Names::of_answer(&head))
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
