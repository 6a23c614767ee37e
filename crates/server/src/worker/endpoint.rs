//! What a location does with a `changeover_*` test endpoint: the same as the harness's own back end, in the server itself, so
//! that every kind of answer and connection can be had without a back end. `query` and methods are read purely.

use std::{
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use conf::Endpoint;
use http_body_util::BodyExt;
use hyper::{
    Method, StatusCode,
    body::{Frame, SizeHint},
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::{
    answer::{Draft, Hangup},
    body::{Content, Fault, RequestBody},
    connection::{Connection, LastWords, Switched},
    echo::{self, Echo},
    exchange::Exchange,
    service::Stage,
};

/// What short answers are.
const OK: &str = "ok\n";
const TEXT: &str = "text/plain";
/// How many bytes of an upload came, and what they were.
const RECEIVED: HeaderName = HeaderName::from_static("x-changeover-received");
const CHECKSUM: HeaderName = HeaderName::from_static("x-changeover-checksum");
/// A piece of a body that nothing holds back.
const LARGEST_PIECE: u64 = 64 * 1024;
/// Pieces of a body that is held back are this far apart, unless single bytes are.
const PIECES_A_SECOND: u64 = 100;

/// Answers a request; one with a body is read first.
pub(super) async fn answer(
    exchange: &Exchange<'_>,
    endpoint: Endpoint,
    body: RequestBody,
) -> Result<Draft, Hangup> {
    let method = &exchange.request.method;
    let allowed: &[Method] = match endpoint {
        Endpoint::Sink => &[Method::POST, Method::PUT],
        Endpoint::Echo => &[Method::POST],
        Endpoint::Websocket => &[Method::GET],
        _ => &[],
    };
    if !allowed.is_empty() && !allowed.contains(method) {
        return discard(exchange, body, |_| not_allowed(allowed)).await;
    }
    match endpoint {
        Endpoint::Echo => collect(exchange, body).await,
        Endpoint::Sink => sink(exchange, body).await,
        Endpoint::Delay => match number(exchange, "ms") {
            Some(ms) => {
                let answered =
                    discard(exchange, body, |_| Draft::new(StatusCode::OK, TEXT, Content::text(OK)));
                let answered = answered.await?;
                sleep(Duration::from_millis(ms)).await;
                Ok(answered)
            }
            None => discard(exchange, body, |_| asks_for("ms=N")).await,
        },
        Endpoint::Stream => discard(exchange, body, stream).await,
        Endpoint::Events => discard(exchange, body, events).await,
        Endpoint::Counter => {
            let number = exchange.connection.service.count();
            let text = format!("{number}\n");
            discard(exchange, body, |_| Draft::new(StatusCode::OK, TEXT, Content::text(text))).await
        }
        Endpoint::Websocket => discard(exchange, body, websocket).await,
    }
}

/// The next request begins where this body ends.
async fn discard(
    exchange: &Exchange<'_>,
    body: RequestBody,
    draft: impl FnOnce(&Exchange) -> Draft,
) -> Result<Draft, Hangup> {
    match body.discard().await {
        Ok(()) => Ok(draft(exchange)),
        Err(fault) => Draft::of_fault(fault, exchange.settings),
    }
}

async fn collect(exchange: &Exchange<'_>, body: RequestBody) -> Result<Draft, Hangup> {
    match body.collect().await {
        Ok(collected) => {
            let kind = exchange.request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            let content = Content::text(collected.to_bytes());
            Ok(Draft::new(StatusCode::OK, kind.unwrap_or("application/octet-stream"), content))
        }
        Err(fault) => Draft::of_fault(fault, exchange.settings),
    }
}

/// Counts and sums, and keeps nothing.
async fn sink(exchange: &Exchange<'_>, mut body: RequestBody) -> Result<Draft, Hangup> {
    let mut content = facts::Content::EMPTY;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => frame.data_ref().into_iter().for_each(|bytes| content.take(bytes)),
            Err(fault) => return Draft::of_fault(fault, exchange.settings),
        }
    }
    let (count, checksum) = (content.bytes, format!("{:016x}", content.checksum()));
    let text = Content::text(format!("{count} {checksum}\n"));
    let mut draft = Draft::new(StatusCode::OK, TEXT, text);
    let headers = draft.response.headers_mut();
    headers.insert(RECEIVED, count.into());
    headers.extend(HeaderValue::try_from(checksum).ok().map(|checksum| (CHECKSUM, checksum)));
    Ok(draft)
}

fn stream(exchange: &Exchange) -> Draft {
    const ASKED: &str = "bytes=N, and if it is to be slow per_second=N (from 1)";
    let per_second = match field(exchange, "per_second").map(str::parse) {
        None => None,
        Some(Ok(rate @ 1..)) => Some(rate),
        Some(_) => return asks_for(ASKED),
    };
    let Some(bytes) = number(exchange, "bytes") else { return asks_for(ASKED) };
    let framing = if field(exchange, "chunked") == Some("1") { Framing::Chunked } else { Framing::Length };
    let kind = "application/octet-stream";
    if exchange.request.method == Method::HEAD {
        let mut draft = Draft::new(StatusCode::OK, kind, Content::text(""));
        draft.response.headers_mut().insert(CONTENT_LENGTH, bytes.into());
        return draft;
    }
    let stretch = Stretch { sent: 0, bytes, per_second, framing, began: Instant::now(), pause: None };
    Draft::new(StatusCode::OK, kind, Content::Made(Box::new(Made::Stretch(stretch))))
}

fn events(exchange: &Exchange) -> Draft {
    let Some(every @ 1..) = number(exchange, "every_ms") else { return asks_for("every_ms=N (from 1)") };
    let last = exchange.header("last-event-id").parse().unwrap_or(0);
    let connection = Rc::clone(exchange.connection);
    connection.last_words.set(LastWords::Due);
    let events = Events {
        last,
        every: Duration::from_millis(every),
        pause: Box::pin(sleep_until(Instant::now())),
        ended: false,
        connection,
    };
    let content = Content::Made(Box::new(Made::Events(events)));
    let mut draft = Draft::new(StatusCode::OK, "text/event-stream", content);
    draft.response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    draft
}

fn websocket(exchange: &Exchange) -> Draft {
    let (status, headers) = echo::shake(&exchange.request.headers);
    let mut draft = Draft::new(status, TEXT, Content::text(""));
    draft.response.headers_mut().extend(headers);
    if status == StatusCode::SWITCHING_PROTOCOLS {
        draft.response.headers_mut().remove(CONTENT_TYPE);
        exchange.connection.becomes(Switched::Echo(Echo));
    }
    draft
}

fn asks_for(query: &str) -> Draft {
    Draft::new(StatusCode::BAD_REQUEST, TEXT, Content::text(format!("write {query}\n")))
}

fn not_allowed(methods: &[Method]) -> Draft {
    let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
    let text = Content::text(format!("use {}\n", methods.join(", ")));
    let mut draft = Draft::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
    draft
        .response
        .headers_mut()
        .extend(HeaderValue::try_from(methods.join(", ")).ok().map(|all| (ALLOW, all)));
    draft
}

fn field<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a str> {
    let pairs = exchange.request.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

fn number(exchange: &Exchange, name: &str) -> Option<u64> {
    field(exchange, name)?.parse().ok()
}

/// A body that is made as it is written.
#[derive(Debug)]
pub(super) enum Made {
    Stretch(Stretch),
    Events(Events),
}

impl Made {
    /// The next piece; at the end `None`.
    pub(super) fn poll_frame(&mut self, cx: &mut Context) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let piece = match self {
            Made::Stretch(stretch) => ready!(stretch.poll_piece(cx)),
            Made::Events(events) => ready!(events.poll_event(cx)),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    /// Whether nothing is left to be made.
    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Made::Stretch(stretch) => stretch.sent == stretch.bytes,
            Made::Events(events) => events.ended,
        }
    }

    /// How much is to come, if that is said beforehand.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Made::Stretch(stretch) if stretch.framing == Framing::Length => {
                SizeHint::with_exact(stretch.bytes - stretch.sent)
            }
            _ => SizeHint::default(),
        }
    }
}

/// How a body says where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
}

/// Bytes that can be foretold, at once or at so many a second.
#[derive(Debug)]
pub(super) struct Stretch {
    sent: u64,
    bytes: u64,
    per_second: Option<u64>,
    framing: Framing,
    began: Instant,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Stretch {
    fn poll_piece(&mut self, cx: &mut Context) -> Poll<Option<Bytes>> {
        if self.sent == self.bytes {
            return Poll::Ready(None);
        }
        if let Some(rate) = self.per_second {
            // The next piece is due when those before it have taken their time.
            let due = self.began + Duration::from_secs_f64(self.sent as f64 / rate as f64);
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep_until(due)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let largest =
            self.per_second.map_or(LARGEST_PIECE, |rate| (rate / PIECES_A_SECOND).clamp(1, LARGEST_PIECE));
        let count = largest.min(self.bytes - self.sent);
        let mut piece = BytesMut::zeroed(count as usize);
        facts::content::fill(self.sent, &mut piece);
        self.sent += count;
        Poll::Ready(Some(piece.freeze()))
    }
}

/// Server-sent events without end of their own: when the worker's time is over they end between two of them, in order.
#[derive(Debug)]
pub(super) struct Events {
    last: u64,
    every: Duration,
    pause: Pin<Box<Sleep>>,
    ended: bool,
    connection: Rc<Connection>,
}

impl Events {
    fn poll_event(&mut self, cx: &mut Context) -> Poll<Option<Bytes>> {
        self.ended |= self.connection.service.stage() == Stage::Cutting;
        if self.ended {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(cx));
        let due = self.pause.deadline() + self.every;
        self.pause.as_mut().reset(due);
        self.last = self.last.saturating_add(1);
        Poll::Ready(Some(format!("id: {0}\ndata: {0}\n\n", self.last).into()))
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.connection.last_words.set(LastWords::None);
    }
}
