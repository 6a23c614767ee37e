//! `proxy_pass`: asks one peer after another until one answers, and passes its answer on as it comes.

mod asking;
mod attempt;
mod frames;
mod group;
mod health;
mod keepalive;
mod link;
mod next;
mod passing;
mod request;
mod tunnel;
mod wire;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    rc::Rc,
    task::Poll,
};

use balance::Ended;
use conf::{NextCondition, Peer, ProxyPass, ProxyTarget, Upstream};
use hyper::{
    Response, StatusCode,
    body::Incoming,
    header::{CONNECTION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, UPGRADE},
};
use tokio::time::Instant;

use self::{
    asking::Asking,
    attempt::Failure,
    link::Link,
    next::{Safety, Standing},
    tunnel::Protocol,
};
pub(super) use self::{group::Group, passing::Passing, tunnel::Tunnel};
use super::{
    answer::{Draft, Hangup},
    body::{Content, RequestBody},
    connection::Switched,
    exchange::Exchange,
    headers::{self, Persistence},
};

/// Passes a request on.
pub(super) async fn forward(
    exchange: &mut Exchange<'_>,
    proxy: &ProxyPass,
    body: RequestBody,
) -> Result<Draft, Hangup> {
    exchange.proxy_uri = request::uri(exchange, &proxy.uri);
    let connection = exchange.connection;
    exchange.names = connection.socket.take_names(connection.requests()).unwrap_or_default();
    let Some(group) = find(exchange, proxy) else {
        let name = exchange.proxy_host.clone();
        say(exchange, &name, &format!("there is no upstream \"{name}\", and names are not resolved"));
        return Ok(Draft::page(StatusCode::BAD_GATEWAY, exchange.settings));
    };
    let (asking, started) = (Asking::new(exchange, &group), Instant::now());
    Request { exchange, group, body, asking, started }.pass_on().await
}

/// Who is asked; `$proxy_host` is known from here on.
fn find(exchange: &mut Exchange, proxy: &ProxyPass) -> Option<Rc<Group>> {
    let service = &exchange.connection.service;
    let (groups, log) = (&service.groups, &service.log);
    match &proxy.target {
        ProxyTarget::Upstream { index, host } => {
            exchange.proxy_host.clone_from(host);
            groups.get(*index).cloned()
        }
        ProxyTarget::Named(name) => {
            let mut filled = name.fill(|variable| exchange.value(variable, 0));
            if filled.starts_with('/') {
                filled.remove(0);
            }
            if let Some(path) = filled.find('/') {
                exchange.proxy_uri = filled.split_off(path);
            }
            exchange.proxy_host = filled;
            let name = &exchange.proxy_host;
            let known = groups.iter().find(|group| group.upstream.name == *name).cloned();
            // As in nginx, nothing is remembered of a peer that only this request names.
            known.or_else(|| Upstream::of_text(name).map(|upstream| Group::new(upstream, log)))
        }
    }
}

/// A request that is passed on to the peers of one upstream.
struct Request<'a, 'b> {
    exchange: &'a Exchange<'b>,
    group: Rc<Group>,
    body: RequestBody,
    asking: Asking,
    started: Instant,
}

/// What comes of an attempt.
enum Turn {
    Answered(Response<Incoming>, Link),
    /// To the next peer.
    GoesOn,
    Over(Draft),
}

impl Request<'_, '_> {
    async fn pass_on(mut self) -> Result<Draft, Hangup> {
        let exchange = self.exchange;
        let group = Rc::clone(&self.group);
        let upstream = &group.upstream;
        loop {
            let Some(index) = self.asking.next() else {
                exchange.tried.borrow_mut().push((upstream.name.clone(), StatusCode::BAD_GATEWAY.as_u16()));
                say(exchange, &upstream.name, "no live upstreams while connecting to upstream");
                return Ok(Draft::page(StatusCode::BAD_GATEWAY, exchange.settings));
            };
            match self.ask(&upstream.peers[index]).await? {
                Turn::Answered(response, link) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                    return Ok(self.switched(&response, link));
                }
                Turn::Answered(response, link) => return Ok(self.passed_on(response, link)),
                Turn::GoesOn => {}
                Turn::Over(draft) => return Ok(draft),
            }
        }
    }

    async fn ask(&mut self, peer: &Peer) -> Result<Turn, Hangup> {
        let exchange = self.exchange;
        exchange.tried.borrow_mut().push((peer.address.to_string(), 0));
        let attempt = attempt::attempt(exchange, &self.group, peer.address, &self.body);
        let Some(outcome) = unless_abandoned(exchange, attempt).await else {
            // The peer is not to blame.
            let message = "client prematurely closed connection, so upstream connection is closed too";
            say(exchange, &peer.address.to_string(), message);
            return Err(Hangup);
        };
        match (outcome, self.body.fault()) {
            (Ok((response, link)), _) => Ok(self.answered(response, link)),
            (Err(_), Some(fault)) => Draft::of_fault(fault, exchange.settings).map(Turn::Over),
            (Err(failure), None) => Ok(self.failed(&failure, peer)),
        }
    }

    /// An answer that the configuration takes for a failure is one only while another peer can be asked instead.
    fn answered(&mut self, response: Response<Incoming>, link: Link) -> Turn {
        let status = response.status();
        self.exchange.came_to(status);
        let reason = NextCondition::Status(status.as_u16());
        if self.asking.left() < 2 || !self.goes_on(reason, self.safety(true)) {
            if status.is_server_error() {
                self.asking.is_faulty();
            }
            return Turn::Answered(response, link);
        }
        link.cut();
        self.asking.ended(if next::is_failure(status) { Ended::Failed } else { Ended::Succeeded });
        Turn::GoesOn
    }

    fn failed(&mut self, failure: &Failure, peer: &Peer) -> Turn {
        self.asking.ended(Ended::Failed);
        say(self.exchange, &peer.address.to_string(), &failure.to_string());
        let status = match failure.condition() {
            NextCondition::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        self.exchange.came_to(status);
        if self.asking.left() > 0 && self.goes_on(failure.condition(), self.safety(failure.was_sent())) {
            return Turn::GoesOn;
        }
        Turn::Over(match self.body.is_received() {
            true => Draft::page(status, self.exchange.settings),
            false => Draft::last_page(status, self.exchange.settings),
        })
    }

    fn goes_on(&self, reason: NextCondition, safety: Safety) -> bool {
        let standing = Standing { safety, elapsed: self.started.elapsed() };
        next::goes_on(&self.exchange.settings.next_upstream, reason, standing)
    }

    fn safety(&self, was_sent: bool) -> Safety {
        match (self.body.is_repeatable(), was_sent && !next::is_idempotent(&self.exchange.request.method)) {
            (false, _) => Safety::Spent,
            (true, true) => Safety::MayBeDone,
            (true, false) => Safety::Repeatable,
        }
    }

    /// The client gets the switch too, and after it whatever the peer says.
    fn switched(self, response: &Response<Incoming>, link: Link) -> Draft {
        let Request { exchange, asking, .. } = self;
        let protocol = (exchange.request.headers.get(UPGRADE)).and(response.headers().get(UPGRADE));
        let Some(protocol) = protocol else {
            say(exchange, &link.peer.to_string(), "upstream switched to a protocol that nobody asked for");
            return Draft::page(StatusCode::BAD_GATEWAY, exchange.settings);
        };
        let mut switch = Response::new(Content::text(""));
        *switch.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *switch.headers_mut() = response.headers().clone();
        *switch.extensions_mut() = response.extensions().clone();
        request::remove_hop_by_hop(switch.headers_mut());
        switch.headers_mut().insert(UPGRADE, protocol.clone());
        switch.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let is_websocket = protocol.as_bytes().eq_ignore_ascii_case(b"websocket");
        let protocol = if is_websocket { Protocol::Websocket } else { Protocol::Unknown };
        let read_timeout = exchange.settings.proxy_read_timeout;
        let tunnel = Tunnel::new(link, protocol, read_timeout, asking);
        exchange.connection.becomes(Switched::Tunnel(Box::new(tunnel)));
        Draft { response: switch, persistence: Persistence::Stays }
    }

    /// What the peer says of itself and of its connection is left out; the rest is passed on.
    fn passed_on(self, response: Response<Incoming>, link: Link) -> Draft {
        let Request { exchange, group, asking, .. } = self;
        let (parts, incoming) = response.into_parts();
        let passing = Passing::new(incoming, (group, link), asking, exchange.connection, exchange.settings);
        let passing = if is_event_stream(&parts.headers) { passing.of_events() } else { passing };
        let mut response = Response::from_parts(parts, Content::Forwarded(Box::new(passing)));
        *response.version_mut() = hyper::Version::HTTP_11;
        let headers = response.headers_mut();
        request::remove_hop_by_hop(headers);
        for name in [DATE, headers::ID, headers::PID, headers::GENERATION] {
            headers.remove(name);
        }
        Draft { response, persistence: Persistence::Stays }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
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

/// A line about an upstream, or a peer of it.
fn say(exchange: &Exchange, whom: &str, message: &str) {
    let connection = exchange.connection;
    let url = format!("http://{whom}{}", exchange.request_uri());
    let line = format!("*{} {message}, {}, upstream: \"{url}\"", connection.number, exchange.context());
    connection.service.log.error(&line);
}
