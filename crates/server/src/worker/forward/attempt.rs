//! One attempt on one peer.

use std::{future::Future, io, pin::pin, time::Duration};

use conf::NextCondition;
use hyper::{Request, Response, body::Incoming, client::conn::TrySendError};
use tokio::time::{Instant, sleep_until};

use super::{
    super::{body::RequestBody, exchange::Exchange},
    group::Group,
    link::{Link, Purpose},
    next, request,
};

/// Why a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::worker) enum Failure {
    #[error("connect() failed ({0}) while connecting to upstream")]
    Connect(#[source] io::Error),
    #[error("upstream timed out (110: Connection timed out) while connecting to upstream")]
    ConnectTimeout,
    #[error("connection to upstream was closed ({0}) before the request was sent")]
    NotSent(#[source] hyper::Error),
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

    /// What `proxy_next_upstream` calls it.
    pub(super) fn condition(&self) -> NextCondition {
        match self {
            Failure::ConnectTimeout | Failure::ResponseTimeout => NextCondition::Timeout,
            Failure::Exchange(error) if error.is_parse() => NextCondition::InvalidHeader,
            Failure::Connect(_) | Failure::NotSent(_) | Failure::Exchange(_) => NextCondition::Error,
        }
    }

    /// Whether a connection from before may be to blame instead of the peer: it was closed, and nobody said why.
    fn may_be_the_connection(&self) -> bool {
        matches!(self, Failure::NotSent(_)) || self.condition() == NextCondition::Error
    }
}

/// Takes a kept connection or makes one, sends, and waits for the head of the answer. A peer may close a kept connection
/// just when it is used again: then a new one is made, unless the request may have been executed and must not be twice.
pub(super) async fn attempt(
    exchange: &Exchange<'_>,
    group: &Group,
    peer: std::net::SocketAddr,
    body: &RequestBody,
) -> Result<(Response<Incoming>, Link), Failure> {
    let longest = exchange.settings.proxy_connect_timeout;
    if request::asks_to_switch(exchange) {
        return send(exchange, Link::open(peer, Purpose::Switch, longest).await?, body).await;
    }
    let kept = group.idle.take(peer);
    if let Some(link) = kept {
        match send(exchange, link, body).await {
            Err(failure) if failure.may_be_the_connection() && may_repeat(exchange, &failure, body) => {}
            outcome => return outcome,
        }
    }
    send(exchange, Link::open(peer, Purpose::Requests, longest).await?, body).await
}

fn may_repeat(exchange: &Exchange, failure: &Failure, body: &RequestBody) -> bool {
    let is_safe = !failure.was_sent() || next::is_idempotent(&exchange.request.method);
    is_safe && body.is_repeatable() && body.fault().is_none()
}

async fn send(
    exchange: &Exchange<'_>,
    mut link: Link,
    body: &RequestBody,
) -> Result<(Response<Incoming>, Link), Failure> {
    link.requests += 1;
    let request = request::request(exchange, body.clone());
    link.expect_head();
    let response = link.sender.try_send_request(request);
    let outcome = answered(response, body, exchange.settings.proxy_read_timeout).await;
    match outcome {
        Ok(mut response) => {
            response.extensions_mut().insert(link.names());
            Ok((response, link))
        }
        Err(failure) => {
            // It must not go on reading a body that is sent elsewhere.
            link.cut();
            Err(failure)
        }
    }
}

type Sent = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// The answer, unless neither side has moved for too long.
async fn answered(
    response: impl Future<Output = Sent>,
    body: &RequestBody,
    read_timeout: Duration,
) -> Result<Response<Incoming>, Failure> {
    let mut response = pin!(response);
    let sent = Instant::now();
    loop {
        let moved = || body.progress().map_or(sent, |progress| progress.max(sent));
        let deadline = moved() + read_timeout;
        tokio::select! {
            biased;
            result = &mut response => return result.map_err(failure),
            () = sleep_until(deadline) => {
                if moved() + read_timeout <= Instant::now() {
                    return Err(Failure::ResponseTimeout);
                }
            }
        }
    }
}

/// hyper gives back a request of which nothing was written.
fn failure(mut error: TrySendError<Request<RequestBody>>) -> Failure {
    match error.take_message() {
        Some(_) => Failure::NotSent(error.into_error()),
        None => Failure::Exchange(error.into_error()),
    }
}
