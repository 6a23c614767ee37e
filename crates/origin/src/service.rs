//! What happens to one request.

use std::{cell::Cell, io, process, rc::Rc, time::Duration};

use bytes::Bytes;
use facts::{Content, fault::Fault};
use http_body_util::BodyExt;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use ledger::{Begun, Journal, clock};
use tokio::{task::spawn_local, time::sleep};

use crate::{
    arguments::Arguments,
    body::AnswerBody,
    end::Ending,
    endpoint::{Endpoint, Framing, Refusal, endpoint},
    fault::{Faults, Occasion, Struck},
    maker::{self, Events},
    stream::Stream,
    websocket,
};

const BODY: &str = "ok\n";
/// The id of nobody's request.
const STRANGER: &str = "00000000deadbeef";
const LONGEST_HANG: Duration = Duration::from_secs(60);
/// The number that the load engine gave a request.
const ID: HeaderName = HeaderName::from_static("x-changeover-id");
/// How many bytes of an upload came.
const RECEIVED: HeaderName = HeaderName::from_static("x-changeover-received");
/// What they were.
const CHECKSUM: HeaderName = HeaderName::from_static("x-changeover-checksum");

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Service {
    inner: Rc<Inner>,
}

struct Inner {
    origin: HeaderValue,
    echo: bool,
    faults: Rc<Faults>,
    journal: Option<Journal>,
    requests: Cell<u64>,
    ending: Ending,
}

impl Service {
    pub(crate) fn new(
        arguments: &Arguments,
        journal: Option<Journal>,
        faults: Faults,
        ending: Ending,
    ) -> Service {
        // A name that no header can carry is simply not said.
        let origin = HeaderValue::from_str(&arguments.name).unwrap_or(HeaderValue::from_static("unnamed"));
        let (echo, faults, requests) = (arguments.echo, Rc::new(faults), Cell::new(0));
        Service { inner: Rc::new(Inner { origin, echo, faults, journal, requests, ending }) }
    }

    /// Writes down, executes, answers, unless a fault says otherwise.
    pub(crate) async fn call(
        self,
        request: Request<Incoming>,
        stream: Stream,
    ) -> io::Result<Response<AnswerBody>> {
        let number = self.inner.requests.get() + 1;
        self.inner.requests.set(number);
        let echo = request.headers().get(ID).cloned();
        let id = id(echo.as_ref());
        let struck = self.inner.faults.strike(Occasion::Request, id);
        let fault = struck.as_ref().map(|struck| struck.fault);
        if fault.is_some_and(happens_here) {
            struck.as_ref().into_iter().for_each(Struck::happens);
        }
        self.refuse(fault, &stream).await?;
        let begun = if fault == Some(Fault::Unavailable) { None } else { self.begin(id) };
        let mut response = match fault {
            Some(Fault::Unavailable) => unavailable(request).await,
            _ => self.execute(request, number, id).await,
        }?;
        match fault {
            Some(Fault::Swallow) => hang().await?,
            Some(Fault::LoseAnswer) => return Err(on_purpose()),
            Some(Fault::ExecuteTwice) => self.execute_again(id, response.status()),
            Some(Fault::AnnounceClose) => say_close(&mut response),
            _ => {}
        }
        self.identify(&mut response, echo, fault);
        if let (Some(begun), Some(journal)) = (begun, &self.inner.journal) {
            let status = response.status().as_u16();
            response.body_mut().receipt = Some(stream.receipt(journal, begun, status));
        }
        struck
            .into_iter()
            .filter(|struck| !happens_here(struck.fault))
            .for_each(|struck| stream.strike(struck));
        Ok(response)
    }

    /// Faults that keep a request from being executed and answered.
    async fn refuse(&self, fault: Option<Fault>, stream: &Stream) -> io::Result<()> {
        match fault {
            Some(Fault::Reset) => stream.condemn().and(Err(on_purpose())),
            Some(Fault::Close) => Err(on_purpose()),
            Some(Fault::Ignore) => hang().await,
            _ => Ok(()),
        }
    }

    fn execute_again(&self, id: u64, status: StatusCode) {
        if let (Some(begun), Some(journal)) = (self.begin(id), &self.inner.journal) {
            journal.answered(begun, clock::now(), status.as_u16());
        }
    }

    /// A full journal says so itself; the answer is still due.
    fn begin(&self, id: u64) -> Option<Begun> {
        let journal = self.inner.journal.as_ref().filter(|_| id != 0)?;
        journal.begin(id, clock::now(), process::id()).ok()
    }

    async fn execute(
        &self,
        request: Request<Incoming>,
        number: u64,
        id: u64,
    ) -> io::Result<Response<AnswerBody>> {
        let uri = request.uri();
        match endpoint(request.method(), uri.path(), uri.query().unwrap_or_default()) {
            Err(refusal) => refused(request, refusal).await,
            Ok(Endpoint::Plain) => plain(request, BODY).await,
            Ok(Endpoint::Counter) => plain(request, format!("{number}\n")).await,
            Ok(Endpoint::Delay { ms }) => {
                sleep(Duration::from_millis(ms)).await;
                plain(request, BODY).await
            }
            Ok(Endpoint::Stream { bytes, per_second, framing }) => {
                let length = (framing == Framing::Length).then_some(bytes);
                let (pieces, body) = AnswerBody::made(length);
                spawn_local(maker::stretch(bytes, per_second, pieces));
                Ok(typed("application/octet-stream", body))
            }
            Ok(Endpoint::Sink) => {
                let struck = self.inner.faults.strike(Occasion::Upload, id);
                struck.iter().for_each(Struck::happens);
                sink(request, struck.map_or(0, |_| 1)).await
            }
            Ok(Endpoint::Echo) => echo(request).await,
            Ok(Endpoint::Events { every_ms }) => {
                Ok(self.events(&request, id, Duration::from_millis(every_ms)))
            }
            Ok(Endpoint::Websocket) => Ok(self.websocket(request, id)),
        }
    }

    fn events(&self, request: &Request<Incoming>, id: u64, every: Duration) -> Response<AnswerBody> {
        let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
        let (pieces, body) = AnswerBody::made(None);
        let events = Events { last: last.unwrap_or(0), every, id, faults: self.inner.faults.clone() };
        spawn_local(maker::events(events, pieces, self.inner.ending.end()));
        let mut response = typed("text/event-stream", body);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn websocket(&self, request: Request<Incoming>, id: u64) -> Response<AnswerBody> {
        let (status, headers) = websocket::shake(request.headers());
        let mut response = Response::new(AnswerBody::whole(""));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        if status == StatusCode::SWITCHING_PROTOCOLS {
            let faults = self.inner.faults.clone();
            spawn_local(websocket::live(request, id, faults, self.inner.ending.end()));
        }
        response
    }

    fn identify(&self, response: &mut Response<AnswerBody>, echo: Option<HeaderValue>, fault: Option<Fault>) {
        let headers = response.headers_mut();
        headers.insert("x-changeover-origin", self.inner.origin.clone());
        if self.inner.echo {
            headers.insert("x-changeover-pid", process::id().into());
            let echo =
                echo.map(
                    |id| if fault == Some(Fault::WrongId) { HeaderValue::from_static(STRANGER) } else { id },
                );
            echo.and_then(|id| headers.insert(ID, id));
        }
    }
}

/// A short answer, once the request's body has come.
async fn plain(request: Request<Incoming>, text: impl Into<Bytes>) -> io::Result<Response<AnswerBody>> {
    request.into_body().collect().await.map_err(io::Error::other)?;
    Ok(Response::new(AnswerBody::whole(text)))
}

async fn refused(request: Request<Incoming>, refusal: Refusal) -> io::Result<Response<AnswerBody>> {
    let (status, text) = match refusal {
        Refusal::Query(wanted) => (StatusCode::BAD_REQUEST, format!("write {wanted}\n")),
        Refusal::Method(methods) => (StatusCode::METHOD_NOT_ALLOWED, format!("use {methods}\n")),
    };
    let mut response = plain(request, text).await?;
    *response.status_mut() = status;
    if let Refusal::Method(methods) = refusal {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    }
    Ok(response)
}

async fn unavailable(request: Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let mut response = plain(request, "not now\n").await?;
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Ok(response)
}

fn say_close(response: &mut Response<AnswerBody>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Reads an upload without keeping it; says that this many bytes less came.
async fn sink(request: Request<Incoming>, less: u64) -> io::Result<Response<AnswerBody>> {
    let (mut body, mut content) = (request.into_body(), Content::EMPTY);
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame.map_err(io::Error::other)?.into_data() {
            content.take(&bytes);
        }
    }
    let (count, checksum) = (content.bytes.saturating_sub(less), format!("{:016x}", content.checksum()));
    let mut response = Response::new(AnswerBody::whole(format!("{count} {checksum}\n")));
    response.headers_mut().insert(RECEIVED, count.into());
    response.headers_mut().insert(CHECKSUM, HeaderValue::try_from(checksum).map_err(io::Error::other)?);
    Ok(response)
}

async fn echo(request: Request<Incoming>) -> io::Result<Response<AnswerBody>> {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut response = Response::new(AnswerBody::whole(bytes));
    if let Some(kind) = head.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    Ok(response)
}

fn typed(kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The id of a request; 0 when it has none.
fn id(value: Option<&HeaderValue>) -> u64 {
    let number = |value: &HeaderValue| u64::from_str_radix(value.to_str().ok()?, 16).ok();
    value.and_then(number).unwrap_or(0)
}

/// Whether a fault is done by the service; the others are done to the bytes of the answer.
fn happens_here(fault: Fault) -> bool {
    use Fault::{
        AnnounceClose, Close, ExecuteTwice, Ignore, LoseAnswer, Reset, Swallow, Unavailable, WrongId,
    };
    matches!(
        fault,
        AnnounceClose | Close | ExecuteTwice | Ignore | LoseAnswer | Reset | Swallow | Unavailable | WrongId
    )
}

/// Never answers; but a client that is still there after this time is long past any deadline.
async fn hang() -> io::Result<()> {
    sleep(LONGEST_HANG).await;
    Err(on_purpose())
}

fn on_purpose() -> io::Error {
    io::Error::other("on purpose")
}
