//! One attempt on one peer, on a connection of its own.

use std::{future::Future, io, pin::pin, time::Duration};

use conf::Peer;
use hyper::{Response, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::spawn_local,
    time::{Instant, sleep_until, timeout},
};

use super::{
    super::{body::RequestBody, exchange::Exchange},
    request,
};

/// Why a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("connect() failed ({0}) while connecting to upstream")]
    Connect(#[source] io::Error),
    #[error("upstream timed out (110: Connection timed out) while connecting to upstream")]
    ConnectTimeout,
    #[error(
        "upstream prematurely closed connection or sent no HTTP ({0}) while reading response header from upstream"
    )]
    Exchange(#[source] hyper::Error),
    #[error("upstream timed out (110: Connection timed out) while reading response header from upstream")]
    ResponseTimeout,
}

impl Failure {
    /// Whether the peer may have seen the request.
    pub(super) fn was_sent(&self) -> bool {
        matches!(self, Failure::Exchange(_) | Failure::ResponseTimeout)
    }

    pub(super) fn is_timeout(&self) -> bool {
        matches!(self, Failure::ConnectTimeout | Failure::ResponseTimeout)
    }
}

/// Connects, sends, and waits for the head of the answer.
pub(super) async fn attempt(
    exchange: &Exchange<'_>,
    peer: &Peer,
    body: RequestBody,
) -> Result<Response<Incoming>, Failure> {
    let settings = exchange.settings;
    let stream = timeout(settings.proxy_connect_timeout, TcpStream::connect(peer.address))
        .await
        .map_err(|_| Failure::ConnectTimeout)?
        .map_err(Failure::Connect)?;
    // Small requests must not wait for the acknowledgement of their head.
    stream.set_nodelay(true).map_err(Failure::Connect)?;
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::Exchange)?;
    // It ends with the answer, or when whoever asked is gone.
    spawn_local(connection);
    let request = request::request(exchange, body.clone());
    answered(sender.send_request(request), &body, settings.proxy_read_timeout).await
}

/// The answer, unless neither side has moved for too long.
async fn answered(
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
    body: &RequestBody,
    read_timeout: Duration,
) -> Result<Response<Incoming>, Failure> {
    let mut response = pin!(response);
    let sent = Instant::now();
    loop {
        let deadline = body.progress().max(sent) + read_timeout;
        tokio::select! {
            biased;
            result = &mut response => return result.map_err(Failure::Exchange),
            () = sleep_until(deadline) => {
                if body.progress().max(sent) + read_timeout <= Instant::now() {
                    return Err(Failure::ResponseTimeout);
                }
            }
        }
    }
}
