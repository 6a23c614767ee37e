//! `proxy_pass`: asks one peer after another until one answers, and passes its answer on as it comes.

mod attempt;
mod request;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use balance::{Attempts, Ended};
use conf::{Peer, ProxyPass, Upstream};
use hyper::{Method, Response, StatusCode, body::Incoming, header::DATE};

use self::attempt::Failure;
use super::{
    answer::{Draft, Hangup},
    body::{Content, RequestBody, Silence, Waiting},
    exchange::Exchange,
    headers::{self, Persistence},
    service::now_seconds,
};

/// Passes a request on.
pub(super) async fn forward(
    exchange: &mut Exchange<'_>,
    proxy: &ProxyPass,
    body: RequestBody,
) -> Result<Draft, Hangup> {
    let service = &exchange.connection.service;
    let (upstream, pool) =
        (&service.configuration.http.upstreams[proxy.upstream], &service.pools[proxy.upstream]);
    let mut attempts = pool.borrow().attempts(b"");
    loop {
        let picked = pool.borrow_mut().pick(&mut attempts, now_seconds(), || 0);
        let Some(index) = picked else {
            say(exchange, upstream, None, "no live upstreams while connecting to upstream");
            return Ok(Draft::page(StatusCode::BAD_GATEWAY, exchange.settings));
        };
        let peer = &upstream.peers[index];
        exchange.tried.borrow_mut().push(peer.address.to_string());
        let asking = attempt::attempt(exchange, peer, body.clone());
        let Some(outcome) = unless_abandoned(exchange, asking).await else {
            // The peer is not to blame.
            pool.borrow_mut().finish(&mut attempts, Ended::Succeeded, now_seconds());
            say(
                exchange,
                upstream,
                Some(peer),
                "client prematurely closed connection, so upstream connection is closed too",
            );
            return Err(Hangup);
        };
        let ended = if outcome.is_ok() || body.fault().is_some() { Ended::Succeeded } else { Ended::Failed };
        pool.borrow_mut().finish(&mut attempts, ended, now_seconds());
        match outcome {
            Ok(response) => return Ok(passed_on(exchange, response)),
            Err(failure) => {
                if let Some(fault) = body.fault() {
                    return Draft::of_fault(fault, exchange.settings);
                }
                say(exchange, upstream, Some(peer), &failure.to_string());
                if !may_retry(exchange, &failure, &body, &attempts) {
                    return Ok(given_up(exchange, &failure, &body));
                }
            }
        }
    }
}

/// What comes of asking a peer; `None` if the client left before and nothing says to go on without it.
async fn unless_abandoned<T>(exchange: &Exchange<'_>, asking: impl Future<Output = T>) -> Option<T> {
    let mut asking = pin!(asking);
    poll_fn(|cx| match asking.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if exchange.settings.proxy_ignore_client_abort => Poll::Pending,
        Poll::Pending => exchange.connection.poll_abandoned(cx).map(|()| None),
    })
    .await
}

/// nginx's `proxy_next_upstream error timeout`: another peer is asked unless this one may already have done what a
/// second must not do again, or the body is no longer whole.
fn may_retry(exchange: &Exchange, failure: &Failure, body: &RequestBody, attempts: &Attempts) -> bool {
    let method = &exchange.request.method;
    let repeatable = *method != Method::POST && *method != Method::PATCH && method.as_str() != "LOCK";
    attempts.any_left() && !body.is_touched() && (repeatable || !failure.was_sent())
}

fn given_up(exchange: &Exchange, failure: &Failure, body: &RequestBody) -> Draft {
    let status = if failure.is_timeout() { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY };
    match hyper::body::Body::is_end_stream(body) {
        true => Draft::page(status, exchange.settings),
        false => Draft::last_page(status, exchange.settings),
    }
}

/// What the peer says of itself and of its connection is left out; the rest is passed on.
fn passed_on(exchange: &Exchange, response: Response<Incoming>) -> Draft {
    let settings = exchange.settings;
    let client = (!settings.proxy_ignore_client_abort).then(|| Rc::clone(exchange.connection));
    let waiting = Waiting { silence: Silence::new(settings.proxy_read_timeout), client };
    let mut response = response.map(|incoming| Content::Forwarded(incoming, waiting));
    *response.version_mut() = hyper::Version::HTTP_11;
    let headers = response.headers_mut();
    request::remove_hop_by_hop(headers);
    for name in [DATE, headers::ID, headers::PID, headers::GENERATION] {
        headers.remove(name);
    }
    Draft { response, persistence: Persistence::Stays }
}

fn say(exchange: &Exchange, upstream: &Upstream, peer: Option<&Peer>, message: &str) {
    let connection = exchange.connection;
    let address = peer.map_or_else(|| upstream.name.clone(), |peer| peer.address.to_string());
    let url = format!("http://{address}{}", exchange.request_uri());
    let line = format!("*{} {message}, {}, upstream: \"{url}\"", connection.number, exchange.context());
    connection.service.log.error(&line);
}
